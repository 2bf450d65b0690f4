"""Everything that the emulator remembers, behind one lock."""

from collections import Counter
from collections.abc import Callable
from threading import RLock

from local.imagekit.account import Listed
from local.imagekit.cache import EdgeCache
from local.imagekit.faults import FaultPlan
from local.imagekit.purges import PurgeStore
from local.imagekit.rate_limit import TokenBucket
from local.imagekit.settings import Settings
from local.imagekit.traffic import Traffic

Clock = Callable[[], float]


class State:
    """Hold ``lock`` around every use, but never while you wait for the origin.

    ``clock`` returns unix seconds. Nothing runs in the background: every use first calls ``advance``, which
    does what is due by the clock. So a virtual clock controls everything.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.lock = RLock()
        self.clock = clock
        self.cache = EdgeCache()
        self._initial = settings
        self.reset()

    def reset(self) -> None:
        """Restore the initial state: settings, lists, cache, purges, faults, counters, quota, rate limits."""
        with self.lock:
            self.cache.clear()
            self.purges = PurgeStore()
            self.faults = FaultPlan()
            self.calls: dict[str, Counter[str]] = {}
            self.traffic = Traffic()
            self.replaced: dict[str, Listed] = {}  # lists of the account, by their paths
            self.apply(self._initial)

    def apply(self, settings: Settings) -> None:
        """Use ``settings`` from now on. The rate limits start again, with full bursts."""
        with self.lock:
            now = self.clock()
            self.settings = settings
            self.writes = TokenBucket(settings.write_rate, settings.write_burst, now)
            self.reads = TokenBucket(settings.read_rate, settings.read_burst, now)

    def advance(self) -> float:
        """Complete the purges that are due. Returns the current time, in unix seconds."""
        now = self.clock()
        for purge in self.purges.pop_due(now):
            self.cache.evict(purge.scope)
        return now

    def count(self, api: str, outcome: str) -> None:
        """Count one call of ``api`` (purge, status, account or edge)."""
        with self.lock:
            self.calls.setdefault(api, Counter())[outcome] += 1
