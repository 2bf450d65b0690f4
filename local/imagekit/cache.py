"""The edge's cache: entries by URL, dropped by purges."""

from bisect import bisect_left, insort
from dataclasses import dataclass

from local.imagekit.addresses import Scope
from local.imagekit.origin import Fetched


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer. ``as_of`` is when its fetch *started*, in unix seconds: the answer is at least
    as old as that, so ``Age`` never claims more freshness than there is.
    """

    fetched: Fetched
    as_of: float


@dataclass(eq=False, slots=True)
class Flight:
    """A fetch from the origin that is under way. ``stale`` once a purge that covers it has completed."""

    entry: str
    started_at: float
    stale: bool = False


class EdgeCache:
    """Unbounded and without expiry: a local bucket fits in memory, and only a purge should freshen.

    Not thread-safe: State.lock guards it.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        # Sorted, so that a wildcard finds its entries without a walk through all of them.
        self._names: list[str] = []
        self._flights: set[Flight] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        """The entries by name (Place.entry), sorted."""
        return list(self._names)

    def get(self, name: str) -> Entry | None:
        """The entry of that name, or None."""
        return self._entries.get(name)

    def take_off(self, name: str, now: float) -> Flight:
        """Note that a fetch for ``name`` starts. Every flight must land or crash."""
        flight = Flight(name, now)
        self._flights.add(flight)
        return flight

    def land(self, flight: Flight, fetched: Fetched) -> bool:
        """Store what a flight brought; False if a purge overtook it.

        Such an answer may be older than the change that was purged, and nothing would ever drop it.
        """
        self._flights.discard(flight)
        if flight.stale:
            return False
        if flight.entry not in self._entries:
            insort(self._names, flight.entry)
        self._entries[flight.entry] = Entry(fetched, flight.started_at)
        return True

    def crash(self, flight: Flight) -> None:
        """Note that a flight brought nothing worth storing."""
        self._flights.discard(flight)

    def evict(self, scope: Scope) -> int:
        """Drop what ``scope`` covers, also from the flights; return how many entries went."""
        for flight in self._flights:
            flight.stale = flight.stale or scope.covers(flight.entry)
        start = end = bisect_left(self._names, scope.text)
        while end < len(self._names) and scope.covers(self._names[end]):
            del self._entries[self._names[end]]
            end += 1
        del self._names[start:end]
        return end - start

    def clear(self) -> None:
        """Forget everything, flights included."""
        self.evict(Scope("", wildcard=True))
