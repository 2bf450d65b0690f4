"""Whether people are left without a word: (g) every change is settled or alerted within a bound, every purge
by hand is answered in time, and no alert says what is not so. (i), that no function runs out of time, is seen
in `books.py`.

The bound is what README.md promises: a change waits for a cheaper purge for `MaxHoldSeconds` at most, and
what waits longer than it should is alerted. Alerts are repeated once a day; that of the quota, once a month.
"""

from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.chaos.invariants import Settled, due

if TYPE_CHECKING:
    from tests.chaos.functions import Invocation
    from tests.chaos.world import World

BOUND_SECONDS = 2 * 3600.0
"""After MaxHoldSeconds: an hour until a change waits too long, and one for what fails meanwhile."""

ANSWER_SECONDS = 46.0
"""Until a purge by hand is answered, of the 60 seconds that its client waits (README, "Purge by hand")."""

_DAY = 86_400.0
# template.yaml's SubmitPurgeErrorsAlarm: so many of so many minutes with an error.
_ERRORS, _MINUTES = 3, 5
# What an alert about whatever waits speaks of.
_WAITING = ("wait", "private key")


class Waiting:
    """What people hear."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._over_quota: set[str] = set()

    def replied(self, invocation: "Invocation", answer: Any) -> None:
        """A purge by hand was answered."""
        took = self._world.now - invocation.began
        if answer is not None and took > ANSWER_SECONDS:
            self._world.books.breaks("g", f"a purge by hand was answered after {took:.1f} s")

    def over_quota(self) -> None:
        """ImageKit says, in some way, that the quota is used up."""
        self._over_quota.add(_month(self._world.now))

    def told(self, subject: str) -> None:
        """An alert went out. That the quota is used up has to be true: it is not said again in this month."""
        world = self._world
        setup, month = world.schedule.setup, _month(world.now)
        automatic = setup.quota - setup.quota * setup.reserve_percent // 100
        used_up = month in self._over_quota or world.books.by_month[month] >= automatic
        if "quota" in subject and not used_up:
            world.books.breaks("g", f"alert at {world.now:.3f}: {subject}. It is not")

    def close(self) -> None:
        """All that must hold in the end."""
        self._settled_or_alerted()

    def _settled_or_alerted(self) -> None:
        world = self._world
        settled = Settled(world)
        undisturbed = [tick.time for tick in world.books.ticks if tick.undisturbed]
        alarms = self._alarms()
        for time, visible, target, by_hand in due(world):
            bound = visible + world.schedule.setup.max_hold + BOUND_SECONDS
            if settled.settled_at(time, target, by_hand=by_hand) <= bound:
                continue
            # It is said by the first tick after that; while ticks fail, by the alarm.
            at = bisect_left(undisturbed, bound)
            latest = undisturbed[at] if at < len(undisturbed) else float("inf")
            told = [alarm for alarm in alarms if visible <= alarm <= latest]
            if not told and not self._alerted(target, bound, latest):
                world.books.breaks(
                    "g", f"{target}, changed at {time:.3f}, was neither settled nor alerted by {bound:.3f}"
                )

    def _alerted(self, target: str, bound: float, latest: float) -> bool:
        host = urlsplit(target).netloc
        for time, text in self._world.books.alerts:
            said = text.lower()
            if "quota" in said and _month(time) == _month(bound) and time <= latest:
                return True
            about = any(word in said for word in _WAITING) or ("refuse" in said and host in text)
            if about and bound - _DAY <= time <= latest:
                return True
        return False

    def _alarms(self) -> list[float]:
        """When the alarm for errors went off: by minutes, and where ticks are rarer, by ticks."""
        minutes = sorted({int(time // 60) for time in self._world.books.failures})
        alarms = [
            minutes[at] * 60.0
            for at in range(_ERRORS - 1, len(minutes))
            if minutes[at] - minutes[at - _ERRORS + 1] < _MINUTES
        ]
        ticks = self._world.books.ticks
        return alarms + [
            ticks[at].time
            for at in range(len(ticks))
            if sum(tick.failed for tick in ticks[max(0, at - _MINUTES + 1) : at + 1]) >= _ERRORS
        ]


def _month(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m}"
