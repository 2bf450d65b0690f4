"""Which unchanged keys lie around changed ones, and which changed keys are new: bounded S3 listings.

No full listing: a run of pages goes on as long as the next changed key is not more than a page away, and
starts again just before the next changed key if it is. So the requests are bounded by the changes, not by
the bucket. A prefix is only worth a wildcard if every key under it lies within such a run.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from os.path import commonprefix
from typing import TYPE_CHECKING, Protocol, TypedDict

from purging.errors import AWS_ERRORS
from purging.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef

PAGE = 1000
"""Keys (or versions) that S3 lists in one request (API reference, "ListObjectsV2")."""

MAX_REQUESTS = 300
"""For one look. What they do not reach is purged exactly."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a bucket holds after some key. `more` keys follow `last`.

    `keys` are current ones, in order; `versions` counts what is kept of each key, delete markers included.
    `removed` are current keys that had been removed before their latest version, and when (unix seconds).
    """

    keys: Sequence[str]
    versions: Counter[str]
    last: str
    more: bool
    removed: Mapping[str, float] = field(default_factory=dict)


class Lister(Protocol):
    """A bucket to list: S3's, or a simulated one."""

    def page(self, bucket: str, after: str, *, versions: bool) -> Page:
        """Up to PAGE entries after the key `after`. `versions`: count them; only versioned buckets can."""


@dataclass(slots=True)
class Neighbours:
    """What a look into a bucket found: `unchanged` keys around the changed ones, and of these the `new` ones,
    which have a single version, and those that were `removed` before their latest one, and when."""

    unchanged: list[str] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    removed: dict[str, float] = field(default_factory=dict)
    _starts: list[str] = field(default_factory=list)
    _ends: list[str | None] = field(default_factory=list)

    def counted(self, prefix: str) -> bool:
        """Whether every key under a prefix lies within one run of the listing."""
        run = bisect_left(self._starts, prefix) - 1
        if run < 0:
            return False
        end = self._ends[run]
        return end is None or (end > prefix and not end.startswith(prefix))

    def add_run(self, after: str, last: str | None) -> None:
        """Everything after one key up to another (or to the end of the bucket) has been listed."""
        self._starts.append(after)
        self._ends.append(last)


class Inventory:
    """Looks into buckets. Without permission, or when S3 fails, it finds nothing and says so once."""

    def __init__(self, lister: Lister) -> None:
        self._lister = lister
        self._warned = False

    def around(self, bucket: str, changed: Sequence[str], *, versions: bool) -> Neighbours:
        """The neighbours of changed keys, which come sorted by code point, as S3 sorts."""
        try:
            return _Look(self._lister, bucket, changed, versions=versions).run()
        except AWS_ERRORS as error:
            if not self._warned:
                self._warned = True
                logger.warning(
                    "bucket not listed: changes are purged one by one, and new objects too; SubmitPurge "
                    "needs s3:ListBucket and s3:ListBucketVersions there",
                    bucket=bucket,
                    reason=str(error),
                )
            return Neighbours()


