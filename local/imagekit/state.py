"""Everything the emulator remembers, behind one lock."""

from collections import Counter
from collections.abc import Callable
from threading import RLock

from local.imagekit.cache import EdgeCache
from local.imagekit.faults import FaultPlan
from local.imagekit.purges import PurgeBook
from local.imagekit.settings import Settings
from local.imagekit.tokens import TokenBucket

Clock = Callable[[], float]


class State:
    """Hold ``lock`` around every use, but never while waiting for the origin.

    ``clock`` returns unix seconds. Nothing runs in the background: what is due by the clock happens in
    ``settle``, which every use calls first, so a virtual clock drives all of it.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.lock = RLock()
        self.clock = clock
        self.cache = EdgeCache()
        self._at_start = settings
        self.reset()

    def reset(self) -> None:
        """Back to the start: settings, cache, purges, faults, counters, quota and rate limits."""
        with self.lock:
            self.cache.clear()
            self.purges = PurgeBook()
            self.faults = FaultPlan()
            self.calls: dict[str, Counter[str]] = {}
            self.apply(self._at_start)

    def apply(self, settings: Settings) -> None:
        """Put ``settings`` in force. The rate limits start afresh, with full bursts."""
        with self.lock:
            now = self.clock()
            self.settings = settings
            self.writes = TokenBucket(settings.write_rate, settings.write_burst, now)
            self.reads = TokenBucket(settings.read_rate, settings.read_burst, now)

    def settle(self) -> float:
        """Let the purges that are due complete; return the time, in unix seconds."""
        now = self.clock()
        for purge in self.purges.pop_due(now):
            self.cache.evict(purge.scope)
        return now

    def count(self, api: str, outcome: str) -> None:
        """Count one call of ``api`` (purge, status or edge)."""
        with self.lock:
            self.calls.setdefault(api, Counter())[outcome] += 1
