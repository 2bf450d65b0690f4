"""The cache of the edge: entries by URL, which purges drop."""

from bisect import bisect_left, insort
from dataclasses import dataclass

from local.imagekit.origin import Fetched
from local.imagekit.resolver import PurgeScope


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer.

    ``as_of`` is when its fetch *started*, in unix seconds. The answer is at least as old as that, so ``Age``
    never claims that it is fresher than it is.
    """

    fetched: Fetched
    as_of: float


@dataclass(eq=False, slots=True)
class PendingFetch:
    """A fetch from the origin that is not finished. ``stale`` once a purge that covers it has completed."""

    cache_key: str
    started_at: float
    stale: bool = False


class EdgeCache:
    """Has no size limit and no expiry: a local bucket fits into memory, and only a purge may drop an entry.

    Not thread-safe: hold State.lock around every call.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        # Sorted, so that a wildcard finds its entries without a scan of all keys.
        self._keys: list[str] = []
        self._pending: set[PendingFetch] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> list[str]:
        """Returns the keys of all entries (ResolvedUrl.cache_key), sorted."""
        return list(self._keys)

    def get(self, cache_key: str) -> Entry | None:
        """Returns the entry of this key, or None."""
        return self._entries.get(cache_key)

    def start_fetch(self, cache_key: str, now: float) -> PendingFetch:
        """Note that a fetch starts. The caller must finish or cancel it."""
        pending = PendingFetch(cache_key, now)
        self._pending.add(pending)
        return pending

    def finish_fetch(self, pending: PendingFetch, fetched: Fetched) -> None:
        """Store what a fetch returned, unless a purge that covers it completed in the meantime.

        In that case the answer may be older than the change that was purged, and nothing would ever drop it.
        """
        self._pending.discard(pending)
        if pending.stale:
            return
        if pending.cache_key not in self._entries:
            insort(self._keys, pending.cache_key)
        self._entries[pending.cache_key] = Entry(fetched, pending.started_at)

    def cancel_fetch(self, pending: PendingFetch) -> None:
        """Note that a fetch failed. Does nothing if it is finished."""
        self._pending.discard(pending)

    def evict(self, scope: PurgeScope) -> None:
        """Drop the entries that ``scope`` covers, and do not cache the pending fetches that it covers."""
        for pending in self._pending:
            pending.stale = pending.stale or scope.covers(pending.cache_key)
        start = end = bisect_left(self._keys, scope.text)
        while end < len(self._keys) and scope.covers(self._keys[end]):
            del self._entries[self._keys[end]]
            end += 1
        del self._keys[start:end]

    def clear(self) -> None:
        """Drop all entries, and do not cache the pending fetches."""
        self.evict(PurgeScope("", wildcard=True))
