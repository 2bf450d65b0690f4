"""One fault at each call in turn, where the seeds only draw some."""

from dataclasses import replace

import pytest

from tests.chaos.faults import Fault
from tests.chaos.run import run
from tests.chaos.schedule import Schedule, generate


@pytest.fixture(scope="module")
def schedule() -> Schedule:
    """Two changes, each delivered twice or late, and a purge by hand."""
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
def test_every_invariant_holds_wherever_it_strikes(schedule: Schedule, name: str, after: bool) -> None:
    """The function killed before and after each call that it makes, or held up by it until its time is over;
    another drain in the midst of each; the answer to each one lost."""
    calls = run(schedule, socket=False).counts["calls"]
    struck = 0
    for skip in range(calls):
        fault = Fault(at=0, name=name, skip=skip, times=1, seconds=2, after=after)
        result = run(replace(schedule, faults=(fault,)), socket=False)
        assert not result.broken, (skip, result.broken)
        struck += result.counts["calls"] != calls
    assert struck > calls / 2
