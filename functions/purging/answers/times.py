"""Times in an answer."""

from datetime import UTC, datetime


def iso(time: float) -> str:
    """Return a time (unix seconds) as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")


def iso_or_none(time: float | None) -> str | None:
    """Return a time as `iso` does; None if there is none."""
    return None if time is None else iso(time)


def spoken(time: float) -> str:
    """Return a time (unix seconds) as a sentence has it, e.g. `2026-11-30 19:07:00 UTC`."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M:%S} UTC"
