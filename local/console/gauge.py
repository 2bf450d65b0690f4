"""What keeps purges back: the quota as a gauge beside the month, and whether ImageKit throttles. Pure."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

THROTTLED = ("rate-limited", "fault 429", "fault 429-no-headers")
"""What the emulated ImageKit calls a 429 of its rate limit, and one that was ordered."""


def gauge(status: dict[str, Any], now: float) -> dict[str, Any]:
    """Return the gauge of a status answer at a time (unix seconds). Parts are between 0 and 1.

    `used_up`: nothing is left for changes. `refused`: ImageKit itself says so, whatever the ledger counts.
    """
    quota = status["quota"]
    monthly = max(quota["monthly"], 1)
    return {
        "used": quota["used"],
        "monthly": quota["monthly"],
        "reserve": quota["reserve"],
        "left": quota["left_for_changes"],
        "used_part": round(min(quota["used"] / monthly, 1.0), 4),
        "reserve_part": round(quota["reserve"] / monthly, 4),
        "month_part": round(month_part(now), 3),
        "month": quota["month"],
        "ends_at": quota["ends_at"],
        "used_up": quota["left_for_changes"] <= 0 or _exhausted(status),
        "refused": _exhausted(status),
        "expected": quota["expected_at_least"],
    }


def _exhausted(status: dict[str, Any]) -> bool:
    pause = status["pause"]
    return pause is not None and bool(pause["quota_exhausted"])


class Throttling:
    """Whether ImageKit throttles purges now, by how it counts its answers: after a 429, until another one."""

    def __init__(self) -> None:
        self._before: tuple[int, int] | None = None
        self._now = False

    def seen(self, purge_answers: Mapping[str, int]) -> bool:
        """Take in the numbers of answers by outcome. Return whether ImageKit throttles."""
        throttled = sum(purge_answers.get(outcome, 0) for outcome in THROTTLED)
        counts = throttled, sum(purge_answers.values()) - throttled
        if self._before is not None and counts[1] != self._before[1]:
            self._now = False
        elif self._before is not None and counts[0] != self._before[0]:
            self._now = True
        self._before = counts
        return self._now


def month_part(now: float) -> float:
    """Return the part of the month (UTC) of a time (unix seconds) that is over."""
    moment = datetime.fromtimestamp(now, UTC)
    begin = datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()
    return (now - begin) / (monthrange(moment.year, moment.month)[1] * 86_400)
