"""Changed keys, their unchanged neighbours and a price → the cheapest set of purges. Pure.

The objective is `price × number of purges + collateral`. A changed key is purged by itself, which takes one
purge or several, or by a wildcard on any of its prefixes, whose collateral is the unchanged keys under it.
The changed keys form a compressed prefix tree; bottom-up, each branching point costs the lesser of its
children's sum and one wildcard. One pass over the sorted keys builds and solves the tree at once, with a
stack of the branching points that are still open: no node outlives its subtree, and nothing recurses.

Three facts make this exact and small:

- A branching point has two changed keys or more, hence two purges or more below it. One wildcard that costs
  the same is therefore always fewer purges, and no other tie between nodes exists.
- All prefixes on the edge above a branching point reach the same changed keys, and a longer one never
  reaches more unchanged keys: the longest that is allowed is the best of its edge.
- On the edge above a single key a wildcard can pay only if the key takes several purges by itself. Else the
  one purge of its own costs the same or less, and is the longest.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, compress, count, groupby
from operator import itemgetter
from typing import NamedTuple


class Purge(NamedTuple):
    """One step of the plan, in key space: a wildcard, or whatever it takes to purge one key by itself. A
    tuple, because bulk changes make a great many of them."""

    prefix: str
    """A changed key or, of a wildcard, what the keys under it start with. Decoded, without the `*`."""
    wildcard: bool
    changed: int
    """How many changed keys it serves: 1 if it is no wildcard."""
    collateral: int
    """How many unchanged keys it evicts needlessly: 0 if it is no wildcard."""


def _one(_: str) -> int:
    return 1


def cover(
    changed: Collection[str],
    unchanged: Iterable[str],
    price: float,
    allowed: Callable[[str], bool],
) -> list[Purge]:
    """The purges that serve every changed key at the least `price × number of purges + collateral`.

    `price` is how many needless evictions one purge is worth, from 0 (none at all) to infinity (fewest
    purges). `allowed` says whether a wildcard may stand behind a key prefix, the empty one included: a hard
    rule, arbitrary, asked at most once a prefix and only where a wildcard would pay. Among equal costs:
    fewer purges, then the longer prefix. Prefixes are cut between code points, so that a cut key, encoded,
    is a prefix of the key's URL.

    Repeated keys count once; a key in both collections is a changed one. The result is sorted by prefix,
    does not depend on the order of the keys, and no purge in it lies under another. Time and memory are
    linear in the keys if they come sorted, as S3 lists them.

    Raises ValueError if `price` is negative or not a number, and whatever `allowed` raises.
    """
    return weighted_cover(changed, unchanged, price, allowed, _one)


def weighted_cover(
    changed: Collection[str],
    unchanged: Iterable[str],
    price: float,
    allowed: Callable[[str], bool],
    alone: Callable[[str], int],
) -> list[Purge]:
    """The same where a key may take several purges: `alone` says how many (1 or more) serve a changed key by
    itself and evict nothing. Raises whatever `alone` raises as well."""
    if not price >= 0:
        raise ValueError(f"price {price!r} is no number from 0 to infinity, in needless evictions a purge")
    members = changed if isinstance(changed, AbstractSet) else frozenset(changed)
    # By code point, which is the order of UTF-8 bytes, S3's, as well. Sorting merges what is sorted already.
    every = list(map(itemgetter(0), groupby(sorted(chain(changed, unchanged)))))
    # Where the changed keys stand, between two sentinels: what lies between two places did not change.
    places = [-1, *compress(count(), map(members.__contains__, every)), len(every)]
    keys = len(places) - 2
    # One purge never saves more than all the neighbours, so a price above that decides nothing more, and
    # infinity is no special case. Whole numbers, because products of floats round and break ties by chance.
    worth, unit = min(price, len(every) - keys).as_integer_ratio()

    # A number in the plan stands for the purge of the key there by itself: most of them do not last.
    plan: list[int | Purge] = []
    spent = 0  # purges that the plan takes
    # Of each branching point that is still open: the characters that its keys share, its first changed key,
    # where its purges begin in the plan, at whose end they stand together, how many the plan took before
    # them, and what they evict needlessly. Lists side by side, because objects cost time.
    depths, firsts, marks, befores, evicted = [-1], [0], [0], [0], [0]
    for last in range(1, keys + 1):
        key = every[places[last]]
        # What follows the last key shares less with it than nothing: the empty prefix is closed as well.
        shared = _shared(key, every[places[last + 1]]) if last < keys else -1
        first, mark, before, collateral = last, len(plan), spent, 0
        plan.append(places[last])
        spent += alone(key)
        if spent - before > 1:
            affordable = worth * (spent - before - 1) // unit
            edge = range(len(key), max(shared, depths[-1]), -1)
            wildcard = _wildcard(every, places, last, last, edge, affordable=affordable, allowed=allowed)
            if wildcard:
                plan[mark], spent, collateral = wildcard, before + 1, wildcard.collateral
        while (depth := depths[-1]) > shared:
            depths.pop()
            first, mark, before = firsts.pop(), marks.pop(), befores.pop()
            collateral += evicted.pop()
            affordable = collateral + worth * (spent - before - 1) // unit
            # Neighbours between the first and the last key lie under every prefix of the edge.
            if (places[last] - last) - (places[first] - first) <= affordable:
                edge = range(depth, max(shared, depths[-1]), -1)
                wildcard = _wildcard(every, places, first, last, edge, affordable=affordable, allowed=allowed)
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
    affordable: int,
    allowed: Callable[[str], bool],
) -> Purge | None:
    """The longest allowed prefix of just the changed keys first..last, if its collateral is affordable.

    `edge` is the lengths to try, longest first. The shorter the prefix, the farther it reaches into the
    gaps before the first and after the last of these keys. The rule is asked last: it is the caller's, and
    slow.
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
        collateral = end - start - changed
        if collateral > affordable:
            return None
        if allowed(prefix):
            return Purge(prefix, True, changed, collateral)
    return None


def _shared(one: str, other: str) -> int:
    """How many characters two keys share at their start. Slices compare faster than a loop counts."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
