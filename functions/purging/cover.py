"""Finds the cheapest set of purges for changed keys, given their unchanged neighbours and a price. Pure.

The cost is `price × number of purges + collateral`. A changed key is purged by itself, which takes one purge
or several, or by a wildcard on one of its prefixes. The collateral of a wildcard is the number of unchanged
keys with that prefix, or the sum of their weights. The changed keys form a compressed prefix tree. From the
leaves to the root, the cost of a branching point is the lower one of two: the sum of its children's costs,
and the cost of one wildcard. One pass over the sorted keys builds and solves the tree, without recursion. A
stack holds the branching points whose keys have not all been read yet; a solved one needs no memory.

Three facts make the result exact and the code small:

- Below a branching point are at least two changed keys, so at least two purges. One wildcard with the same
  cost always means fewer purges, and there is no other tie between nodes.
- All prefixes on the edge above a branching point have the same changed keys below them, and a longer prefix
  never has more unchanged keys. So the longest allowed prefix is the best one of its edge.
- On the edge above a single key, a wildcard can pay off only if the key by itself takes several purges. If it
  takes one, that purge costs no more than a wildcard, and its prefix is the longest.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate, chain, compress, count, groupby
from operator import itemgetter
from typing import NamedTuple


class Purge(NamedTuple):
    """A wildcard, or the purges of one key by itself. It is a tuple because bulk changes make very many."""

    prefix: str
    """Decoded: the changed key, or the beginning of the keys under the wildcard, without the `*`."""
    wildcard: bool
    changed: int
    """How many changed keys it covers: 1 without a wildcard."""
    collateral: int
    """How many unchanged keys it evicts needlessly, or what they weigh: 0 without a wildcard."""


def _one(_: str) -> int:
    return 1


def cover(
    changed: Collection[str],
    unchanged: Iterable[str],
    price: float,
    allowed: Callable[[str], bool],
) -> list[Purge]:
    """The purges that cover every changed key at the lowest `price × number of purges + collateral`.

    `price` is the number of needless evictions that one purge is worth, from 0 (no needless evictions) to
    infinity (fewest purges). `allowed` says whether a wildcard on a prefix, perhaps the empty one, is
    possible. It may follow any rule. It is called at most once for each prefix, and only if the wildcard
    would pay off. If costs are equal, fewer purges win, then longer prefixes. A prefix ends between two code
    points, so that its encoded form is the beginning of each key's URL.

    Repeated keys count once. A key in both collections counts as changed. The result is sorted by prefix and
    does not depend on the order of the keys. None of its purges covers a key of another one. If the keys are
    sorted, as S3 lists them, time and memory grow linearly with their number.

    Raises ValueError if `price` is negative or not a number, and every error of `allowed`.
    """
    return weighted_cover(changed, unchanged, price, allowed, _one)


def weighted_cover(
    changed: Collection[str],
    unchanged: Iterable[str],
    price: float,
    allowed: Callable[[str], bool],
    alone: Callable[[str], int],
    *,
    weight: Callable[[str], int] | None = None,
) -> list[Purge]:
    """Like `cover`, for keys that by themselves may take several purges, and for keys of different weight.

    `alone` gives the number of purges for a changed key, 1 or more. They have no collateral. `weight` gives
    what the eviction of an unchanged key costs, a whole number from 1 on; without it, that is 1. Collateral
    is the sum of the weights. Raises every error of `alone` and `weight`, too.
    """
    if not price >= 0:
        raise ValueError(f"price {price!r} is not a number from 0 to infinity (needless evictions per purge)")
    members = changed if isinstance(changed, AbstractSet) else frozenset(changed)
    # Sorted by code point, which is also the order of UTF-8 bytes and of S3. Sorting is linear here if both
    # collections are sorted already.
    every = list(map(itemgetter(0), groupby(sorted(chain(changed, unchanged)))))
    # The positions of the changed keys, between two sentinels. All keys between two positions are unchanged.
    places = [-1, *compress(count(), map(members.__contains__, every)), len(every)]
    keys = len(places) - 2
    sums = sums_of_weights(every, members, weight) if weight else None
    # One purge never saves more than all unchanged keys. So a higher price changes nothing, and infinity is
    # no special case. The price becomes a ratio of whole numbers, since rounded floats decide ties by chance.
    worth, unit = min(price, sums[-1] if sums else len(every) - keys).as_integer_ratio()

    # A number in the plan is the position of a key that is purged by itself. Wildcards replace them later.
    plan: list[int | Purge] = []
    spent = 0  # the number of purges in the plan
    # The stack of branching points. For each: how many characters its keys share, its first changed key,
    # where its purges begin in the plan (they are the last ones there), how many purges the plan had before
    # them, and their collateral. These are parallel lists because objects would take more time.
    depths, firsts, marks, befores, evicted = [-1], [0], [0], [0], [0]
    for last in range(1, keys + 1):
        key = every[places[last]]
        # After the last key, -1 closes all branching points, including the one with the empty prefix.
        shared = shared_length(key, every[places[last + 1]]) if last < keys else -1
        first, mark, before, collateral = last, len(plan), spent, 0
        plan.append(places[last])
        spent += alone(key)
        if spent - before > 1:
            affordable = worth * (spent - before - 1) // unit
            edge = range(len(key), max(shared, depths[-1]), -1)
            wildcard = _wildcard(
                every, places, last, last, edge, sums=sums, affordable=affordable, allowed=allowed
            )
            if wildcard:
                plan[mark], spent, collateral = wildcard, before + 1, wildcard.collateral
        while (depth := depths[-1]) > shared:
            depths.pop()
            first, mark, before = firsts.pop(), marks.pop(), befores.pop()
            collateral += evicted.pop()
            affordable = collateral + worth * (spent - before - 1) // unit
            # Unchanged keys between the first and the last changed key are below every prefix of the edge.
            # None of them weighs less than 1.
            if (places[last] - last) - (places[first] - first) <= affordable:
                edge = range(depth, max(shared, depths[-1]), -1)
                wildcard = _wildcard(
                    every, places, first, last, edge, sums=sums, affordable=affordable, allowed=allowed
                )
                if wildcard:
                    plan[mark:] = (wildcard,)
                    spent, collateral = before + 1, wildcard.collateral
        if depths[-1] == shared:
            evicted[-1] += collateral
        else:
            depths.append(shared)
            firsts.append(first)
            marks.append(mark)
            befores.append(before)
            evicted.append(collateral)
    return [Purge(every[step], False, 1, 0) if isinstance(step, int) else step for step in plan]


def _wildcard(
    every: Sequence[str],
    places: Sequence[int],
    first: int,
    last: int,
    edge: Iterable[int],
    *,
    sums: Sequence[int] | None,
    affordable: int,
    allowed: Callable[[str], bool],
) -> Purge | None:
    """The wildcard on the longest allowed prefix of exactly the changed keys `first` to `last`; None if there
    is none, or if its collateral is more than `affordable`.

    `edge` gives the lengths to try, the longest first. A shorter prefix may cover more of the unchanged keys
    before the first and after the last of these keys. `sums` are those of the weights; None if each key has
    the weight 1. `allowed` is called last, since it may be slow.
    """
    key, changed = every[places[last]], last - first + 1
    before, start = places[first - 1] + 1, places[first]
    end, after = places[last] + 1, places[last + 1]
    for length in edge:
        prefix = key[:length]
        if before < start:
            start = bisect_left(every, prefix, before, start)
        if end < after:
            end = bisect_right(every, prefix, end, after, key=itemgetter(slice(length)))
        collateral = sums[end] - sums[start] if sums else end - start - changed
        if collateral > affordable:
            return None
        if allowed(prefix):
            return Purge(prefix, True, changed, collateral)
    return None


def sums_of_weights(
    keys: Iterable[str], changed: AbstractSet[str], weight: Callable[[str], int]
) -> Sequence[int]:
    """The sums of the weights: of the first 0 keys, of the first key, and so on to all keys. Changed keys
    weigh nothing. A bucket may have millions of keys, so the sums are kept in an array."""
    return array("q", accumulate((0 if key in changed else weight(key) for key in keys), initial=0))


def shared_length(one: str, other: str) -> int:
    """How many characters two keys share at their beginning. Comparing slices is faster than a loop."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
