"""A round as data: what it says to people."""

from datetime import UTC, datetime

import pytest

from purging.changes import ObjectChange
from purging.draining.rounds import Round, Window
from purging.draining.submission import Outcome, StopReason
from purging.ledger.records import State
from purging.planning.plan import Plan
from purging.planning.targets import ChangedObject

CHANGE = ObjectChange("origin", "a.jpg", "created", datetime(2030, 5, 1, tzinfo=UTC))
HELD = ChangedObject((CHANGE,), manual=False)


@pytest.mark.parametrize(
    ("stopped", "detail", "said"),
    [
        ("time", "", "No time was left for the other purges. The next drain makes them."),
        ("quota", "", "This stack has spent what the quota allows for changes this month."),
        ("unavailable", "no answer from https://api", "no answer from https://api"),
    ],
)
def test_a_round_that_stopped_says_why(stopped: StopReason, detail: str, said: str) -> None:
    """The detail fits the reason, whether the submission gave one or not."""
    outcome = Outcome(stopped=stopped, detail=detail)
    window = Window(State(), [], [HELD], "", 0.0)
    done = Round(window, Plan(), outcome, frozenset({HELD}), frozenset(), frozenset())
    assert (done.reason, done.detail) == (stopped, said)
