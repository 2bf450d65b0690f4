"""How long TrackPurges waits before it asks for the first time whether a purge is Completed."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.latency.polling import checks
from purging.polling import ENOUGH, LONGEST, SHORTEST, first_wait, usual_seconds
from purging.purges import AcceptedPurge

NOW = 1_900_000_000.0

seconds = st.floats(0, 7200)


def _recent(times: Iterable[float]) -> list[AcceptedPurge]:
    """Purges that were seen Completed after these seconds."""
    return [AcceptedPurge("id", "url", NOW - 9000, completed_at=NOW - 9000 + each) for each in times]


def _wait(recent: Iterable[AcceptedPurge], *ages: float) -> int:
    batch = [AcceptedPurge("id", "url", NOW - age) for age in ages or (0.0,)]
    return first_wait(batch, usual_seconds(recent), NOW)


def test_too_few_purges_teach_nothing() -> None:
    """The next purge may well be faster than all of a few. Purges that are still Pending do not count."""
    pending = [AcceptedPurge("id", "url", NOW - 9000)] * ENOUGH
    assert _wait(pending + _recent([100.0] * (ENOUGH - 1))) == SHORTEST
    assert _wait(pending + _recent([100.0] * ENOUGH)) == 90


@given(st.lists(seconds, min_size=ENOUGH), seconds)
def test_a_purge_that_is_seen_late_makes_no_other_one_late(times: list[float], late: float) -> None:
    """One more purge can only shorten the wait. So a status API that was down for a while does no harm."""
    assert _wait(_recent([*times, late])) <= _wait(_recent(times))


@given(st.lists(seconds), st.lists(st.floats(0, 600), min_size=1))
def test_the_wait_has_bounds(times: list[float], ages: list[float]) -> None:
    """Step Functions wants whole seconds, and nobody waits for more than 5 minutes in vain."""
    assert SHORTEST <= _wait(_recent(times), *ages) <= LONGEST


def test_the_wait_counts_from_the_oldest_purge_of_a_batch() -> None:
    """A batch may wait before its execution starts: for other batches of a round, or for the next drain."""
    recent = _recent([100.0] * ENOUGH)
    assert _wait(recent, 10.0, 30.0, 20.0) == 60
    assert _wait(recent, 0.0, 600.0) == SHORTEST


@pytest.mark.parametrize("seen", [8.0, 111.0, 900.0])
@pytest.mark.parametrize("takes", [3.0, 12.0, 60.0, 170.0, 290.0])
def test_the_wait_goes_down_until_purges_are_seen_in_time(takes: float, seen: float) -> None:
    """Even if all that is known was seen much too late."""
    times = [max(seen, takes)] * ENOUGH
    for _ in range(40):
        first = _wait(_recent(times))
        times.append(next(at for at in checks(first) if at >= takes))
    assert times[-1] - takes <= 18  # the third wait after the first check
