"""Which purge targets accepted purges cover."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from purging.changes import Change, UrlChange
from purging.clocks import SKEW_SECONDS, surely_before
from purging.planning.targets import PART_WILDCARDS, ChangedObject, PurgeTarget
from purging.purges import AcceptedPurge
from purging.urls import UrlMap


class Coverage:
    """What accepted purges cover."""

    def __init__(self, accepted: Iterable[AcceptedPurge]) -> None:
        self._times: list[float] = []
        self._exact: dict[str, list[AcceptedPurge]] = defaultdict(list)
        self._prefixes: dict[str, list[AcceptedPurge]] = defaultdict(list)
        for purge in accepted:
            self._times.append(purge.submitted_at)
            if purge.url.endswith("*"):
                self._prefixes[purge.url[:-1]].append(purge)
            else:
                self._exact[purge.url].append(purge)
        # For each sorted prefix: the position of the longest other prefix that it begins with, or -1. The
        # prefixes of a URL are all on the chain that starts at the last one that does not sort after it.
        self._sorted = sorted(self._prefixes)
        self._shorter: list[int] = []
        above: list[int] = []
        for at, prefix in enumerate(self._sorted):
            while above and not prefix.startswith(self._sorted[above[-1]]):
                above.pop()
            self._shorter.append(above[-1] if above else -1)
            above.append(at)

    def accepted_since(self, time: float) -> list[float]:
        """Return when the purges since a time were submitted, in unix seconds, sorted."""
        return sorted(each for each in self._times if each >= time)

    def covers(self, target: PurgeTarget) -> bool:
        """Whether every change of a target happened before an accepted purge that covers its URL.

        A purge came after a change if it was made for that very change, whatever the clocks say, or if it was
        submitted surely later, although clocks differ. This one rule absorbs duplicates, retries, reordering
        and overlapping wildcards.
        """
        return _came_after(list(self._matching(target.url)), target)

    def missing(self, target: PurgeTarget, refused: AbstractSet[str] = frozenset()) -> Sequence[PurgeTarget]:
        """Return the parts of a target that no accepted purge covers: none, all of it (the target itself), or
        those that remain after purges of the others. If ImageKit `refused` one of these, it is all of it."""
        if not self._times:
            return (target,)
        if self.covers(target):
            return ()
        if not target.with_variants or not (
            target.exact in self._exact
            or any(f"{target.exact}{each[:-1]}" in self._prefixes for each in PART_WILDCARDS)
        ):
            return (target,)
        missing = [part for part in target.parts() if not self.covers(part)]
        whole = any(part.url in refused for part in missing) or not any(map(self._purged, target.parts()))
        return (target,) if missing and whole else missing

    def since_removal(self, target: PurgeTarget, removed_at: float) -> bool:
        """Whether a purge that covers a target was submitted after its removal (unix seconds), as far as the
        clocks can tell."""
        if any(purge.submitted_at >= removed_at - SKEW_SECONDS for purge in self._matching(target.url)):
            return True
        return target.with_variants and all(self.since_removal(part, removed_at) for part in target.parts())

    def _purged(self, target: PurgeTarget) -> bool:
        """Whether a purge of exactly this URL came after every change of a target."""
        url = target.url
        purges = self._prefixes.get(url[:-1], ()) if url.endswith("*") else self._exact.get(url, ())
        return _came_after(purges, target)

    def _matching(self, url: str) -> Iterator[AcceptedPurge]:
        """Yield the purges that cover a URL: wildcards of its prefixes, and its own exact URL."""
        text = url.removesuffix("*")
        if text == url:
            yield from self._exact.get(url, ())
        at = bisect_right(self._sorted, text) - 1
        while at >= 0:
            if text.startswith(self._sorted[at]):
                yield from self._prefixes[self._sorted[at]]
            at = self._shorter[at]


def purges_covering(
    changes: Iterable[Change], url_map: UrlMap, accepted: Iterable[AcceptedPurge]
) -> list[AcceptedPurge]:
    """Return the accepted purges, in their order, that cover a URL of one of the changes."""
    targets = [
        PurgeTarget(ChangedObject((change,), manual=True), url, url)
        for change in changes
        for url in ([change.url] if isinstance(change, UrlChange) else url_map.targets(change))
    ]
    return [purge for purge in accepted if any(map(Coverage([purge]).covers, targets))]


def _came_after(purges: Sequence[AcceptedPurge], target: PurgeTarget) -> bool:
    if not purges:
        return False
    latest = max(purge.submitted_at for purge in purges)
    return all(
        surely_before(change, latest) or any(purge.made_for(change.identity) for purge in purges)
        for change in target.changed_object.changes
    )
