"""What surveys found around changed keys: the keys that did not change, and the ranges that were listed.

A wildcard evicts every key under its prefix. Its collateral is known only if all of them were listed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from purging.urls import SharedPrefix

LEAST = "\1"  # a character that sorts before those of real keys

UNLISTED_KEYS = 1000
"""Keys that are taken to lie where a listing ended early: it ended because a page did not suffice."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing. If there is `more`, it follows the key `last`.

    `keys` are those of current objects, in order. `versions` counts the versions of each key, with delete
    markers. `removed` are the `keys` that were removed before their latest version, and when (unix seconds).
    """

    keys: Sequence[str]
    versions: Counter[str]
    last: str
    more: bool
    removed: Mapping[str, float] = field(default_factory=dict)


class ListedRanges:
    """The ranges of keys that were listed completely. Ranges that meet become one."""

    def __init__(self) -> None:
        # Range number i holds the keys after _starts[i] up to _ends[i]; None is the end of the bucket.
        self._starts: list[str] = []
        self._ends: list[str | None] = []

    def add(self, after: str, last: str | None) -> None:
        """Add the range after one key up to another one; None is the end of the bucket."""
        first = bisect_left(self._starts, after)
        if first and _reaches(self._ends[first - 1], after):
            first -= 1
        beyond = first
        while beyond < len(self._starts) and _reaches(last, self._starts[beyond]):
            after = min(after, self._starts[beyond])
            end = self._ends[beyond]
            last = None if last is None or end is None else max(last, end)
            beyond += 1
        self._starts[first:beyond] = [after]
        self._ends[first:beyond] = [last]

    def holds(self, prefix: str) -> bool:
        """Whether one range holds every key that begins with the prefix."""
        position = bisect_left(self._starts, prefix) - 1
        if position < 0:
            return False
        end = self._ends[position]
        return end is None or (end > prefix and not end.startswith(prefix))

    def edges(self) -> set[str]:
        """Texts right after the end of each range, and right at its start: what lies there is not listed."""
        starts = {start for start in self._starts if start}
        return starts | {end + LEAST for end in self._ends if end is not None}

    def end_before(self, key: str) -> str:
        """For a key that no range holds: the end of the last range before it, or an empty text."""
        position = bisect_left(self._starts, key) - 1
        return (self._ends[position] or "") if position >= 0 else ""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What a survey found around changed keys, in one bucket."""

    unchanged: Sequence[str] = ()
    """Keys that did not change."""
    new: AbstractSet[str] = frozenset()
    """Changed keys that have a single version."""
    removed: Mapping[str, float] = field(default_factory=dict)
    """Changed keys that were removed before their latest version, and when (unix seconds)."""
    existing: AbstractSet[str] = frozenset()
    """Changed keys with an object in the bucket, or with versions of one."""
    listed_alone: AbstractSet[str] = frozenset()
    """Changed keys that were listed by themselves, with everything that begins with them."""
    crowded: AbstractSet[str] = frozenset()
    """Changed keys that others are likely to begin with: their own listing has several pages, or nobody can
    list there."""
    shared: tuple[tuple[SharedPrefix, "Neighbours"], ...] = ()
    """Places that share URLs with this bucket, and what a survey found there."""
    ranges: ListedRanges = field(default_factory=ListedRanges)

    def counted(self, prefix: str) -> bool:
        """Whether `unchanged` has every unchanged key under a prefix, and all others that share its URLs."""
        if not (prefix in self.listed_alone or self.ranges.holds(prefix)):
            return False
        return not self.shared or all(
            found.counted(place.over(prefix) if prefix.startswith(place.here) else place.there)
            for place, found in self.shared
            if prefix.startswith(place.here) or place.here.startswith(prefix)
        )

    def unlisted(self, keys: Iterable[str]) -> set[str]:
        """Return texts that lie where keys may be that nobody listed, around the changed `keys`: at the ends
        of what was listed, and after each key that was not reached. A prefix under which not everything was
        counted holds one of them at least."""
        edges = {key + LEAST for key in keys if not self.counted(key)} | self.ranges.edges()
        for place, found in self.shared:
            if not found.counted(place.there):
                edges.add(place.here + LEAST)
            edges |= {place.back(edge) for edge in found.ranges.edges() if edge.startswith(place.there)}
        return edges

    def unshared(self, key: str) -> bool:
        """Whether surely no other object has, or had, the URL of a changed key."""
        return all(
            found.counted(place.over(key)) and place.over(key) not in found.existing
            for place, found in self.shared
            if key.startswith(place.here)
        )

    def with_shared(self, place: SharedPrefix, found: "Neighbours", changed: Collection[str]) -> "Neighbours":
        """The same with what was found in a place, as if its keys were here, but without `changed` keys."""
        there = (place.back(key) for key in found.unchanged if key.startswith(place.there))
        return replace(
            self,
            shared=(*self.shared, (place, found)),
            unchanged=[*self.unchanged, *(key for key in there if key not in changed)],
            crowded=self.crowded | {place.back(key) for key in found.crowded if key.startswith(place.there)},
        )

    def with_unchanged(self, keys: Iterable[str]) -> "Neighbours":
        """The same with more unchanged keys."""
        return replace(self, unchanged=[*self.unchanged, *keys])


def _reaches(end: str | None, key: str) -> bool:
    return end is None or end >= key
