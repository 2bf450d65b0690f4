"""Chooses the purges that cover all targets: one for each URL, or a wildcard for many."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from purging.cover import weighted_cover
from purging.planning.neighbours import Neighbours
from purging.planning.targets import PART_WILDCARDS, PurgeTarget
from purging.urls import Root, is_file, wildcard_allowed


@dataclass(frozen=True, slots=True)
class PlannedPurge:
    """One call to make, the targets that it covers, and its collateral."""

    url: str
    targets: tuple[PurgeTarget, ...]
    collateral: int = 0

    @property
    def manual(self) -> bool:
        """Whether a person asked for it. Then it may use the reserve."""
        return any(target.changed_object.manual for target in self.targets)

    @property
    def since(self) -> float:
        """When the oldest change that it covers happened, in unix seconds."""
        return min(target.changed_object.since for target in self.targets)

    @property
    def changes(self) -> int:
        """How many changes it covers. A change counts once for each of its URLs."""
        return sum(len(target.changed_object.changes) for target in self.targets)

    @property
    def sample(self) -> str | None:
        """An exact URL that it covers, for the freshness check; None if its target is a wildcard, or if
        a client would rewrite its path."""
        exact = self.targets[0].exact
        segments = exact.split("/")
        return None if exact.endswith("*") or "." in segments or ".." in segments else exact


class Wildcards:
    """Chooses wildcards and exact purges for targets, at any price.

    `neighbours` are given by bucket; without them, a bucket's keys are purged one by one. `refused` are
    wildcards that ImageKit refused. Objects with the same roots are planned together: each purge is made once
    for each root, which multiplies its price. A root under which ImageKit refused a wildcard is planned by
    itself. The same holds for a root that accepts a key's wildcard if another root does not.
    """

    def __init__(
        self, targets: Iterable[PurgeTarget], neighbours: Mapping[str, Neighbours], refused: frozenset[str]
    ) -> None:
        self._single: list[PlannedPurge] = []
        together: dict[tuple[str, str, bool, Root | None], list[PurgeTarget]] = defaultdict(list)
        by_itself = cache(lambda root: any(url.startswith(root.prefix) for url in refused))
        for target in targets:
            if target.root is None or target.changed_object.manual or target.exact.endswith("*"):
                self._single.append(PlannedPurge(target.url, (target,)))
            else:
                alone = target.root if by_itself(target.root) else None
                together[target.bucket, target.key, target.with_variants, alone].append(target)
        alike: dict[tuple[str, bool, tuple[Root, ...]], dict[str, list[PurgeTarget]]] = defaultdict(dict)
        for (bucket, key, variants, _), each in together.items():
            alike[bucket, variants, tuple(target.root for target in each if target.root)][key] = each
        unchanged = {bucket: sorted(set(found.unchanged)) for bucket, found in neighbours.items()}
        self._groups = [
            _Group(
                by_key,
                roots,
                neighbours.get(bucket, Neighbours()),
                unchanged.get(bucket, []),
                refused,
                variants=variants,
            )
            for (bucket, variants, roots), by_key in alike.items()
        ]

    def at(self, price: float) -> list[PlannedPurge]:
        """Return the purges that cover all targets at the least `price x purges + collateral`.

        None of them lies under another one.
        """
        return without_covered([*self._single, *(each for group in self._groups for each in group.at(price))])


class _Group:
    """Targets of one bucket by key, with the same roots, all with variants or all without. `unchanged` are
    the bucket's known unchanged keys, sorted."""

    def __init__(
        self,
        targets: Mapping[str, list[PurgeTarget]],
        roots: tuple[Root, ...],
        neighbours: Neighbours,
        unchanged: Sequence[str],
        refused: frozenset[str],
        *,
        variants: bool,
    ) -> None:
        self._targets = targets
        self._keys = sorted(targets)
        self._roots = roots
        self._unchanged = unchanged
        self._allowed = cache(_rule(roots, neighbours, refused))
        # Divisible keys: their own wildcard evicts other objects, of which at least one is known or likely.
        divisible = variants and not any(
            url.endswith(PART_WILDCARDS) and url.startswith(root.prefix) for url in refused for root in roots
        )
        self._divisible = frozenset(
            key for key in self._keys if divisible and _begins_others(key, neighbours, unchanged)
        )

    def at(self, price: float) -> Iterator[PlannedPurge]:
        """Yield the purges of the group at a price."""

        def alone(key: str) -> int:
            return 1 + len(PART_WILDCARDS) if key in self._divisible else 1

        at = 0
        # The chosen purges come sorted. Each covers the next `changed` keys in order.
        for chosen in weighted_cover(
            self._keys, self._unchanged, price * len(self._roots), self._allowed, alone
        ):
            covered = self._keys[at : at + chosen.changed]
            at += chosen.changed
            for position, root in enumerate(self._roots):
                mine = tuple(self._targets[key][position] for key in covered)
                if chosen.wildcard:
                    yield PlannedPurge(f"{root.url(chosen.prefix)}*", mine, chosen.collateral)
                elif chosen.prefix in self._divisible:
                    yield from (PlannedPurge(part.url, (part,)) for part in mine[0].parts())
                else:
                    yield PlannedPurge(mine[0].url, mine)


