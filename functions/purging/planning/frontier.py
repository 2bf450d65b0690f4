"""All covers of changed keys that are best at some price, found in one pass.

Without wildcards, each changed key is purged by itself: many purges, no needless eviction. A wildcard at a
branching point of the prefix tree replaces the purges below it: it saves some, and evicts unchanged keys.
There is a price at which that trade is even. Above that price the wildcard is better, below it the purges
are. So the best cover at any price is made of all steps whose price is lower, and the steps in order of price
are the whole trade-off between purges and evictions (its lower convex hull).

A branching point's price follows from the best cover below it, which depends on the price, too. Each open
branching point therefore keeps the steps below it in a heap, the dearest on top. Steps that are dearer than
the branching point itself never come to pass: they are dropped. Every step is pushed and dropped once, and a
smaller heap is merged into a larger one: the time is O(n log² n) at worst. The dropped steps are kept: they
are what comes to pass below the branching point if its wildcard may not be used.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from itertools import chain, compress, count, groupby
from operator import itemgetter
from typing import NamedTuple

from purging.cover import Purge, shared_length, sums_of_weights


class Node(NamedTuple):
    """A place for a wildcard: it covers the changed keys number `first` to `last`, and evicts `collateral`.

    `own` purges are needed for the changed keys that lie under none of its `children`.
    """

    prefix: str
    first: int
    last: int
    collateral: int
    own: int
    children: tuple[int, ...]


class Step(NamedTuple):
    """The wildcard of a node: at its `price` and above it is better than what it replaces.

    It saves `saved` purges and evicts `evicted` more than they, if all cheaper steps below it were taken.
    """

    price: float
    node: int
    saved: int
    evicted: int


class Frontier:
    """The best covers of changed keys.

    `allowed` says whether a wildcard may stand behind a key prefix, as for `cover`. `alone` says how many
    purges a changed key takes by itself, 1 or more. `weight` is what the eviction of an unchanged key costs,
    a whole number; 1 without it. `keys` are the changed keys, sorted. `nodes` are in post-order. `steps` are
    sorted by price. `dropped` are the steps that each node dropped: with the steps below the node, they are
    the best covers of its keys without its wildcard. `purges` is how many purges the cover without wildcards
    takes. Nodes and keys that lie under no node are below the root: `roots`, and the `own` purges of these
    keys.
    """

    def __init__(
        self,
        changed: Collection[str],
        unchanged: Iterable[str],
        allowed: Callable[[str], bool],
        alone: Callable[[str], int],
        weight: Callable[[str], int] | None = None,
    ) -> None:
        members = changed if isinstance(changed, AbstractSet) else frozenset(changed)
        every = list(map(itemgetter(0), groupby(sorted(chain(changed, unchanged)))))
        places = [-1, *compress(count(), map(members.__contains__, every)), len(every)]
        self.keys = [every[place] for place in places[1:-1]]
        self._alone = list(map(alone, self.keys))
        self.purges = sum(self._alone)
        self.nodes: list[Node] = []
        self.roots: tuple[int, ...] = ()
        self.own = 0
        self.dropped: dict[int, list[Step]] = {}
        self._every, self._places, self._allowed = every, places, allowed
        self._sums = sums_of_weights(every, members, weight) if weight else None
        self.steps = self._build()
        del self._every, self._places, self._allowed, self._sums

    def at(self, price: float) -> Iterator[Purge]:
        """Yield the purges of the best cover at a price, in order. If two cost the same, it is the one with
        fewer purges."""
        return self.purges_of({step.node for step in self.steps if step.price <= price})

    def purges_of(self, wildcards: AbstractSet[int]) -> Iterator[Purge]:
        """Yield the purges of a cover with the wildcards of these nodes, in order. Nodes that lie under
        another one of them are left out."""
        number = 0
        for node in sorted(map(self.nodes.__getitem__, wildcards), key=lambda node: (node.first, -node.last)):
            if node.first < number:
                continue
            yield from (Purge(key, False, 1, 0) for key in self.keys[number : node.first])
            yield Purge(node.prefix, True, node.last - node.first + 1, node.collateral)
            number = node.last + 1
        yield from (Purge(key, False, 1, 0) for key in self.keys[number:])

    def _build(self) -> list[Step]:
        """Find the nodes and the steps, with a stack of the branching points that are still open."""
        every, places = self._every, self._places
        # Of each open branching point: the characters that its keys share, its first changed key, the number
        # of its own purges, its child nodes, and its cover at the highest price: steps, purges, evictions.
        depths, firsts, owns = [-1], [0], [0]
        children: list[list[int]] = [[]]
        heaps: list[list[tuple[float, int]]] = [[]]
        totals, evictions = [0], [0]
        steps: dict[int, Step] = {}
        count_keys = len(self.keys)
        for last in range(count_keys):
            key = every[places[last + 1]]
            shared = shared_length(key, every[places[last + 2]]) if last + 1 < count_keys else -1
            first, own, total, evicted = last, self._alone[last], self._alone[last], 0
            below, heap = list[int](), list[tuple[float, int]]()
            depth = len(key) if own > 1 else -1
            while True:
                if depth > shared:
                    wildcard = self._wildcard(first, last, range(depth, max(shared, depths[-1]), -1))
                    if wildcard:
                        prefix, collateral = wildcard
                        node = len(self.nodes)
                        self.nodes.append(Node(prefix, first, last, collateral, own, tuple(below)))
                        # A dearer step below is worth less than this wildcard at each price: drop it.
                        while heap and (collateral - evicted) < -heap[0][0] * (total - 1):
                            dropped = steps.pop(heappop(heap)[1])
                            self.dropped.setdefault(node, []).append(dropped)
                            total, evicted = total + dropped.saved, evicted - dropped.evicted
                        saved, more = total - 1, collateral - evicted
                        steps[node] = Step(more / saved, node, saved, more)
                        heappush(heap, (-more / saved, node))
                        own, below, total, evicted = 0, [node], 1, collateral
                if depths[-1] <= shared:
                    break
                depth = depths.pop()
                first = firsts.pop()
                own, below = own + owns.pop(), children.pop() + below
                total, evicted = total + totals.pop(), evicted + evictions.pop()
                heap = _merged(heaps.pop(), heap)
            if depths[-1] == shared:
                owns[-1] += own
                children[-1] += below
                heaps[-1] = _merged(heaps[-1], heap)
                totals[-1] += total
                evictions[-1] += evicted
            else:
                depths.append(shared)
                firsts.append(first)
                owns.append(own)
                children.append(below)
                heaps.append(heap)
                totals.append(total)
                evictions.append(evicted)
        self.roots, self.own = tuple(children[-1]), owns[-1]
        return sorted(steps.values())

    def _wildcard(self, first: int, last: int, edge: Iterable[int]) -> tuple[str, int] | None:
        """The longest allowed prefix of exactly these changed keys, and what it evicts. `edge` are the
        lengths to try, the longest first."""
        every, places = self._every, self._places
        key = every[places[last + 1]]
        before, start = places[first] + 1, places[first + 1]
        end, after = places[last + 1] + 1, places[last + 2]
        for length in edge:
            prefix = key[:length]
            if not self._allowed(prefix):
                continue
            if before < start:
                start = bisect_left(every, prefix, before, start)
            if end < after:
                end = bisect_right(every, prefix, end, after, key=itemgetter(slice(length)))
            if self._sums:
                return prefix, self._sums[end] - self._sums[start]
            return prefix, end - start - (last - first + 1)
        return None


def _merged(one: list[tuple[float, int]], other: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """The steps of two heaps in one: the larger one takes in the smaller one."""
    large, small = (one, other) if len(one) >= len(other) else (other, one)
    for step in small:
        heappush(large, step)
    return large
