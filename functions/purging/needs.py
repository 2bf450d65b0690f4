"""What must be purged: the URLs of pending changes that no submitted purge covers yet. Pure."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf

from purging.changes import Change, ObjectChange, UrlChange
from purging.changesets import ChangeSet
from purging.items import Submitted
from purging.urls import Root, UrlMap, wildcard_allowed

SKEW_SECONDS = 11.0
"""How far S3's clock and a function's may be apart: 5 seconds off either way, and the fraction of a second
that EventBridge cuts off."""


PART_WILDCARDS = ("/ik-*", "?*")
"""What stands behind the URL of an object in its variants' URLs. A wildcard is a prefix of the text of a URL
(ImageKit documentation, "Cache purge"), so that each of these reaches no other object."""


def surely_before(change: Change, time: float) -> bool:
    """Whether a change happened before a time of a function's clock, however far the clocks are apart."""
    return change.occurred_at.timestamp() + SKEW_SECONDS <= time


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """All waiting changes of one object (or URL): one purge after the last of them serves them all."""

    changes: tuple[Change, ...]
    manual: bool

    @property
    def since(self) -> float:
        """When the first of the changes happened, in unix seconds."""
        return min(change.occurred_at.timestamp() for change in self.changes)

    @property
    def may_be_new(self) -> bool:
        """Whether the object may never have existed before: only a bucket with versions can tell."""
        return not self.manual and all(
            isinstance(change, ObjectChange)
            and change.kind == "created"
            and change.version_id not in (None, "null")
            for change in self.changes
        )


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """That one URL of a pending object be purged: as `url`, or as `exact` if ImageKit refuses `url`.

    `bucket`, `key` and `root` say where the URL comes from; a URL that someone asked for has no root.
    """

    pending: Pending
    url: str
    exact: str
    bucket: str = ""
    key: str = ""
    root: Root | None = None

    @property
    def with_variants(self) -> bool:
        """Whether all variants of an object's URL are meant, so that `url` is `exact` and a `*`."""
        return self.root is not None and self.url.endswith("*") and not self.exact.endswith("*")

    def parts(self) -> tuple["Need", ...]:
        """The same for what has variants, in purges that evict no other object: the URL itself, its query
        variants, and what ImageKit derives from a file (`/ik-thumbnail.jpg`, `/ik-video.mp4` and so on:
        ImageKit documentation, "Video API" and "Image transformation"). What ImageKit refuses of it is
        purged as `url`."""
        itself = replace(self, url=self.exact)
        return itself, *(
            replace(self, url=f"{self.exact}{variants}", exact=self.url) for variants in PART_WILDCARDS
        )


class Coverage:
    """What the purges submitted so far have made fresh."""

    def __init__(self, submitted: Iterable[Submitted]) -> None:
        self._exact: dict[str, list[Submitted]] = defaultdict(list)
        self._prefixes: dict[str, list[Submitted]] = defaultdict(list)
        for purge in submitted:
            if purge.url.endswith("*"):
                self._prefixes[purge.url[:-1]].append(purge)
            else:
                self._exact[purge.url].append(purge)
        # In order, each after what it begins with: what a URL begins with is found from the last one that
        # is not behind it, and then from what that one begins with.
        self._sorted = sorted(self._prefixes)
        self._shorter: list[int] = []
        above: list[int] = []
        for at, prefix in enumerate(self._sorted):
            while above and not prefix.startswith(self._sorted[above[-1]]):
                above.pop()
            self._shorter.append(above[-1] if above else -1)
            above.append(at)

    def covers(self, need: Need) -> bool:
        """Whether every change behind a need happened before a purge that covers its URL.

        A purge came later than a change if it was made for that very change, whatever the clocks say, or
        was submitted later by more than the clocks can be apart. This one rule absorbs duplicates,
        retries, reordering and overlap with wildcards.
        """
        return _came_after(list(self._matching(need.url)), need)

    def missing(self, need: Need) -> Sequence[Need]:
        """What no submitted purge covers of a need: nothing, all of it, or those of its parts that were not
        bought yet when the others were."""
        if self.covers(need):
            return ()
        if not need.with_variants or not (
            need.exact in self._exact
            or any(f"{need.exact}{each[:-1]}" in self._prefixes for each in PART_WILDCARDS)
        ):
            return (need,)
        left = [part for part in need.parts() if not self.covers(part)]
        return (need,) if left and not any(map(self._bought, need.parts())) else left

    def _bought(self, need: Need) -> bool:
        """Whether a purge of just this URL came after every change behind a need."""
        url = need.url
        purges = self._prefixes.get(url[:-1], ()) if url.endswith("*") else self._exact.get(url, ())
        return _came_after(purges, need)

    def forgotten_since(self, need: Need, removed_at: float) -> bool:
        """Whether a purge of a need's URL was made for its removal at a time (unix seconds), or later."""
        if any(purge.submitted_at >= removed_at - SKEW_SECONDS for purge in self._matching(need.url)):
            return True
        return need.with_variants and all(self.forgotten_since(part, removed_at) for part in need.parts())

    def _matching(self, url: str) -> Iterator[Submitted]:
        """A wildcard is covered by shorter wildcards alone; an exact URL also by itself."""
        text = url.removesuffix("*")
        if text == url:
            yield from self._exact.get(url, ())
        at = bisect_right(self._sorted, text) - 1
        while at >= 0:
            if text.startswith(self._sorted[at]):
                yield from self._prefixes[self._sorted[at]]
            at = self._shorter[at]


def _came_after(purges: Sequence[Submitted], need: Need) -> bool:
    latest = max((purge.submitted_at for purge in purges), default=-inf)
    return all(
        surely_before(change, latest) or any(purge.made_for(change.identity) for purge in purges)
        for change in need.pending.changes
    )


def gather(sets: Iterable[ChangeSet]) -> list[Pending]:
    """The changes of all sets by object, without repeats, in the order they first appear."""
    changes: dict[tuple[str, str], dict[bytes, Change]] = defaultdict(dict)
    manual: set[tuple[str, str]] = set()
    for change_set in sets:
        for change in change_set.changes:
            changes[change.subject][change.identity] = change
            if change_set.manual:
                manual.add(change.subject)
    return [Pending(tuple(each.values()), subject in manual) for subject, each in changes.items()]


def needs_of(
    pending: Pending, url_map: UrlMap, *, query_variants: bool, refused: frozenset[str]
) -> Iterator[Need]:
    """One need for each URL that shows the object. `refused` are wildcards that ImageKit did not accept.

    A key that ends in a slash is a folder marker: it has no variants, and its wildcard would be the folder's.
    """
    change = pending.changes[0]
    if isinstance(change, UrlChange):
        yield Need(pending, url=change.url, exact=change.url)
        return
    query_variants = query_variants and not change.key.endswith("/")
    for root in url_map.roots_of(change):
        exact = url = root.url(change.key)
        if query_variants and f"{exact}*" not in refused and wildcard_allowed(root.path(exact)):
            url = f"{exact}*"
        yield Need(pending, url, exact, change.bucket, change.key, root)
