"""A round as data: what it says to people, and what it leaves for later drains."""

from datetime import UTC, datetime

import pytest

from purging.changes import ObjectChange
from purging.draining.rounds import Round, Window
from purging.draining.submission import Outcome, StopReason
from purging.ledger.changesets import ChangeSet
from purging.ledger.records import Hold, State
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


@pytest.mark.parametrize(("held", "stands"), [({HELD}, True), (set(), False)])
def test_a_hold_ends_when_a_purge_for_another_object_covers_all_that_was_held(
    held: set[ChangedObject], stands: bool
) -> None:
    """A wildcard for a single key covers the keys that begin with it. Then nothing is left to hold."""
    standing = Hold(until=900.0, first="first", count=1, quota=900)
    window = Window(State(hold=standing), [ChangeSet("first", (CHANGE,))], [HELD], "", 0.0)
    done = Round(
        window, Plan(hold="held", held_until=900.0), Outcome(), frozenset(held), frozenset(), frozenset()
    )
    assert (done.hold(900) is not None) is stands
