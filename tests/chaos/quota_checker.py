"""Checks (b): the quota holds, and only purges that ImageKit may have counted are counted."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.chaos.purge_index import covers

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

MONTH_TURN_SECONDS = 6.0
"""So close to the turn of a month, a purge may count to either month: clocks are off by 5 seconds."""

# A drain reserves so many purges at once. They stay counted if the function is interrupted.
_RESERVED = 25


class QuotaChecker:
    """Checks each accepted purge, and the total at the end."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._by_month: Counter[str] = Counter()
        self._automatic: Counter[str] = Counter()

    def record_purge(self, now: float, url: str) -> None:
        """Checks that an accepted purge was counted before, and that the count is within the quota.

        Only manual purges may use the reserve.
        """
        audit_log, setup = self._simulation.audit_log, self._simulation.schedule.setup
        moment = datetime.fromtimestamp(now, UTC)
        month = f"{moment:%Y-%m}"
        offsets = (-MONTH_TURN_SECONDS, MONTH_TURN_SECONDS)
        if len({f"{moment + timedelta(seconds=offset):%Y-%m}" for offset in offsets}) > 1:
            return
        self._by_month[month] += 1
        self._automatic[month] += not any(covers(url, manual) for _, manual in audit_log.required_manual_urls)
        item = self._simulation.aws.item("state", f"quota#{month}")
        used = int(item["used"]["N"]) if item else 0
        if self._by_month[month] > used:
            audit_log.add_violation(
                "b", f"{self._by_month[month]} purges of {month} accepted, {used} counted"
            )
        if used > setup.quota:
            audit_log.add_violation("b", f"{used} of {setup.quota} purges of {month} counted")
        limit = setup.quota - setup.quota * setup.reserve_percent // 100
        if self._automatic[month] > limit:
            audit_log.add_violation(
                "b", f"{self._automatic[month]} of {limit} purges of {month} were made for changes"
            )

    def check(self) -> None:
        """Checks that the ledger counted no more purges than ImageKit may have counted."""
        audit_log = self._simulation.audit_log
        counted = sum(audit_log.by_month.values())
        most = len(audit_log.accepted) + audit_log.maybe_counted + _RESERVED * audit_log.interrupted
        if counted > most:
            audit_log.add_violation(
                "b", f"{counted} purges counted, but ImageKit can have counted {most} at most"
            )
