"""The cover with the fewest evictions that a number of purges can buy.

This is a knapsack problem on a tree: Soldo, Argyraki and Markopoulou, "Optimal Source-Based Filtering of
Malicious Traffic" (IEEE/ACM Transactions on Networking 20(2), 2012), solve it for address prefixes by dynamic
programming. Two things make it fast here:

- The steps of the frontiers, taken in order of price, give the best cover at each price. If they meet the
  budget exactly, the cover is the answer: none of as few purges evicts less (Everett, "Generalized Lagrange
  Multiplier Method", Operations Research 11(3), 1963).
- Otherwise the budget lies within one step. Its price gives a bound that no cover can beat, and a few steps
  more or less give a good cover. A better one can differ from the best cover at this price only where the
  difference costs less than the gap between the two. Dynamic programming over these differences is exact.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

from purging.planning.frontier import Frontier

_MOST_WORK = 200_000
"""Combinations that the dynamic programming looks at: less than a second. Beyond them, the answer may not be
exact, and its bound says how far off it can be."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The nodes whose wildcards are used, by frontier. They take `purges` in all, and evict `evicted`.

    No cover with as few purges evicts less than `bound`. `price` is how many evictions a purge is worth.
    """

    wildcards: tuple[AbstractSet[int], ...]
    purges: int
    evicted: int
    bound: float
    price: float

    @property
    def exact(self) -> bool:
        """Whether no cover with as few purges evicts less."""
        return self.evicted - self.bound < 1


def fewest_evictions(frontiers: Sequence[tuple[Frontier, int]], budget: int) -> Choice:
    """Return the cover of all frontiers' keys that evicts least with at most `budget` purges.

    Each purge of a frontier is made as many times as the second number says. If no cover takes so few purges,
    the one that takes fewest is returned.
    """
    return _Knapsack(frontiers, budget).solve()


class _Knapsack:
    def __init__(self, frontiers: Sequence[tuple[Frontier, int]], budget: int) -> None:
        self._frontiers = [frontier for frontier, _ in frontiers]
        self._times = [times for _, times in frontiers]
        self._budget = budget
        self._steps = sorted(
            (step.price / times, number, step)
            for number, (frontier, times) in enumerate(frontiers)
            for step in frontier.steps
        )

    def solve(self) -> Choice:
        taken: list[set[int]] = [set() for _ in self._frontiers]
        purges = sum(
            frontier.purges * times for frontier, times in zip(self._frontiers, self._times, strict=True)
        )
        evicted, price = 0, 0.0
        for position, (step_price, number, step) in enumerate(self._steps):
            if purges <= self._budget:
                break
            price, saved = step_price, step.saved * self._times[number]
            if purges - saved < self._budget:
                return self._within_a_step(taken, purges, evicted, position)
            taken[number].add(step.node)
            purges, evicted = purges - saved, evicted + step.evicted
        return Choice(tuple(taken), purges, evicted, evicted, price)

    def _within_a_step(
        self, taken: Sequence[AbstractSet[int]], purges: int, evicted: int, position: int
    ) -> Choice:
        """The step at a position saves more than the budget needs."""
        price, number, step = self._steps[position]
        bound = evicted + price * (purges - self._budget)
        after = [*map(set, taken)]
        after[number].add(step.node)
        candidates = (
            self._less(after, purges - step.saved * self._times[number], evicted + step.evicted, position),
            self._more(taken, purges, evicted, position),
        )
        best = min((each for each in candidates if each), key=lambda each: (each[2], each[1]))
        choice = Choice(tuple(best[0]), best[1], best[2], bound, price)
        if choice.exact:
            return choice
        try:
            programming = _Programming(step.evicted, step.saved * self._times[number])
            return programming.better(self._frontiers, self._times, self._budget, choice)
        except _TooMuchWork:
            return choice

    def _less(
        self, taken: Sequence[AbstractSet[int]], purges: int, evicted: int, position: int
    ) -> tuple[list[set[int]], int, int]:
        """Give back steps, the dearest ones first, as long as the budget allows."""
        kept = [*map(set, taken)]
        for _, number, step in reversed(self._steps[:position]):
            saved = step.saved * self._times[number]
            if purges + saved <= self._budget and not self._is_below(number, step.node, kept[number]):
                kept[number].discard(step.node)
                purges, evicted = purges + saved, evicted - step.evicted
            if purges == self._budget:
                break
        return kept, purges, evicted

    def _more(
        self, taken: Sequence[AbstractSet[int]], purges: int, evicted: int, position: int
    ) -> tuple[list[set[int]], int, int] | None:
        """Skip the step at a position, and take dearer ones that save less, as long as more are needed."""
        more = [*map(set, taken)]
        blocked: set[tuple[int, int]] = set()
        for _, number, step in self._steps[position:]:
            saved = step.saved * self._times[number]
            if (number, step.node) in blocked or purges - saved < self._budget:
                # A step counts on all cheaper ones below it.
                blocked.update((number, above) for above in self._above(number, step.node))
            else:
                more[number].add(step.node)
                purges, evicted = purges - saved, evicted + step.evicted
            if purges == self._budget:
                return more, purges, evicted
        return None

    def _is_below(self, number: int, node: int, nodes: AbstractSet[int]) -> bool:
        return any(above in nodes for above in self._above(number, node))

    def _above(self, number: int, node: int) -> Iterator[int]:
        parents = self._parents[number]
        while (node := parents.get(node, -1)) >= 0:
            yield node

    @cached_property
    def _parents(self) -> list[dict[int, int]]:
        return [
            {child: parent for parent, node in enumerate(frontier.nodes) for child in node.children}
            for frontier in self._frontiers
        ]


# A cover of a part of the tree: what it costs more than the best one at the price, and its wildcards, as a
# node and the wildcards of two more parts.
_Wildcards = tuple[int, "_Wildcards", "_Wildcards"] | None
_Covers = dict[int, tuple[int, _Wildcards]]
"""Covers by the number of their purges."""


class _TooMuchWork(Exception):
    pass


class _Programming:
    """Dynamic programming over the covers that cost little more than the best one at a price.

    Costs are whole numbers: purges at the price's `numerator`, evictions at its `denominator`.
    """

    def __init__(self, numerator: int, denominator: int) -> None:
        self._numerator = numerator
        self._denominator = denominator
        self._work = 0

    def better(
        self, frontiers: Sequence[Frontier], times: Sequence[int], budget: int, known: Choice
    ) -> Choice:
        """Return the best cover, which is `known` unless there is a better one. Raises _TooMuchWork."""
        least = [self._least(frontier, each) for frontier, each in zip(frontiers, times, strict=True)]
        bound = sum(costs[-1] for costs in least) - self._numerator * budget
        # A better cover evicts at least one object less.
        limit = (known.evicted - 1) * self._denominator - bound
        covers: dict[int, tuple[int, tuple[_Wildcards, ...]]] = {0: (0, ())}
        for frontier, each, costs in zip(frontiers, times, least, strict=True):
            further = self._covers(frontier, each, costs, limit)
            joined: dict[int, tuple[int, tuple[_Wildcards, ...]]] = {}
            self._count(len(covers) * len(further))
            for purges, (cost, parts) in covers.items():
                for more, (extra, part) in further.items():
                    total, dearer = purges + more * each, cost + extra
                    if dearer <= limit and (total not in joined or dearer < joined[total][0]):
                        joined[total] = dearer, (*parts, part)
            covers = joined
        best = known
        for purges, (cost, parts) in covers.items():
            evicted = (cost + bound + self._numerator * (budget - purges)) // self._denominator
            if purges <= budget and (evicted, purges) < (best.evicted, best.purges):
                wildcards = tuple(set(_nodes(part)) for part in parts)
                best = Choice(wildcards, purges, evicted, evicted, known.price)
        return replace(best, bound=best.evicted)

    def _least(self, frontier: Frontier, times: int) -> list[int]:
        """The cost of the best cover of each node, and at the end of all keys."""
        purge = self._numerator * times
        costs: list[int] = []
        for node in frontier.nodes:
            apart = purge * node.own + sum(costs[child] for child in node.children)
            costs.append(min(purge + self._denominator * node.collateral, apart))
        costs.append(purge * frontier.own + sum(costs[root] for root in frontier.roots))
        return costs

    def _covers(self, frontier: Frontier, times: int, least: Sequence[int], limit: int) -> _Covers:
        """The covers of all keys of a frontier that cost at most `limit` more than the best one."""
        purge = self._numerator * times
        covers: dict[int, _Covers] = {}
        for number, node in enumerate(frontier.nodes):
            apart = purge * node.own + sum(least[child] for child in node.children)
            found = self._joined(node.own, [covers.pop(child) for child in node.children], limit)
            extra = apart - least[number]
            if extra:
                found = {
                    purges: (cost + extra, part)
                    for purges, (cost, part) in found.items()
                    if cost + extra <= limit
                }
            cost = purge + self._denominator * node.collateral - least[number]
            if cost <= limit and (1 not in found or cost < found[1][0]):
                found[1] = cost, (number, None, None)
            covers[number] = found
        return self._joined(frontier.own, [covers.pop(root) for root in frontier.roots], limit)

    def _joined(self, own: int, parts: Sequence[_Covers], limit: int) -> _Covers:
        covers: _Covers = {own: (0, None)}
        for part in parts:
            if len(part) == 1 and len(covers) == 1:
                ((purges, (cost, wildcards)),) = covers.items()
                ((more, (extra, others)),) = part.items()
                covers = {purges + more: (cost + extra, _both(wildcards, others))}
                continue
            self._count(len(covers) * len(part))
            joined: _Covers = {}
            for purges, (cost, wildcards) in covers.items():
                for more, (extra, others) in part.items():
                    total, dearer = purges + more, cost + extra
                    if dearer <= limit and (total not in joined or dearer < joined[total][0]):
                        joined[total] = dearer, _both(wildcards, others)
            covers = joined
        return covers

    def _count(self, combinations: int) -> None:
        self._work += combinations
        if self._work > _MOST_WORK:
            raise _TooMuchWork


def _both(one: _Wildcards, other: _Wildcards) -> _Wildcards:
    return (-1, one, other) if one and other else one or other


def _nodes(wildcards: _Wildcards) -> Iterator[int]:
    unopened = [wildcards]
    while unopened:
        if part := unopened.pop():
            node, one, other = part
            unopened += (one, other)
            if node >= 0:
                yield node
