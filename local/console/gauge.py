"""The quota as a gauge: what the month has used, beside how much of the month is over. Pure."""

from calendar import monthrange
from datetime import UTC, datetime
from typing import Any


def gauge(status: dict[str, Any], now: float) -> dict[str, Any]:
    """Return the gauge of a status answer at a time (unix seconds). Parts are between 0 and 1."""
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
        "expected": quota["expected_at_least"],
    }


def month_part(now: float) -> float:
    """Return the part of the month (UTC) of a time (unix seconds) that is over."""
    moment = datetime.fromtimestamp(now, UTC)
    begin = datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()
    return (now - begin) / (monthrange(moment.year, moment.month)[1] * 86_400)
