"""Gathering: how long changes are held, for every pace of an upload and every moment."""

from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.clocks import SKEW_SECONDS
from purging.planning.gathering import (
    BURST_CHANGES,
    BURST_SECONDS,
    COALESCE_SECONDS,
    MAX_GATHER_SECONDS,
    TICK_SECONDS,
    gathering,
    held_until,
    last_due,
    when,
)
from purging.planning.months import MONTH_END_SECONDS

MAY = datetime(2030, 5, 1, tzinfo=UTC).timestamp()
JUNE = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
HOLD = 900.0
DAY = 86_400.0

moments = st.floats(MAY, JUNE - 1)


ages = st.lists(st.floats(0, 2000), min_size=1, max_size=40)


@given(ages, st.floats(0, 2000))
def test_changes_are_held_only_as_long_as_they_may_wait(seconds: list[float], hold: float) -> None:
    """What cannot wait for the next tick is due, and with it what happened less than five minutes apart."""
    times = sorted(MAY - age for age in seconds)
    due = last_due(times, MAY, hold)
    assert all(time <= due for time in times if time + hold <= MAY + TICK_SECONDS)
    first = times[0]
    for before, time in pairwise([times[0], *times]):
        first = time if time - before > MAX_GATHER_SECONDS else first
        assert (time <= due) is (first + hold <= MAY + TICK_SECONDS)


def test_an_old_change_is_due_by_itself() -> None:
    """Its being overdue says nothing of an upload that happened long after it."""
    upload = [MAY - 120.0 + n / 10 for n in range(100)]
    old = MAY - 3600.0
    assert last_due([old, *upload], MAY, HOLD) == old
    assert last_due([old, *upload], MAY + 800, HOLD) == upload[-1]
    assert last_due(upload, MAY, HOLD) == -inf


def test_no_change_is_held_into_the_next_month() -> None:
    """Purges that a month does not use are lost."""
    change = JUNE - 800.0
    begin = JUNE - MONTH_END_SECONDS - TICK_SECONDS
    assert last_due([change], begin - 1, HOLD) == -inf
    assert last_due([change], begin, HOLD) == change
    assert last_due([JUNE - 1], JUNE - 1, HOLD) == JUNE - 1
    assert last_due([JUNE - 1], JUNE, HOLD) == -inf


def test_an_upload_is_gathered_over_the_end_of_a_month() -> None:
    """Batch by batch it would take a month's purges within seconds. Only minutes of them are not used."""
    upload = [JUNE - 70.0 + n / 10 for n in range(100)]
    for now in (JUNE - 60, JUNE - 60 + 2):
        found = gathering(upload, now, HOLD)
        assert found
        assert found.seconds == pytest.approx(JUNE - 60 + 3 - now)


@pytest.mark.parametrize("lag", [5.0, 60.0])
def test_a_few_changes_elsewhere_do_not_end_an_upload_that_is_reported_late(lag: float) -> None:
    """They happened just now, and the upload seems to be over only since its events come later."""
    upload = [MAY - lag - n / 50 for n in range(200)]
    alone = gathering(upload, MAY, HOLD, arriving=True)
    assert gathering([*upload, *(MAY - n / 10 for n in range(9))], MAY, HOLD, arriving=True) == alone
    assert alone
    assert alone.seen_at == MAY - lag


@given(st.floats(-10_000, 10_000))
def test_no_change_is_younger_than_now(ahead: float) -> None:
    """Clocks are a little apart; a date farther in the future is none at all, and nothing waits for it."""
    time = when(MAY + ahead, MAY)
    assert time <= MAY
    assert time == (MAY + min(ahead, 0.0) if ahead <= SKEW_SECONDS else 0.0)
    assert (last_due([time], MAY, HOLD) == time) is (ahead > SKEW_SECONDS or ahead <= TICK_SECONDS - HOLD)


@given(ages, st.lists(st.floats(0, 10), max_size=20), st.floats(0, 2000))
def test_gathering_ends(seconds: list[float], purged: list[float], hold: float) -> None:
    """Whatever keeps coming, no change is gathered longer than five minutes, nor than it may be held."""
    times = [MAY - age for age in seconds]
    found = gathering(times, MAY, hold, [MAY - age for age in purged])
    if not found:
        return
    assert 0 < found.seconds <= BURST_SECONDS
    assert found.since >= MAY - min(MAX_GATHER_SECONDS, hold)
    # Without a pause since then, the upload is over with its patience.
    gaps = [early - late for early, late in pairwise(sorted([*seconds, *purged], reverse=True))]
    if max(gaps, default=0) < BURST_SECONDS and max(seconds) > min(MAX_GATHER_SECONDS, hold) + 1e-3:
        assert found.since >= MAY - COALESCE_SECONDS


