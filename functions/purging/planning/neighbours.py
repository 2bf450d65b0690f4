"""What is known of a bucket around changed keys: pages of it, and what they add up to. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from purging.urls import SharedPrefix


@dataclass(frozen=True, slots=True)
class Page:
    """What a bucket holds after some key. `more` keys follow `last`.

    `keys` are current ones, in order; `versions` counts what is kept of each key, delete markers included.
    `removed` are current keys that had been removed before their latest version, and when (unix seconds).
    """

    keys: Sequence[str]
    versions: Counter[str]
    last: str
    more: bool
    removed: Mapping[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Neighbours:
    """What a look into a bucket found: `unchanged` keys around the changed ones, and of these the `new` ones,
    which have a single version, and those that were `removed` before their latest one, and when."""

    unchanged: list[str] = field(default_factory=list)
    new: set[str] = field(default_factory=set)
    removed: dict[str, float] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    """Keys of which all that begins with them was listed by itself."""
    crowded: set[str] = field(default_factory=set)
    """Keys of which a page was listed by itself, and more begins with them than fits on one."""
    kept: set[str] = field(default_factory=set)
    """Changed keys of which the bucket holds an object, or versions of one."""
    shared_prefixes: list[tuple[SharedPrefix, "Neighbours"]] = field(default_factory=list)
    """What has the same URLs, and what a look there found."""
    _starts: list[str] = field(default_factory=list)
    _ends: list[str | None] = field(default_factory=list)

    def counted(self, prefix: str) -> bool:
        """Whether every key under a prefix was listed: within one run, or asked for. And whatever else has
        the same URLs."""
        return self._listed(prefix) and all(
            found.counted(twin.over(prefix) if prefix.startswith(twin.here) else twin.there)
            for twin, found in self.shared_prefixes
            if prefix.startswith(twin.here) or twin.here.startswith(prefix)
        )

    def alone(self, key: str) -> bool:
        """Whether nothing else that has the same URL as a changed key is, or is known to have been, there."""
        return all(
            found.counted(twin.over(key)) and twin.over(key) not in found.kept
            for twin, found in self.shared_prefixes
            if key.startswith(twin.here)
        )

    def join(self, twin: SharedPrefix, found: "Neighbours", changed: Collection[str]) -> None:
        """Count what was found there as if it were here, but for what has `changed` here anyway."""
        self.shared_prefixes.append((twin, found))
        there = [twin.back(key) for key in found.unchanged if key.startswith(twin.there)]
        self.unchanged += [key for key in there if key not in changed]
        self.crowded |= {twin.back(key) for key in found.crowded if key.startswith(twin.there)}

    def _listed(self, prefix: str) -> bool:
        if prefix in self.asked:
            return True
        run = bisect_left(self._starts, prefix) - 1
        if run < 0:
            return False
        end = self._ends[run]
        return end is None or (end > prefix and not end.startswith(prefix))

    def add_run(self, after: str, last: str | None) -> None:
        """Everything after one key up to another (or to the end of the bucket) has been listed."""
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

    def listed_before(self, key: str) -> str:
        """The end of the last run before a key that no run holds; empty if there is none."""
        run = bisect_left(self._starts, key) - 1
        return (self._ends[run] or "") if run >= 0 else ""


def _reaches(end: str | None, key: str) -> bool:
    return end is None or end >= key
