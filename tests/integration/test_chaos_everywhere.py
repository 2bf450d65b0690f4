"""One fault at each call in turn. The seeds draw only some of them."""

from dataclasses import replace

import pytest

from tests.chaos.faults import Fault
from tests.chaos.run import run
from tests.chaos.schedule import Schedule, generate


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """Two changes, delivered twice or late, and a manual purge."""
    return generate(6, 2, ("duplicate", "reorder", "manual", "s3-clock", "lambda-clock"))


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("kill", False),
        ("kill", True),
        ("time-out", False),
        ("time-out", True),
        ("concurrent", False),
        ("aws-answer-lost", False),
    ],
)
def test_every_invariant_holds_at_whichever_call_a_fault_hits(
    schedule: Schedule, name: str, after: bool
) -> None:
    """The function is killed before and after each of its calls, or each call hangs until the time-out.

    Another drain runs during each call, and the answer to each call is lost.
    """
    calls = run(schedule, socket=False).counts["calls"]
    hits = 0
    for skip in range(calls):
        fault = Fault(at=0, name=name, skip=skip, times=1, seconds=2, after=after)
        result = run(replace(schedule, faults=(fault,)), socket=False)
        assert not result.violations, (skip, result.violations)
        hits += result.counts["calls"] != calls
    assert hits > calls / 2