def _begins_others(key: str, neighbours: Neighbours, unchanged: Sequence[str]) -> bool:
    """Whether unchanged keys begin with a changed key, or are likely to. `unchanged` is sorted."""
    after = bisect_right(unchanged, key)
    if after < len(unchanged) and unchanged[after].startswith(key):
        return True
    return key in neighbours.crowded and not neighbours.counted(key) and not is_file(key)


def _rule(roots: tuple[Root, ...], neighbours: Neighbours, refused: frozenset[str]) -> Callable[[str], bool]:
    """Return the rule that allows a wildcard on a key prefix if ImageKit accepts it under every root, and if
    its collateral is known."""

    def allowed(prefix: str) -> bool:
        if not neighbours.counted(prefix) or prefix.rpartition("/")[2] in (".", ".."):
            return False
        for root in roots:
            if len(prefix) <= len(root.folder) or not prefix.startswith(root.folder):
                return False
            url = root.url(prefix)
            if f"{url}*" in refused or not wildcard_allowed(root.path(url)):
                return False
        return True

    return allowed


def without_covered(purges: Iterable[PlannedPurge]) -> list[PlannedPurge]:
    """Return the purges without those that lie under another one, which covers their targets as well."""
    kept: list[PlannedPurge] = []
    # A wildcard sorts right before everything that it covers, its own exact URL included.
    for purge in sorted(purges, key=lambda each: (each.url.removesuffix("*"), not each.url.endswith("*"))):
        above = kept[-1] if kept else None
        if above and _covers(above.url, purge.url):
            kept[-1] = PlannedPurge(above.url, above.targets + purge.targets, above.collateral)
        else:
            kept.append(purge)
    return kept


def with_riders(purges: Sequence[PlannedPurge], held: Iterable[PurgeTarget]) -> list[PlannedPurge]:
    """Return the purges, each with the held targets that it covers too. None of the purges may lie under
    another one."""
    riders: dict[int, list[PurgeTarget]] = defaultdict(list)
    in_order = sorted(range(len(purges)), key=lambda at: purges[at].url.removesuffix("*"))
    texts = [purges[at].url.removesuffix("*") for at in in_order]
    for target in held:
        # Only the last one that does not sort after the URL can be its prefix, as none lies under another.
        at = bisect_right(texts, target.url.removesuffix("*")) - 1
        if at >= 0 and _covers(purges[in_order[at]].url, target.url):
            riders[in_order[at]].append(target)
    return [
        PlannedPurge(purge.url, (*purge.targets, *riders[at]), purge.collateral) if at in riders else purge
        for at, purge in enumerate(purges)
    ]


def _covers(purge: str, url: str) -> bool:
    return purge == url or (purge.endswith("*") and url.removesuffix("*").startswith(purge[:-1]))
