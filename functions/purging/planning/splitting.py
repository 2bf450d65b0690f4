"""Good covers for a budget that lies within a step of the frontiers.

The step saves more purges than are needed: its wildcard alone evicts far more than it must, if most of the
tree lies below it. Some of the wildcards that it replaces may suffice. The frontier dropped them, as they are
dearer, but it still has them. So the step is skipped, and what it dropped below joins the steps that are
left. In order of price, each of them is taken that saves no more than is needed, and any other one is a step
to skip in turn. With each of these as it is, there is a cover, too.

Instead of this step, one of the cheaper ones may be skipped after it. All covers are compared, and a search
ends where nothing cheaper than the best one can follow.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from purging.planning.frontier import Frontier, Step

_MOST_WORK = 50_000
"""Steps to look at: about a tenth of a second. Each takes O(log n + depth of the tree)."""

# The price of a step where each purge is made as many times as its frontier says, the number of the frontier,
# and the step.
PricedStep = tuple[float, int, Step]


def wildcards_of(steps: Iterable[PricedStep], frontiers: int) -> tuple[AbstractSet[int], ...]:
    """Return the nodes of steps, by frontier."""
    nodes: list[set[int]] = [set() for _ in range(frontiers)]
    for _, number, step in steps:
        nodes[number].add(step.node)
    return tuple(nodes)


class Taken(NamedTuple):
    """The steps that a cover takes. Of two covers that suffice, the lesser one is better."""

    evicted: int
    purges: int
    steps: Sequence[PricedStep]


class Splitting:
    """The search for a cover with at most `budget` purges.

    `steps` are those of all frontiers, in order. The last one of the steps that `whole` takes saves more than
    is needed after those before it.
    """

    def __init__(
        self,
        frontiers: Sequence[tuple[Frontier, int]],
        budget: int,
        steps: Sequence[PricedStep],
        whole: Taken,
    ) -> None:
        self._frontiers, self._budget, self._steps = frontiers, budget, steps
        self.whole = whole
        self._position = len(whole.steps) - 1
        self._work = 0

    def by_whole_steps(self) -> Taken:
        """Return the best cover found without a part of a step."""
        fewer = self._without_dearest(self.whole, self._used)
        found = self._instead_of(self._position, fewer.evicted, split=False)
        return self._joined(self._position, found) if found else fewer

    def by_parts(self, best: Taken, bound: float) -> Taken:
        """Return the best cover found, which is `best` unless there is a better one. None can evict less than
        `bound`.

        This takes O(n log n) for the n steps of the frontiers, and O(log n + depth of the tree) for each of
        at most _MOST_WORK steps.
        """
        spare = self._budget - self.whole.purges
        instead_of: int | None = None
        for position in range(self._position, -1, -1):
            price, number, _ = skipped = self._steps[position]
            if best.evicted - bound < 1 or self.whole.evicted - price * spare >= best.evicted:
                break
            if self._work > _MOST_WORK:
                break
            if self._saved(skipped) >= spare and self._used[number].isdisjoint(self._above(skipped)):
                found = self._instead_of(position, best.evicted, split=True)
                best, instead_of = (found, position) if found else (best, instead_of)
        if instead_of is None:
            return best
        best = self._joined(instead_of, best)
        return self._without_dearest(best, wildcards_of(best.steps, len(self._frontiers)))

    def _without_dearest(self, cover: Taken, wildcards: Iterable[AbstractSet[int]]) -> Taken:
        """Give back steps of a cover, the dearest ones first, as long as the budget allows."""
        if cover.purges == self._budget:
            return cover
        evicted, purges, steps = cover.evicted, cover.purges, sorted(cover.steps)
        used = [set(nodes) for nodes in wildcards]
        kept: list[PricedStep] = []
        while steps and purges < self._budget:
            _, number, step = priced = steps.pop()
            saved = self._saved(priced)
            if purges + saved <= self._budget and used[number].isdisjoint(self._above(priced)):
                used[number].discard(step.node)
                purges, evicted = purges + saved, evicted - step.evicted
            else:
                kept.append(priced)
        return Taken(evicted, purges, [*steps, *kept])

    def _instead_of(self, position: int, least: int, *, split: bool) -> Taken | None:
        """Skip the step at a position, and take dearer ones instead. With `split`, they may be those that a
        skipped step dropped. Returns the best cover that evicts less than `least`, with these steps only."""
        skipped = self._steps[position]
        evicted = self.whole.evicted - skipped[2].evicted
        purges = self.whole.purges + self._saved(skipped)
        # A step counts on all cheaper ones below it.
        blocked = set(self._places_above(skipped))
        parts = self._dropped(skipped) if split else []
        heapify(parts)
        following = self._position + 1
        taken: list[PricedStep] = []
        found: Taken | None = None
        while purges > self._budget and (parts or following < len(self._steps)):
            if parts and (following == len(self._steps) or parts[0] < self._steps[following]):
                priced = heappop(parts)
            else:
                priced = self._steps[following]
                following += 1
            price, number, step = priced
            self._work += split
            if evicted + price * (purges - self._budget) >= least or self._work > _MOST_WORK:
                break
            if (number, step.node) in blocked:
                continue
            saved = self._saved(priced)
            if purges - saved >= self._budget:
                taken.append(priced)
                purges, evicted = purges - saved, evicted + step.evicted
                continue
            if split and evicted + step.evicted < least:
                least = evicted + step.evicted
                found = Taken(least, purges - saved, [*taken, priced])
                self._work += len(taken)
            blocked.update(self._places_above(priced))
            if split:
                for part in self._dropped(priced):
                    heappush(parts, part)
        if purges <= self._budget and evicted < least:
            found = Taken(evicted, purges, taken)
        return found

    def _joined(self, position: int, found: Taken) -> Taken:
        """The cover that takes these steps instead of the one at a position."""
        others = self.whole.steps[:position], self.whole.steps[position + 1 :]
        return found._replace(steps=[*others[0], *others[1], *found.steps])

    def _saved(self, priced: PricedStep) -> int:
        _, number, step = priced
        return step.saved * self._frontiers[number][1]

    def _dropped(self, priced: PricedStep) -> list[PricedStep]:
        _, number, step = priced
        frontier, times = self._frontiers[number]
        return [(each.price / times, number, each) for each in frontier.dropped.get(step.node, ())]

    def _above(self, priced: PricedStep) -> Iterator[int]:
        _, number, step = priced
        node, parents = step.node, self._parents[number]
        while (node := parents.get(node, -1)) >= 0:
            yield node

    def _places_above(self, priced: PricedStep) -> Iterator[tuple[int, int]]:
        return ((priced[1], node) for node in self._above(priced))

    @cached_property
    def _used(self) -> tuple[AbstractSet[int], ...]:
        return wildcards_of(self.whole.steps, len(self._frontiers))

    @cached_property
    def _parents(self) -> list[dict[int, int]]:
        return [
            {child: parent for parent, node in enumerate(frontier.nodes) for child in node.children}
            for frontier, _ in self._frontiers
        ]
