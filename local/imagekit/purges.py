"""The accepted purges: how many there are in a month, and when each completes."""

import heapq
import secrets
import time
from collections import Counter
from dataclasses import dataclass

from local.imagekit.resolver import PurgeScope


@dataclass(frozen=True, slots=True)
class Purge:
    """One accepted call. Times are unix seconds; ``completes_at`` is None if the purge never completes."""

    request_id: str
    url: str
    scope: PurgeScope
    accepted_at: float
    completes_at: float | None

    def completed(self, now: float) -> bool:
        """Whether the status API says Completed at ``now``."""
        return self.completes_at is not None and self.completes_at <= now


def month(now: float) -> str:
    """Returns the calendar month in UTC, by which the quota counts: ``2026-01``."""
    return time.strftime("%Y-%m", time.gmtime(now))


class PurgeStore:
    """All accepted purges, in order. Not thread-safe: hold State.lock around every call."""

    def __init__(self) -> None:
        self._by_id: dict[str, Purge] = {}
        self._pending: list[tuple[float, int, Purge]] = []
        self._used: Counter[str] = Counter()

    def accept(self, url: str, scope: PurgeScope, now: float, delay: float | None) -> Purge:
        """Count a purge that completes ``delay`` seconds after ``now``; with None it never completes."""
        completes_at = None if delay is None else now + delay
        # 24 hexadecimal digits, as in the example of https://imagekit.io/docs/cache-purge
        purge = Purge(secrets.token_hex(12), url, scope, now, completes_at)
        self._used[month(now)] += 1
        self._by_id[purge.request_id] = purge
        if completes_at is not None:
            heapq.heappush(self._pending, (completes_at, len(self._by_id), purge))
        return purge

    def pop_due(self, now: float) -> list[Purge]:
        """Returns the purges that completed since the last call, in order of completion."""
        due = []
        while self._pending and self._pending[0][0] <= now:
            due.append(heapq.heappop(self._pending)[2])
        return due

    def used(self, now: float) -> int:
        """Returns the number of purges accepted in the calendar month of ``now``."""
        return self._used[month(now)]

    def find(self, request_id: str) -> Purge | None:
        """Returns the purge of this id, or None."""
        return self._by_id.get(request_id)

    def all(self) -> list[Purge]:
        """Returns every accepted purge, in order of acceptance."""
        return list(self._by_id.values())

    def pending(self, now: float) -> int:
        """Returns the number of purges that are accepted and not completed."""
        return sum(not purge.completed(now) for purge in self._by_id.values())
