"""The difference between clocks."""

from purging.events.model import Change

SKEW_SECONDS = 11.0
"""The largest difference between S3's clock and a function's clock. It is a guess: each clock is at most 5
seconds wrong, and EventBridge cuts off the fraction of a second."""


def surely_before(change: Change, time: float) -> bool:
    """Whether a change certainly happened before `time` (unix seconds, a function's clock), although the
    clocks differ."""
    return change.occurred_at.timestamp() + SKEW_SECONDS <= time
