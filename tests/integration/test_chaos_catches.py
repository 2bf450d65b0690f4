"""The checkers can fail: for each invariant, they catch a broken line of the functions."""

import pytest

from tests.chaos import faults
from tests.chaos import run as running
from tests.chaos.mutants import BREAKS, MUTANTS, mutated
from tests.chaos.schedule import generate
from tests.chaos.shrink import as_text, shrink

# For each mutant: a seed that catches it, with the number of changes and the faults.
CATCHES = {
    "acknowledge-before-the-write": (5, 60, ("dynamodb-throttled",)),
    "clocks-are-right": (1, 60, ("changed-again", "s3-clock", "lambda-clock")),
    "compare-times-the-wrong-way": (1, 60, ("changed-again", "s3-clock", "lambda-clock")),
    "take-out-what-failed": (1, 60, ("5xx",)),
    "forget-what-is-asked": (1, 20, ("manual",)),
    "take-for-new-what-waited": (1, 40, ("lifecycle", "revoked-key")),
    "spend-the-reserve": (12, 60, ("quota",)),
    "count-after-the-call": (1, 60, ("quota",)),
    "ignore-the-limit": (12, 60, ("quota",)),
    "give-back-what-may-have-counted": (1, 60, ("5xx-counted", "quota")),
    "keep-the-lease": (1, 20, ()),
    "forget-to-track": (2, 60, ("execution-throttled",)),
    "never-track": (2, 20, ()),
    "swallow-malformed": (1, 60, ("malformed",)),
    "acknowledge-nothing": (6, 60, ()),
    "log-the-key": (2, 20, ()),
    "forget-seo-urls": (7, 20, ()),
    "forget-dependents": (4, 20, ()),
    "tell-nobody": (18, 60, faults.ALL),
    "answer-by-hand-late": (8, 60, faults.ALL),
    "take-a-pause-for-the-month": (1, 60, ("429-reset-0",)),
    "forget-what-was-bought": (2, 20, ("duplicate",)),
    "buy-what-is-delivered-again": (2, 20, ("duplicate",)),
    "pay-for-old-versions": (1, 20, ("lifecycle",)),
    "purge-at-each-request": (1, 20, ("manual", "asked-again")),
    "believe-in-more-time": (1, 60, faults.ALL),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_line_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkers report the invariant that the broken line violates."""
    monkeypatch.setattr(running, "_MAX_TICKS", 60)  # a mutant that is never idle shows this soon
    seed, changes, names = CATCHES[name]
    schedule = generate(seed, changes, names)
    with mutated(name):
        violations = running.run(schedule, socket=False).violations
    assert BREAKS[name] in {each[:3] for each in violations}, violations


def test_a_failing_schedule_is_cut_to_its_shortest_prefix() -> None:
    """A reader should have little to read: one change is enough to log the key."""
    schedule = generate(2, 20, ())
    with mutated("log-the-key"):
        shortest = shrink(schedule, lambda each: bool(running.run(each, socket=False).violations))
    assert len(shortest.steps) == 1
    assert shortest.faults == ()
    assert repr(shortest.steps[0].key) in as_text(shortest)
