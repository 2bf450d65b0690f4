"""The purges that were accepted: the monthly count, and when each completes."""

import heapq
import secrets
import time
from collections import Counter
from dataclasses import dataclass

from local.imagekit.addresses import Scope


@dataclass(frozen=True, slots=True)
class Purge:
    """One accepted call. Times are unix seconds; ``completes_at`` is None for one that never does."""

    request_id: str
    url: str
    scope: Scope
    accepted_at: float
    completes_at: float | None

    def completed(self, now: float) -> bool:
        """Whether the status API says Completed at ``now``."""
        return self.completes_at is not None and self.completes_at <= now


def month(now: float) -> str:
    """``2026-01``: the calendar month in UTC, which the quota counts by."""
    return time.strftime("%Y-%m", time.gmtime(now))


class PurgeBook:
    """All accepted purges, in order. Not thread-safe: State.lock guards it."""

    def __init__(self) -> None:
        self._by_id: dict[str, Purge] = {}
        self._waiting: list[tuple[float, int, Purge]] = []
        self._used: Counter[str] = Counter()

    def accept(self, url: str, scope: Scope, now: float, delay: float | None) -> Purge:
        """Count one purge and let it complete ``delay`` seconds after ``now``; never, if None."""
        completes_at = None if delay is None else now + delay
        # 24 hexadecimal digits, as in ImageKit's documentation.
        purge = Purge(secrets.token_hex(12), url, scope, now, completes_at)
        self._used[month(now)] += 1
        self._by_id[purge.request_id] = purge
        if completes_at is not None:
            heapq.heappush(self._waiting, (completes_at, len(self._by_id), purge))
        return purge

    def pop_due(self, now: float) -> list[Purge]:
        """The purges that completed since the last call, in order of completion."""
        due = []
        while self._waiting and self._waiting[0][0] <= now:
            due.append(heapq.heappop(self._waiting)[2])
        return due

    def used(self, now: float) -> int:
        """Purges accepted in the calendar month of ``now``."""
        return self._used[month(now)]

    def find(self, request_id: str) -> Purge | None:
        """The purge of that id, or None."""
        return self._by_id.get(request_id)

    def all(self) -> list[Purge]:
        """Every accepted purge, in order of acceptance."""
        return list(self._by_id.values())

    def pending(self, now: float) -> int:
        """How many are accepted and not completed."""
        return sum(not purge.completed(now) for purge in self._by_id.values())
