"""Chooses the purges that cover all targets: one for each URL, or a wildcard for many."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from operator import itemgetter

from purging.cover import Purge
from purging.planning.budget import fewest_evictions
from purging.planning.frontier import Frontier
from purging.planning.neighbours import LEAST, UNLISTED_KEYS, Neighbours
from purging.planning.planned import PlannedPurge, without_covered
from purging.planning.seo_group import SeoGroup, outside, seo_groups
from purging.planning.targets import PART_WILDCARDS, PurgeTarget
from purging.urls import Root, is_file, wildcard_allowed


class Wildcards:
    """Chooses wildcards and exact purges for targets, at any price.

    `neighbours` are those of each bucket; without them, the bucket's keys are purged one by one. `refused`
    are wildcards that ImageKit did not accept. Objects with the same roots are planned together: each purge
    is made once for each root, which multiplies its price. A root under which ImageKit refused a wildcard is
    planned by itself, and so is a root that accepts a key's wildcard where another root does not. Roots of
    SEO-friendly URLs are planned apart from the others. `weight` is what the eviction of a key costs; 1
    without it.
    """

    def __init__(
        self,
        targets: Iterable[PurgeTarget],
        neighbours: Mapping[str, Neighbours],
        refused: frozenset[str],
        weight: Callable[[str], int] | None = None,
    ) -> None:
        single: list[PlannedPurge] = []
        seo: dict[tuple[str, Root | None], list[PurgeTarget]] = defaultdict(list)
        together: dict[tuple[str, str, bool, Root | None], list[PurgeTarget]] = defaultdict(list)
        by_itself = cache(lambda root: any(url.startswith(root.prefix) for url in refused))
        for target in targets:
            root = target.root
            if root is None or target.changed_object.manual:
                single.append(PlannedPurge(target.url, (target,)))
                continue
            alone = root if refused and by_itself(root) else None
            if root.seo:
                seo[target.bucket, alone].append(target)
            elif target.exact.endswith("*"):
                single.append(PlannedPurge(target.url, (target,)))
            else:
                together[target.bucket, target.key, target.with_variants, alone].append(target)
        # Many objects may have the same dependents.
        self._single = without_covered(single)
        alike: dict[tuple[str, tuple[Root, ...]], dict[str, list[PurgeTarget]]] = defaultdict(dict)
        for (bucket, key, *_), each in together.items():
            alike[bucket, tuple(target.root for target in each if target.root)][key] = each
        unchanged = {bucket: sorted(set(found.unchanged)) for bucket, found in neighbours.items()}
        self._groups: list[_Group | SeoGroup] = [
            _Group(
                by_key,
                roots,
                neighbours.get(bucket, Neighbours()),
                unchanged.get(bucket, []),
                refused,
                weight=weight,
            )
            for (bucket, roots), by_key in alike.items()
        ]
        self._groups += [
            SeoGroup(
                found,
                roots,
                neighbours.get(bucket, Neighbours()),
                unchanged.get(bucket, []),
                cache(_rule(roots, refused)),
                weight=weight,
            )
            for (bucket, _), each in seo.items()
            for roots, found in seo_groups(each)
        ]

    def sparing(self) -> list[PlannedPurge]:
        """Return the fewest purges that cover all targets and evict nothing needlessly."""
        return self.at(0.0)

    def least(self) -> int:
        """Return how many purges it takes at least to cover all targets."""
        choice = fewest_evictions([(group.frontier, group.times) for group in self._groups], 0)
        return len(self._single) + choice.purges

    def at(self, price: float) -> list[PlannedPurge]:
        """Return the purges that cover all targets at the least `price x purges + collateral`.

        None of them lies under another one.
        """
        return without_covered([*self._single, *(each for group in self._groups for each in group.at(price))])

    def within(self, budget: int) -> tuple[list[PlannedPurge], float]:
        """Return the purges that cover all targets with the fewest evictions, at most `budget` of them, and
        how many evictions one purge more would have spared. If that is impossible, there are as few as can
        be.

        Under a prefix that was not listed to its end, more keys are taken to lie than on a page.
        """
        frontiers = [(group.frontier, group.times) for group in self._groups]
        choice = fewest_evictions(frontiers, budget - len(self._single))
        chosen = (
            purge
            for group, (frontier, _), wildcards in zip(self._groups, frontiers, choice.wildcards, strict=True)
            for purge in group.purges(frontier.purges_of(wildcards))
        )
        return without_covered([*self._single, *chosen]), choice.price


class _Group:
    """Targets of one bucket by key, with the same roots. Those of one key have all variants, or none has.
    `unchanged` are the bucket's known unchanged keys, sorted."""

    def __init__(
        self,
        targets: Mapping[str, list[PurgeTarget]],
        roots: tuple[Root, ...],
        neighbours: Neighbours,
        unchanged: Sequence[str],
        refused: frozenset[str],
        *,
        weight: Callable[[str], int] | None,
    ) -> None:
        self._targets = targets
        self._keys = sorted(targets)
        self._roots = roots
        self._neighbours = neighbours
        self._unchanged = unchanged
        self._weight = weight
        self._accepted = cache(_rule(roots, refused))
        # Keys whose own wildcard evicts other objects. One known object is enough. Where nothing was listed,
        # the wildcard is taken to evict none.
        begin_others = [
            key
            for key in self._keys
            if targets[key][0].with_variants and _begins_others(key, neighbours, unchanged)
        ]
        indivisible = {key for key in begin_others if refused and self._part_refused(key, refused)}
        self._divisible = frozenset(begin_others) - indivisible
        # Keys that the wildcards of indivisible keys evict at any price, since there is no other purge.
        self._unspared = sorted(set(unchanged) - set(outside(unchanged, indivisible))) if indivisible else []
        self._indivisible = indivisible

    @property
    def times(self) -> int:
        """How many times each purge is made: once for each root."""
        return len(self._roots)

    def at(self, price: float) -> Iterator[PlannedPurge]:
        """Yield the purges of the group at a price."""
        return self.purges(self.frontier.at(price * self.times))

    @cached_property
    def frontier(self) -> Frontier:
        """The trade-off between purges and evictions, with a guess where keys are not known. Evictions that
        no plan can spare do not count."""
        unknown: Iterable[str] = self._neighbours.unlisted(self._keys)
        unchanged = self._unchanged
        if self._indivisible:
            unchanged = list(outside(unchanged, self._indivisible))
            unknown = set(outside([*unknown], self._indivisible))
        if not unknown:
            return Frontier(self._keys, unchanged, self._accepted, self._alone, self._weight)
        known = self._weight
        # What lies behind a key is taken to be like it.
        guessed = {key: UNLISTED_KEYS * (known(key.removesuffix(LEAST)) if known else 1) for key in unknown}
        return Frontier(
            self._keys,
            [*unchanged, *unknown],
            self._accepted,
            self._alone,
            lambda key: guessed.get(key) or (known(key) if known else 1),
        )

    def _alone(self, key: str) -> int:
        """How many purges a key takes by itself."""
        return 1 + len(PART_WILDCARDS) if key in self._divisible else 1

    def purges(self, cover: Iterable[Purge]) -> Iterator[PlannedPurge]:
        """Yield the purges of a cover, under every root."""
        at = 0
        # They come sorted. Each covers the next `changed` keys in order.
        for chosen in cover:
            covered = self._keys[at : at + chosen.changed]
            at += chosen.changed
            evicted, weight = self._evictions(chosen)
            for position, root in enumerate(self._roots):
                mine = tuple(self._targets[key][position] for key in covered)
                if chosen.wildcard:
                    url = f"{root.beginning(chosen.prefix)}*"
                    yield PlannedPurge(url, mine, evicted, weight)
                elif chosen.prefix in self._divisible:
                    yield from (PlannedPurge(part.url, (part,)) for part in mine[0].parts())
                else:
                    yield PlannedPurge(mine[0].url, mine, evicted, weight)

    def _evictions(self, chosen: Purge) -> tuple[int, int]:
        """How many unchanged keys a purge evicts, and what that costs. With weights, only known ones count:
        more is a guess."""
        unspared = _beginning(self._unspared, chosen.prefix)
        if self._weight is None:
            evicted = chosen.collateral + len(unspared)
            return evicted, evicted
        if not chosen.collateral and not unspared:
            return 0, 0
        weight = chosen.collateral + sum(map(self._weight, unspared))
        return len(_beginning(self._unchanged, chosen.prefix)), weight

    def _part_refused(self, key: str, refused: frozenset[str]) -> bool:
        """Whether ImageKit refused a part of what a key's own wildcard covers. That says nothing of the parts
        of other keys."""
        return any(
            f"{root.beginning(key)}{part}" in refused for root in self._roots for part in PART_WILDCARDS
        )


def _beginning(keys: Sequence[str], prefix: str) -> Sequence[str]:
    """The keys that begin with a prefix, of sorted ones."""
    start = bisect_left(keys, prefix)
    return keys[start : bisect_right(keys, prefix, start, key=itemgetter(slice(len(prefix))))]


def _begins_others(key: str, neighbours: Neighbours, unchanged: Sequence[str]) -> bool:
    """Whether unchanged keys begin with a changed key, or are likely to. `unchanged` is sorted."""
    after = bisect_right(unchanged, key)
    if after < len(unchanged) and unchanged[after].startswith(key):
        return True
    return key in neighbours.crowded and not neighbours.counted(key) and not is_file(key)


def _rule(roots: tuple[Root, ...], refused: frozenset[str]) -> Callable[[str], bool]:
    """Return the rule whether ImageKit accepts a wildcard behind a key prefix under every root."""

    def allowed(prefix: str) -> bool:
        if prefix.rpartition("/")[2] in (".", ".."):
            return False
        for root in roots:
            if len(prefix) <= len(root.folder) or not prefix.startswith(root.folder):
                return False
            url = root.beginning(prefix)
            if (refused and f"{url}*" in refused) or not wildcard_allowed(root.path(url)):
                return False
        return True

    return allowed