@given(ages, st.lists(st.floats(60, 1e6), max_size=5))
def test_only_an_upload_under_way_is_gathered_for_long(seconds: list[float], old: list[float]) -> None:
    """Ten changes within four seconds; fewer are none, and one that paused is over, old ones or not."""
    recent = sum(age < BURST_SECONDS - 1e-3 for age in seconds)
    older = sum(age > BURST_SECONDS + 1e-3 for age in seconds)
    found = gathering([MAY - age for age in [*seconds, *old]], MAY, HOLD)
    if recent >= BURST_CHANGES and max(seconds) < MAX_GATHER_SECONDS - 1:
        gaps = [early - late for early, late in pairwise(sorted([*seconds, *old], reverse=True))]
        if not old or max(gaps) > BURST_SECONDS + 1e-3:
            assert found
            assert found.since == MAY - MAX_GATHER_SECONDS
    if found and len(seconds) - older < BURST_CHANGES:
        assert found.since == MAY - COALESCE_SECONDS


@pytest.mark.parametrize("age", [301.0, 3600.0, 9 * 86_400.0])
def test_an_old_change_does_not_switch_gathering_off(age: float) -> None:
    """What waits for a retry or for quota says nothing of the upload that is under way."""
    upload = [MAY - 3.0 + n / 100 for n in range(300)]
    found = gathering([MAY - age, *upload], MAY, HOLD)
    assert found
    assert found == gathering(upload, MAY, HOLD)


def test_gathering_lasts_until_the_upload_has_paused() -> None:
    """The tenth last change is four seconds old then."""
    times = [MAY - 1.0 + n / 100 for n in range(20)]
    found = gathering(times, MAY, HOLD)
    assert found
    assert found.seconds == pytest.approx(times[-10] + BURST_SECONDS - MAY)
    assert gathering(times, times[-10] + BURST_SECONDS, HOLD) is None


def test_a_change_in_company_is_gathered_for_two_seconds() -> None:
    """It may begin an upload. The other one may be purged already, as it seemed to be alone."""
    assert gathering([MAY - 0.5], MAY, HOLD) is None
    assert gathering([MAY - 0.5, MAY - 0.2], MAY, HOLD) == (pytest.approx(1.5), MAY - COALESCE_SECONDS, MAY)
    assert gathering([MAY - 0.2], MAY, HOLD, [MAY - 0.5]) == (pytest.approx(1.5), MAY - COALESCE_SECONDS, MAY)
    assert gathering([MAY - 0.2], MAY, HOLD, [MAY - 2.3]) is None
    assert gathering([MAY - 3.0, MAY - 2.5], MAY, HOLD, [MAY - 0.1]) is None


def test_changes_in_company_are_planned_together() -> None:
    """All of them are planned when the first one has waited for two seconds, and a slow stream goes on."""
    times = [MAY, MAY + 0.02, MAY + 0.04]
    assert gathering(times, MAY + 1.99, HOLD)
    assert gathering(times, MAY + 2.0, HOLD) is None
    assert gathering([MAY + n for n in range(30)], MAY + 30, HOLD) is None


def test_nothing_is_gathered_without_a_hold() -> None:
    """`MaxHoldSeconds` may be 0."""
    assert gathering([MAY - 0.5, MAY - 0.2], MAY, 0.0) is None


@pytest.mark.parametrize("lag", [0.0, 10.0, 200.0, 5_000.0])
def test_an_upload_that_arrives_late_is_gathered_as_well(lag: float) -> None:
    """S3 reports most changes within seconds, some after minutes, and a queue may be hours behind. Without an
    arrival, the upload is over."""
    late = [MAY - lag - n / 10 for n in range(30)]
    found = gathering(late, MAY, HOLD, arriving=True)
    assert found
    assert found.seconds == pytest.approx(BURST_SECONDS - 0.9)
    assert (gathering(late, MAY, HOLD) is None) is (lag > BURST_SECONDS)
    assert found.since < min(late)
    long = [MAY - lag - n for n in range(int(MAX_GATHER_SECONDS) + 30)]
    assert gathering(long, MAY, HOLD, arriving=True) is None


def test_paced_changes_wait_for_the_next_day() -> None:
    """And on a month's last day for its last minutes. Others of the hold keep their own time."""
    begin = datetime(2030, 5, 31, tzinfo=UTC).timestamp()
    assert held_until([begin - DAY], begin - DAY / 2, HOLD) == begin
    assert held_until([begin - DAY], begin + 60, HOLD) == begin + DAY - MONTH_END_SECONDS
    assert held_until([begin - DAY, begin], begin + 60, HOLD) == begin + HOLD - 60


def test_purges_count_as_changes_of_an_upload() -> None:
    """An upload at five objects a second seems to be single changes at first."""
    slow = [MAY - 3.0 + n / 5 for n in range(15)]
    assert gathering(slow[8:], MAY, HOLD, slow[:8]) == gathering(slow, MAY, HOLD)
