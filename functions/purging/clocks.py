"""How far clocks can be apart."""

from purging.changes import Change

SKEW_SECONDS = 11.0
"""How far S3's clock and a function's may be apart: 5 seconds off either way, and the fraction of a second
that EventBridge cuts off."""


def surely_before(change: Change, time: float) -> bool:
    """Whether a change happened before a time of a function's clock, however far the clocks are apart."""
    return change.occurred_at.timestamp() + SKEW_SECONDS <= time
