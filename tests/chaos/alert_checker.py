"""Checks (g): every change is covered or alerted in time, and every alert is true.

It also checks that every manual purge is answered in time. `audit_log.py` checks (i).

README.md promises the bound: a change is held for a cheaper purge for at most `MaxHoldSeconds`, and a change
that is pending for too long is alerted. Alerts are repeated once a day, the quota's alert once a month.
"""

from bisect import bisect_left
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.chaos.lost_change_checker import Outcomes, required_purges

if TYPE_CHECKING:
    from tests.chaos.functions import Invocation
    from tests.chaos.simulation import Simulation

BOUND_SECONDS = 2 * 3600.0
"""After MaxHoldSeconds: one hour until a change is pending for too long, and one hour for failures."""

ANSWER_SECONDS = 46.0
"""A manual purge is answered in this time. Its client waits 60 seconds (README.md, "Purge by hand")."""

_DAY = 86_400.0
# template.yaml's SubmitPurgeErrorsAlarm goes off if 3 of 5 minutes have an error.
_ERROR_MINUTES, _ALARM_MINUTES = 3, 5
# Words of the alerts about pending changes.
_PENDING_WORDS = ("held", "private key")


class AlertChecker:
    """Checks answers and quota alerts when they come, and everything else at the end."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._exhausted_months: set[str] = set()

    def record_manual_answer(self, invocation: "Invocation", answer: Any) -> None:
        """Checks that a manual purge was answered in time."""
        took = self._simulation.now - invocation.began
        if answer is not None and took > ANSWER_SECONDS:
            self._simulation.audit_log.add_violation("g", f"a manual purge was answered after {took:.1f} s")

    def record_quota_exhausted(self) -> None:
        """Records that ImageKit said, in one of its ways, that the quota is used up."""
        self._exhausted_months.add(_month(self._simulation.now))

    def record_alert(self, subject: str) -> None:
        """Checks that an alert about the quota is true: it is sent only once in a month."""
        simulation = self._simulation
        setup, month = simulation.schedule.setup, _month(simulation.now)
        automatic = setup.quota - setup.quota * setup.reserve_percent // 100
        exhausted = month in self._exhausted_months or simulation.audit_log.by_month[month] >= automatic
        if "will not last" in subject:
            # A forecast: it comes only when a good part of the quota is used.
            exhausted = simulation.audit_log.by_month[month] * 4 >= automatic
        if "quota" in subject and not exhausted:
            simulation.audit_log.add_violation("g", f"untrue alert at {simulation.now:.3f}: {subject}")

    def check(self) -> None:
        """Checks that every required purge was covered, given up or alerted in time."""
        simulation = self._simulation
        outcomes = Outcomes(simulation)
        undisturbed = [tick.time for tick in simulation.audit_log.ticks if tick.undisturbed]
        alarms = self._alarms()
        for required in required_purges(simulation):
            bound = required.visible_at + simulation.schedule.setup.max_hold + BOUND_SECONDS
            if outcomes.covered_or_given_up_at(required) <= bound:
                continue
            # The first undisturbed tick after the bound sends the alert. If ticks fail, the alarm goes off.
            at = bisect_left(undisturbed, bound)
            latest = undisturbed[at] if at < len(undisturbed) else inf
            alarmed = any(required.visible_at <= alarm <= latest for alarm in alarms)
            if not alarmed and not self._alerted(required.target, bound, latest):
                simulation.audit_log.add_violation(
                    "g",
                    f"{required.target}, changed at {required.time:.3f}, was neither covered nor alerted "
                    f"by {bound:.3f}",
                )

    def _alerted(self, target: str, bound: float, latest: float) -> bool:
        host = urlsplit(target).netloc
        for time, text in self._simulation.audit_log.alerts:
            lower = text.lower()
            if "quota" in lower and _month(time) == _month(bound) and time <= latest:
                return True
            about = any(word in lower for word in _PENDING_WORDS) or ("refuse" in lower and host in text)
            if about and bound - _DAY <= time <= latest:
                return True
        return False

    def _alarms(self) -> list[float]:
        """Returns when the error alarm went off: counted by minutes and, where ticks are rarer, by ticks."""
        minutes = sorted({int(time // 60) for time in self._simulation.audit_log.failures})
        alarms = [
            minutes[at] * 60.0
            for at in range(_ERROR_MINUTES - 1, len(minutes))
            if minutes[at] - minutes[at - _ERROR_MINUTES + 1] < _ALARM_MINUTES
        ]
        ticks = self._simulation.audit_log.ticks
        return alarms + [
            ticks[at].time
            for at in range(len(ticks))
            if sum(tick.failed for tick in ticks[max(0, at - _ALARM_MINUTES + 1) : at + 1]) >= _ERROR_MINUTES
        ]


def _month(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m}"
