"""One survey of a bucket: where to list, in which order, and when to stop.

The bucket is not listed in full. Listing goes on page by page as long as the next changed key is at most a
page away. If it is farther, listing starts again just before it. So the number of changes bounds the
requests, not the size of the bucket. The survey begins where most changed keys stand together, and ends when
its time is over.

A prefix can only be worth a wildcard if every key under it was listed. A key that no listing reached is
listed by itself.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from os.path import commonprefix
from typing import Protocol

from purging.aws.clients import AWS_CALL_SECONDS
from purging.planning.neighbours import ListedRanges, Neighbours, Page
from purging.planning.surveys import SurveyRequest

MAX_PAGES, MAX_SINGLE_REQUESTS = 300, 1000
"""The most pages of listings, and the most requests about single keys, in one survey."""

_GROUP = 100  # changed keys in a group, at most
_DENSE = 10  # if a page reaches so many changed keys, the next page is listed even beyond the group
_PAGES_OF_A_KEY = 3  # at most, until a page shows an unchanged key: old versions may fill the first one


class Lister(Protocol):
    """Lists a bucket of S3, or of a fake."""

    def page(self, bucket: str, after: str, *, versions: bool, prefix: str = "") -> Page:
        """Return up to a page of entries after the key `after` that begin with a prefix. `versions`: count
        versions, which only a versioned bucket has."""


class Survey:
    """One survey. `remaining()` are the seconds that it may still take. `large`: the bucket is known to have
    more than a page of keys."""

    def __init__(
        self, lister: Lister, request: SurveyRequest, remaining: Callable[[], float], *, large: bool = False
    ) -> None:
        self.large = large
        self._lister = lister
        self._request = request
        self._changed = request.keys  # in order
        self._members = frozenset(request.keys)
        self._remaining = remaining
        self._spare = AWS_CALL_SECONDS  # seconds that the listing leaves for single keys
        self._pages = 0
        self._reached = bytearray(len(request.keys))
        self._unchanged: set[str] = set()
        self._versions: dict[str, int] = {}
        self._existing: set[str] = set()
        self._removed: dict[str, float] = {}
        self._listed_alone: set[str] = set()
        self._crowded: set[str] = set()
        self._ranges = ListedRanges()

    def run(self) -> None:
        """List around the changed keys, then the single keys that were not reached: half the time for each.

        Raises one of AWS_ERRORS if S3 refuses; what was found until then remains.
        """
        if self._request.single:
            self._spare = (self._remaining() + AWS_CALL_SECONDS) / 2
        for first, end in _groups(self._changed):
            at = first
            while self._may_list() and (at := self._reached.find(0, at, end)) >= 0:
                self._list_from(at, end)
        # A range may have ended at a key, so the keys that begin with it were not listed.
        self._list_single([key for key in self._request.single if not self._ranges.holds(key)])

    def found(self) -> Neighbours:
        """What was found so far."""
        return Neighbours(
            unchanged=sorted(self._unchanged),
            new={key for key in self._members if self._versions.get(key) == 1},
            removed=self._removed,
            existing=self._existing | (self._members & self._versions.keys()),
            listed_alone=self._listed_alone,
            crowded=self._crowded,
            ranges=self._ranges,
        )

    def _may_list(self) -> bool:
        return self._pages < MAX_PAGES and self._remaining() >= self._spare

    def _list_from(self, at: int, end: int) -> None:
        """List from before the changed key number `at`, as long as pages reach many changed keys, or until
        they have reached all keys before number `end`."""
        self._reached[at] = 1
        start = self._first_page(at)
        if start is None:
            return
        after, page = start
        reached = self._add_range(after, page)
        while page.more and self._may_list():
            if reached < _DENSE and self._reached.find(0, at, end) < 0:
                break
            after, page = page.last, self._page(page.last)
            reached = self._add_range(after, page)
            if not reached:
                break

    def _list_single(self, keys: Sequence[str]) -> None:
        requests = MAX_SINGLE_REQUESTS
        for key in keys:
            after = ""
            for _ in range(_PAGES_OF_A_KEY):
                if not requests or self._remaining() < AWS_CALL_SECONDS:
                    return
                requests -= 1
                page = self._lister.page(
                    self._request.bucket, after, versions=self._request.versions, prefix=key
                )
                after = page.last
                self._record(page)
                if not page.more:
                    self._listed_alone.add(key)
                    break
                # For the key's wildcard it matters whether other keys begin with it, not how many.
                self._crowded.add(key)
                if any(each not in self._members for each in page.keys):
                    break

    def _first_page(self, at: int) -> tuple[str, Page] | None:
        """Return where to start listing, and the first page from there; None if no time is left.

        The start is as far before the changed key as possible, but the first page still reaches the key.
        The candidates are the places before the key's prefixes. The shorter the prefix, the more keys lie
        between, so bisection finds the shortest prefix from which one page suffices.
        """
        key = self._changed[at]
        if not self.large:
            # One page may be all of the bucket.
            page = self._page("")
            self.large = page.more
            if not page.more or page.last >= key:
                return "", page
        listed = self._ranges.end_before(key)
        starts = [start for start in _starts(self._changed, at) if start >= listed] or [listed]
        low, high = 0, len(starts) - 1
        best: tuple[str, Page] | None = None
        while low < high and self._may_list():
            middle = (low + high) // 2
            page = self._page(starts[middle])
            if page.more and page.last < key:
                low = middle + 1
            else:
                high, best = middle, (starts[middle], page)
        if best or not self._may_list():
            return best
        return starts[-1], self._page(starts[-1])

    def _page(self, after: str) -> Page:
        """List a page and record its keys."""
        self._pages += 1
        page = self._lister.page(self._request.bucket, after, versions=self._request.versions)
        self._record(page)
        return page

    def _record(self, page: Page) -> None:
        self._existing |= self._members.intersection(page.keys)
        self._unchanged |= set(page.keys) - self._members
        self._versions.update(page.versions)
        self._removed.update((key, page.removed[key]) for key in page.removed if key in self._members)

    def _add_range(self, after: str, page: Page) -> int:
        """Note that all of a page was listed. Return how many changed keys no earlier page had reached."""
        self._ranges.add(after, page.last if page.more else None)
        first = bisect_right(self._changed, after)
        end = bisect_right(self._changed, page.last) if page.more else len(self._changed)
        reached = self._reached.count(0, first, end)
        self._reached[first:end] = b"\1" * (end - first)
        return reached


def _groups(changed: Sequence[str]) -> list[tuple[int, int]]:
    """Return where changed keys stand together, as ranges of their numbers, the largest groups first.

    The keys of a group share a prefix: the shortest that at most `_GROUP` keys share. Of groups of equal
    size, the one with the longer prefix comes first, as fewer other keys are likely to lie between. A key
    that stands alone is no group: a wildcard must cover two keys at least to save a purge.
    """
    groups: list[tuple[int, int, int, int]] = []
    ranges = [(0, len(changed))]
    while ranges:
        first, end = ranges.pop()
        if end - first < 2:
            continue
        shared = len(commonprefix((changed[first], changed[end - 1])))  # noqa: RUF071 - of characters
        if end - first <= _GROUP:
            groups.append((first - end, -shared, first, end))
            continue
        while first < end:
            part = changed[first][: shared + 1]
            after = bisect_right(changed, part, first, end, key=itemgetter(slice(shared + 1)))
            ranges.append((first, after))
            first = after
    return [(first, end) for _, _, first, end in sorted(groups)]


def _starts(changed: Sequence[str], at: int) -> list[str]:
    """Return places to start listing from, in order. From each, a listing that reaches the changed key number
    `at` has everything under one of its prefixes: the empty one, its folders, the parts of its name that it
    shares with later changed keys, the key itself."""
    key = changed[at]
    lengths = {slash + 1 for slash, character in enumerate(key) if character == "/"} | {len(key)}
    name = key.rfind("/") + 1
    position = at + 1
    while position < len(changed):
        shared = len(commonprefix((key, changed[position])))  # noqa: RUF071 - of characters
        if shared <= name:
            break
        lengths.add(shared)
        # Go on at the next key that shares less: tens of thousands may share as much.
        position = bisect_right(changed, key[:shared], position, key=itemgetter(slice(shared)))
    return sorted({"", *(_before(key[:length]) for length in lengths)})


def _before(prefix: str) -> str:
    """Return a text that sorts before everything that begins with a prefix, with few texts between."""
    last = ord(prefix[-1]) - 1
    # A request can contain neither control characters nor surrogates.
    return prefix[:-1] + chr(last) if last >= ord(" ") and last != 0xDFFF else prefix[:-1]
