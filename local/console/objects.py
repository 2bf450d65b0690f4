"""The objects of the bucket: what the origin holds, when it changed, and which purge followed. Pure."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple

from local.observer import Accepted

KEEP_DELETED_SECONDS = 60.0
"""A deleted object is shown for so long after its purge is Completed."""

SETTLED_SECONDS = 10.0
"""An event reaches the queue within so many seconds of its change."""

_CLOCKS = 2.0  # seconds


class Stored(NamedTuple):
    """What the origin holds: the quoted ETag, bytes, and when it was put (unix seconds)."""

    etag: str
    size: int
    modified: float


@dataclass(slots=True)
class Tracked:
    """An object. `stored` is None if it was deleted. `changed_at` is at most when its last change happened
    (unix seconds). `stale`: it was overwritten or deleted while the console looked, so the edge may hold an
    older copy. `purge` is the id of the first purge after that."""

    stored: Stored | None
    changed_at: float
    stale: bool = False
    purge: str = ""


class Covered(NamedTuple):
    """The keys that a purge covers: those that were `changed` and waited for it, and the others, which it
    `evicts` needlessly."""

    changed: tuple[str, ...]
    evicted: tuple[str, ...]


class Objects:
    """All objects of a bucket. `url_of` gives the encoded URL of a key."""

    def __init__(self, url_of: Callable[[str], str]) -> None:
        self._url_of = url_of
        self._tracked: dict[str, Tracked] = {}
        self._by_url: list[tuple[str, str]] = []
        self._listed_once = False

    def stored(self, key: str) -> Stored | None:
        """Return what the origin holds of a key; None if there is no such object."""
        found = self._tracked.get(key)
        return found.stored if found else None

    def __contains__(self, key: str) -> bool:
        return key in self._tracked

    def listed(self, found: Mapping[str, Stored], began: float, before: float) -> None:
        """Take in a listing that `began` at a time (unix seconds). The listing before it began at `before`: a
        change that only this one shows happened after that."""
        for key, stored in found.items():
            known = self._tracked.get(key)
            if known is None:
                self._tracked[key] = Tracked(stored, max(stored.modified, before))
            elif known.stored != stored and known.changed_at < began and not _same(known.stored, stored):
                self._tracked[key] = Tracked(stored, max(stored.modified, before), stale=True)
        for key, known in self._tracked.items():
            if known.stored and key not in found and known.changed_at < began:
                self._tracked[key] = Tracked(None, before, stale=True)
        self._sort()

    def changed(self, key: str, stored: Stored | None, at: float) -> None:
        """Note a change that the console itself made at a time (unix seconds)."""
        existed = key in self._tracked
        self._tracked[key] = Tracked(stored, at, stale=existed)
        if not existed:
            self._sort()

    def covered(self, url: str) -> list[str]:
        """Return the keys whose plain URL a purge of `url` covers."""
        if not url.endswith("*"):
            at = bisect_left(self._by_url, (url, ""))
            return [key for each, key in self._by_url[at : at + 1] if each == url]
        prefix = url[:-1]
        at = bisect_left(self._by_url, (prefix, ""))
        end = at
        while end < len(self._by_url) and self._by_url[end][0].startswith(prefix):
            end += 1
        return [key for _, key in self._by_url[at:end]]

    def purged(self, purge: Accepted, waiting: AbstractSet[str]) -> Covered:
        """Note an accepted purge. `waiting` are keys whose changes are known to be pending before it."""
        changed, evicted = [], []
        for key in self.covered(purge.url):
            known = self._tracked[key]
            if known.changed_at > purge.accepted_at:
                continue
            own = self._url_of(key) == purge.url.removesuffix("*")
            if own or (known.stale and not known.purge) or key in waiting:
                known.purge = purge.request_id
                changed.append(key)
            elif known.stored:
                evicted.append(key)
        return Covered(tuple(changed), tuple(evicted))

    def settle(self, now: float) -> None:
        """Note that no change waits for a purge at a time (unix seconds): no purge is coming for an object
        that has none yet, since its change needs none, or was given up."""
        for known in self._tracked.values():
            if not known.purge and known.changed_at < now - SETTLED_SECONDS:
                known.stale = False

    def forget_deleted(self, completed: Mapping[str, float], now: float) -> None:
        """Forget deleted objects some time after their purge was Completed, or after their change if no purge
        is coming. `completed` gives the time of a purge by its id."""
        gone = [
            key
            for key, known in self._tracked.items()
            if known.stored is None and _ended(known, completed, now) < now - KEEP_DELETED_SECONDS
        ]
        for key in gone:
            del self._tracked[key]
        if gone:
            self._sort()

    def rows(self, planned: Mapping[str, bool], completed: Mapping[str, float]) -> dict[str, dict[str, Any]]:
        """Return a row for each key. `planned` has the keys with pending changes, and whether the next drain
        would purge them."""
        return {
            key: {
                "etag": known.stored.etag if known.stored else None,
                "at": round(known.changed_at, 2),
                "step": _step(key, known, planned, completed),
                "purge": known.purge,
            }
            for key, known in self._tracked.items()
        }

    def _sort(self) -> None:
        if len(self._by_url) != len(self._tracked) or any(
            key not in self._tracked for _, key in self._by_url
        ):
            self._by_url = sorted((self._url_of(key), key) for key in self._tracked)


def _step(key: str, known: Tracked, planned: Mapping[str, bool], completed: Mapping[str, float]) -> str:
    if known.purge and known.purge not in completed:
        return "accepted"
    # After a Completed purge, a pending change is another one.
    if key in planned:
        return "planned" if planned[key] else "pending"
    if known.purge:
        return "completed"
    return "changed" if known.stale else ""


def _ended(known: Tracked, completed: Mapping[str, float], now: float) -> float:
    """When the last change of an object came to its end (unix seconds); `now` if it has not yet."""
    if known.purge:
        return completed.get(known.purge, now)
    return now if known.stale else known.changed_at


def _same(one: Stored | None, other: Stored) -> bool:
    """Whether both are the same object. A listing has whole seconds, of another clock."""
    return one is not None and one.etag == other.etag and abs(one.modified - other.modified) < _CLOCKS
