"""Months and days of UTC, in which ImageKit counts purges. Times are unix seconds."""

from calendar import monthrange
from datetime import UTC, datetime

DAY = 86_400.0
"""Seconds of a day."""

MONTH_END_SECONDS = 300.0
"""No change is held in the last seconds of a month: purges that a month does not use are lost."""


def month_end(now: float) -> float:
    """Return when the month (UTC) of a time ends, in unix seconds."""
    return month(now)[1]


def at_month_end(now: float) -> bool:
    """Whether these are the last seconds of a month."""
    return now >= month_end(now) - MONTH_END_SECONDS


def remaining(now: float) -> float:
    """The part of the month (UTC) that remains, from 1 at its start to 0."""
    begin, end = month(now)
    return (end - now) / (end - begin)


def day_end(now: float) -> float:
    """When the day (UTC) of a time ends, in unix seconds."""
    return (now // DAY + 1) * DAY


def month(now: float) -> tuple[float, float]:
    """When the month (UTC) of a time begins and ends, in unix seconds."""
    moment = datetime.fromtimestamp(now, UTC)
    begin = datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()
    return begin, begin + monthrange(moment.year, moment.month)[1] * 86_400
