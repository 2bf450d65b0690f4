"""Dynamic programming over the covers near the best one at a price: the best cover for a budget, exactly.

A cover that is better than a known one can differ from the best cover at the price only where the difference
costs less than the gap between these two. Few covers of each part of the tree are that near.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from purging.planning.frontier import Frontier

_MOST_WORK = 200_000
"""Combinations to look at: less than a second."""


class Cover(NamedTuple):
    """A cover of the keys of several frontiers. Of two covers that suffice, the lesser one is better.

    `wildcards` are the nodes whose wildcards are used, by frontier.
    """

    evicted: int
    purges: int
    wildcards: tuple[AbstractSet[int], ...]


# A cover of a part of the tree: what it costs more than the best one at the price, and its wildcards, as a
# node and the wildcards of two more parts.
_Wildcards = tuple[int, "_Wildcards", "_Wildcards"] | None
_Covers = dict[int, tuple[int, _Wildcards]]
"""Covers by the number of their purges."""


class TooMuchWork(Exception):
    """More combinations than there is time for."""


class Programming:
    """The search for the best cover with at most `budget` purges.

    Each purge of a frontier is made as many times as the number beside it says. Costs are whole numbers:
    purges at the price's `numerator`, evictions at its `denominator`.
    """

    def __init__(
        self, frontiers: Sequence[tuple[Frontier, int]], budget: int, numerator: int, denominator: int
    ) -> None:
        self._frontiers = frontiers
        self._budget = budget
        self._numerator = numerator
        self._denominator = denominator
        self._work = 0

    def best(self, known: Cover, most: int) -> Cover:
        """Return the best cover, which is `known` unless there is a better one that evicts at most `most`.

        Raises TooMuchWork.
        """
        least = [self._least(frontier, times) for frontier, times in self._frontiers]
        bound = sum(costs[-1] for costs in least) - self._numerator * self._budget
        # A better cover evicts at least one object less, or takes at least one purge less.
        better = known.evicted * self._denominator - min(self._denominator, self._numerator)
        limit = min(better, most * self._denominator) - bound
        covers: dict[int, tuple[int, tuple[_Wildcards, ...]]] = {0: (0, ())}
        for (frontier, times), costs in zip(self._frontiers, least, strict=True):
            further = self._covers(frontier, times, costs, limit)
            joined: dict[int, tuple[int, tuple[_Wildcards, ...]]] = {}
            self._count(len(covers) * len(further))
            for purges, (cost, parts) in covers.items():
                for more, (extra, part) in further.items():
                    total, dearer = purges + more * times, cost + extra
                    if dearer <= limit and (total not in joined or dearer < joined[total][0]):
                        joined[total] = dearer, (*parts, part)
            covers = joined
        best = known
        for purges, (cost, parts) in covers.items():
            evicted = (cost + bound + self._numerator * (self._budget - purges)) // self._denominator
            if purges <= self._budget and (evicted, purges) < (best.evicted, best.purges):
                best = Cover(evicted, purges, tuple(set(_nodes(part)) for part in parts))
        return best

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
            raise TooMuchWork


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