class _Look:
    def __init__(self, lister: Lister, bucket: str, changed: Sequence[str], *, versions: bool) -> None:
        self._lister = lister
        self._bucket = bucket
        self._changed = changed
        self._members = frozenset(changed)
        self._versions = versions
        self._counts: Counter[str] = Counter()
        self._requests = 0
        self._found = Neighbours()

    def run(self) -> Neighbours:
        at, end = 0, None
        while at < len(self._changed) and self._requests < MAX_REQUESTS:
            after, page = self._start(at, end)
            self._take(page)
            at = max(at + 1, self._reached(page))
            while page.more and self._requests < MAX_REQUESTS:
                page = self._page(page.last)
                self._take(page)
                if self._reached(page) <= at:
                    break
                at = self._reached(page)
            end = page.last
            self._found.add_run(after, end if page.more else None)
        self._found.new = {key for key in self._members if self._counts[key] == 1}
        return self._found

    def _start(self, at: int, end: str | None) -> tuple[str, Page]:
        """(where a run starts, its first page): as early before a changed key as a page can be to reach it.

        The places to start from are those before prefixes of the key, short ones first: the shorter, the more
        keys lie between, so bisection finds the shortest from which one page suffices. `end` is that of the
        last run.
        """
        key = self._changed[at]
        places = [place for place in self._places(at) if end is None or place > end] or [end or ""]
        low, high = 0, len(places) - 1
        best: tuple[str, Page] | None = None
        while low < high and self._requests < MAX_REQUESTS:
            middle = (low + high) // 2
            page = self._page(places[middle])
            if page.more and page.last < key:
                low = middle + 1
            else:
                high, best = middle, (places[middle], page)
        return best or (places[-1], self._page(places[-1]))

    def _places(self, at: int) -> list[str]:
        """Where to start listing so as to meet a changed key and to count what lies under prefixes of it:
        the whole bucket, its folders, the parts of its name that it shares with keys after it, itself."""
        key = self._changed[at]
        lengths = {slash + 1 for slash, character in enumerate(key) if character == "/"} | {len(key)}
        name = shared = key.rfind("/") + 1
        for position in range(at + 1, len(self._changed)):
            shared = len(commonprefix((key, self._changed[position])))  # noqa: RUF071 - of characters
            if shared <= name:
                break
            lengths.add(shared)
        return sorted({"", *(_before(key[:length]) for length in lengths)})

    def _take(self, page: Page) -> None:
        self._found.unchanged += [key for key in page.keys if key not in self._members]
        self._counts.update(page.versions)
        self._found.removed.update((key, page.removed[key]) for key in page.removed if key in self._members)

    def _reached(self, page: Page) -> int:
        """How many of the changed keys lie in or before a page."""
        return bisect_right(self._changed, page.last) if page.more else len(self._changed)

    def _page(self, after: str) -> Page:
        self._requests += 1
        return self._lister.page(self._bucket, after, versions=self._versions)


def _before(prefix: str) -> str:
    """A text that sorts before everything that starts with a prefix, with little in between."""
    last = ord(prefix[-1]) - 1
    # Neither a control character nor a surrogate, which no request could carry.
    return prefix[:-1] + chr(last) if last >= ord(" ") and last != 0xDFFF else prefix[:-1]


class _Marker(TypedDict, total=False):
    KeyMarker: str


class S3Lister:
    """Lists buckets of S3."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def page(self, bucket: str, after: str, *, versions: bool) -> Page:
        """One request. Raises one of AWS_ERRORS, e.g. without s3:ListBucket or s3:ListBucketVersions."""
        return self._page_of_versions(bucket, after) if versions else self._page_of_keys(bucket, after)

    def _page_of_keys(self, bucket: str, after: str) -> Page:
        answer = self._client.list_objects_v2(Bucket=bucket, StartAfter=after, MaxKeys=PAGE)
        keys = [entry["Key"] for entry in answer.get("Contents", ())]
        return Page(keys, Counter(), keys[-1] if keys else after, answer["IsTruncated"])

    def _page_of_versions(self, bucket: str, after: str) -> Page:
        marker: _Marker = {"KeyMarker": after} if after else {}
        answer = self._client.list_object_versions(Bucket=bucket, MaxKeys=PAGE, **marker)
        kept = answer.get("Versions", [])
        markers = answer.get("DeleteMarkers", [])
        counts = Counter(entry["Key"] for entry in kept) + Counter(entry["Key"] for entry in markers)
        keys = [entry["Key"] for entry in kept if entry["IsLatest"]]
        last = max(counts, default=after)
        if answer["IsTruncated"]:
            # The page may end between two versions of a key, and listing after a key skips the rest of them.
            if len(counts) == 1:
                counts[last] += 1  # as many versions as fit on a page: it is not new
            else:
                del counts[last]
                keys = [key for key in keys if key != last]
                last = max(counts)
        return Page(keys, counts, last, answer["IsTruncated"], _removed(keys, kept, markers))


def _removed(
    keys: Sequence[str],
    kept: Sequence["ObjectVersionTypeDef"],
    markers: Sequence["DeleteMarkerEntryTypeDef"],
) -> dict[str, float]:
    """The keys whose version before the latest is a delete marker, and when it was made (unix seconds)."""
    # The latest versions come first. S3 tells whole seconds: of the same one, nobody knows.
    before: dict[str, datetime] = {}
    for entry in kept:
        if not entry["IsLatest"]:
            before.setdefault(entry["Key"], entry["LastModified"])
    removed: dict[str, datetime] = {}
    for marker in markers:
        removed.setdefault(marker["Key"], marker["LastModified"])
    return {
        key: removed[key].timestamp()
        for key in keys
        if key in removed and (key not in before or before[key] < removed[key])
    }
