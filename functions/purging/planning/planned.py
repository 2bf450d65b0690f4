"""The purges of a plan, and what each of them covers."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from purging.planning.targets import PurgeTarget


@dataclass(frozen=True, slots=True)
class PlannedPurge:
    """One call to make, the targets that it covers, and how many unchanged objects it evicts as well.

    `weight` is what these evictions cost: their number, unless EvictionWeights says something else.
    """

    url: str
    targets: tuple[PurgeTarget, ...]
    collateral: int = 0
    weight: int = 0

    @property
    def manual(self) -> bool:
        """Whether a person asked for it, so that it may use the reserve."""
        return any(target.changed_object.manual for target in self.targets)

    @property
    def since(self) -> float:
        """When the oldest change that it covers happened, in unix seconds."""
        return min(target.changed_object.since for target in self.targets)

    @property
    def objects(self) -> int:
        """How many changed objects it covers."""
        return len({target.changed_object for target in self.targets})

    @property
    def changes(self) -> int:
        """How many changes it covers. A change counts once for each of its URLs."""
        return sum(len(target.changed_object.changes) for target in self.targets)

    @property
    def sample(self) -> str | None:
        """An exact URL that it covers, for the freshness check; None if a client would rewrite its path."""
        exact = self.targets[0].exact
        segments = exact.split("/")
        return None if exact.endswith("*") or "." in segments or ".." in segments else exact


def without_covered(purges: Iterable[PlannedPurge]) -> list[PlannedPurge]:
    """Return the purges without those that lie under another one, which covers their targets as well."""
    kept: list[PlannedPurge] = []
    # A wildcard sorts right before everything that it covers, its own exact URL included.
    for purge in sorted(purges, key=lambda each: (each.url.removesuffix("*"), not each.url.endswith("*"))):
        above = kept[-1] if kept else None
        if above and _covers(above.url, purge.url):
            kept[-1] = replace(above, targets=above.targets + purge.targets)
        else:
            kept.append(purge)
    return kept


def with_riders(purges: Sequence[PlannedPurge], held: Iterable[PurgeTarget]) -> list[PlannedPurge]:
    """Return the purges, with the held targets that each of them covers anyway. None of the purges may lie
    under another one."""
    riders: dict[int, list[PurgeTarget]] = defaultdict(list)
    in_order = sorted(range(len(purges)), key=lambda at: purges[at].url.removesuffix("*"))
    texts = [purges[at].url.removesuffix("*") for at in in_order]
    for target in held:
        # Only the last one that does not sort after the URL can be its prefix, as none lies under another.
        at = bisect_right(texts, target.url.removesuffix("*")) - 1
        if at >= 0 and _covers(purges[in_order[at]].url, target.url):
            riders[in_order[at]].append(target)
    return [
        replace(purge, targets=(*purge.targets, *riders[at])) if at in riders else purge
        for at, purge in enumerate(purges)
    ]


def _covers(purge: str, url: str) -> bool:
    return purge == url or (purge.endswith("*") and url.removesuffix("*").startswith(purge[:-1]))
