"""What accepted purges have made fresh already."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from math import inf

from purging.clocks import SKEW_SECONDS, surely_before
from purging.planning.targets import PART_WILDCARDS, PurgeTarget
from purging.purges import AcceptedPurge


class Coverage:
    """What the purges submitted so far have made fresh."""

    def __init__(self, submitted: Iterable[AcceptedPurge]) -> None:
        self._exact: dict[str, list[AcceptedPurge]] = defaultdict(list)
        self._prefixes: dict[str, list[AcceptedPurge]] = defaultdict(list)
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

    def covers(self, target: PurgeTarget) -> bool:
        """Whether every change behind a need happened before a purge that covers its URL.

        A purge came later than a change if it was made for that very change, whatever the clocks say, or
        was submitted later by more than the clocks can be apart. This one rule absorbs duplicates,
        retries, reordering and overlap with wildcards.
        """
        return _came_after(list(self._matching(target.url)), target)

    def missing(self, target: PurgeTarget) -> Sequence[PurgeTarget]:
        """What no submitted purge covers of a need: nothing, all of it, or those of its parts that were not
        bought yet when the others were."""
        if self.covers(target):
            return ()
        if not target.with_variants or not (
            target.exact in self._exact
            or any(f"{target.exact}{each[:-1]}" in self._prefixes for each in PART_WILDCARDS)
        ):
            return (target,)
        left = [part for part in target.parts() if not self.covers(part)]
        return (target,) if left and not any(map(self._bought, target.parts())) else left

    def _bought(self, target: PurgeTarget) -> bool:
        """Whether a purge of just this URL came after every change behind a need."""
        url = target.url
        purges = self._prefixes.get(url[:-1], ()) if url.endswith("*") else self._exact.get(url, ())
        return _came_after(purges, target)

    def forgotten_since(self, target: PurgeTarget, removed_at: float) -> bool:
        """Whether a purge of a need's URL was made for its removal at a time (unix seconds), or later."""
        if any(purge.submitted_at >= removed_at - SKEW_SECONDS for purge in self._matching(target.url)):
            return True
        return target.with_variants and all(self.forgotten_since(part, removed_at) for part in target.parts())

    def _matching(self, url: str) -> Iterator[AcceptedPurge]:
        """A wildcard is covered by shorter wildcards alone; an exact URL also by itself."""
        text = url.removesuffix("*")
        if text == url:
            yield from self._exact.get(url, ())
        at = bisect_right(self._sorted, text) - 1
        while at >= 0:
            if text.startswith(self._sorted[at]):
                yield from self._prefixes[self._sorted[at]]
            at = self._shorter[at]


def _came_after(purges: Sequence[AcceptedPurge], target: PurgeTarget) -> bool:
    latest = max((purge.submitted_at for purge in purges), default=-inf)
    return all(
        surely_before(change, latest) or any(purge.made_for(change.identity) for purge in purges)
        for change in target.changed_object.changes
    )
