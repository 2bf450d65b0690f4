"""Pacing: each of its rules holds for every quota and every moment."""

from datetime import UTC, datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.planning.gathering import gathering
from purging.planning.months import MONTH_END_SECONDS
from purging.planning.pacing import FEW, SPARE, allowance, cheapest, coming, few_of, paced, runs_out
from purging.purges import NO_NEED, Need

MAY = datetime(2030, 5, 1, tzinfo=UTC).timestamp()
JUNE = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
HOLD = 900.0
DAY = 86_400.0

quotas = st.integers(0, 100_000)
moments = st.floats(MAY, JUNE - 1)
needs = st.floats(0, 5_000)
UNKNOWN = Need(0.0, inf)
"""Further rounds need nothing at least, and nobody knows how much without needless evictions."""


class Uploads:
    """Purges of an upload: so many without a needless eviction, at least so many, and between them each
    purge that is saved evicts more."""

    def __init__(self, sparing: int, least: int) -> None:
        self._sparing, self._least = sparing, least
        self.budgets: list[int] = []

    def sparing(self) -> list[int]:
        return [0] * self._sparing

    def within(self, budget: int) -> tuple[list[int], float]:
        self.budgets.append(budget)
        count = max(self._least, min(budget, self._sparing))
        return [0] * count, float(self._sparing - count)

    def least(self) -> int:
        return self._least


@given(quotas, quotas, moments, needs, st.integers(0, 50))
def test_more_left_allows_no_less(one: int, other: int, now: float, further: float, least: int) -> None:
    """The allowance never falls as the quota's rest grows, and never exceeds it."""
    less, more = (allowance(left, now, least=least, further=further) for left in sorted((one, other)))
    assert less <= more
    assert 0 <= less <= min(one, other)


@given(quotas, moments, moments, needs)
def test_later_in_the_month_allows_no_less(left: int, one: float, other: float, further: float) -> None:
    """A purge that is not used by the month's end is lost, so the same rest allows ever more."""
    early, late = (allowance(left, now, further=further) for now in sorted((one, other)))
    assert early <= late


@given(quotas, moments, needs, needs)
def test_more_to_come_allows_no_more(left: int, now: float, one: float, other: float) -> None:
    """What further rounds need is kept for them."""
    assert allowance(left, now, further=max(one, other)) <= allowance(left, now, further=min(one, other))


@pytest.mark.parametrize(("left", "start"), [(0, 0), (1, 1), (2, 1), (900, 765), (901, 766)])
def test_most_at_the_start_all_at_the_end(left: int, start: int) -> None:
    """If nothing further is to come; one purge is never denied while one is left."""
    assert allowance(left, MAY) == start
    assert allowance(left, JUNE - 0.001) == left


def test_twice_what_further_rounds_need_is_kept() -> None:
    """So are a few more. If that is too much, each round may make its fair share, and a few at least."""
    assert allowance(900, MAY, further=300.0) == 900 - 2 * 300 - SPARE
    assert allowance(900, MAY, least=8, further=592.0) == 12
    assert allowance(100, MAY, further=90.0) == 3
    # Less than one is no share: such a purge waits, so that it covers more changes.
    assert allowance(900, MAY, further=2_000.0) == 0


@pytest.mark.parametrize("hour", [0.01, 1, 24, 72])
@pytest.mark.parametrize("used", [0, 23, 45])
def test_the_first_purges_of_a_month_are_made_at_once(hour: float, used: int) -> None:
    """Two uploads tell little of a month if the one before is not known."""
    now = MAY + hour * 3600
    further = coming(Need(used, used), None, now, 900)
    left = 900 - used
    choice = cheapest(Uploads(20, 9), left=left, now=now, further=further, few=few_of(left, 900))
    assert (len(choice.plan), choice.price) == (20, 0.0)


def test_the_first_purges_leave_what_further_rounds_need_at_least() -> None:
    """Then a round is as careful on the first day as later."""
    further = Need(870, inf)
    assert cheapest(Uploads(20, 9), left=880, now=MAY, further=further, few=few_of(880, 900)).price > 0


@given(st.integers(SPARE + 1, 5_000), st.integers(FEW + 1, 1_000), moments, st.booleans())
def test_no_round_with_a_choice_leaves_nothing_before_the_last_minutes(
    left: int, sparing: int, now: float, known: bool
) -> None:
    """What comes is not known, even if nothing is expected. What a month does not use is lost at its end."""
    further = NO_NEED if known else Need(0, inf)
    choice = cheapest(Uploads(sparing, 1), left=left, now=now, further=further)
    last_minutes = now >= JUNE - MONTH_END_SECONDS
    assert len(choice.plan) <= left if last_minutes else len(choice.plan) <= left - SPARE


@given(st.integers(1, 5_000), st.integers(1, 60), st.integers(1, 30), moments)
def test_rounds_that_come_as_expected_never_find_nothing(
    quota: int, rounds: int, least: int, now: float
) -> None:
    """Each of them gets at least what it needs, if the quota has that for all of them."""
    left = quota
    for further in range(rounds - 1, -1, -1):
        spend = allowance(left, now, least=least, further=float(least * further))
        if quota >= rounds * least:
            assert spend >= least
        left -= spend
    assert left >= 0


@pytest.mark.parametrize("left", [-5, 0])
def test_nothing_left_allows_nothing(left: int) -> None:
    """Manual purges may have used more than changes may: that is no debt."""
    assert allowance(left, MAY) == 0


def test_the_month_before_tells_at_first_and_this_one_later() -> None:
    """Without a month before, much is expected, so that the quota does not end in a stack's first month."""
    assert coming(NO_NEED, None, MAY, 1000) == Need(270, inf)
    assert coming(NO_NEED, Need(80, 700), MAY, 900) == Need(80, 700)
    # The guess about a first month counts as much as a day and a half of 31.
    expected = 0.95 * (270 * 0.05 + 30) / (0.05 + 0.05)
    assert coming(Need(30, 30), None, MAY + (JUNE - MAY) * 0.05, 1000) == pytest.approx(Need(expected, inf))
    middle = (MAY + JUNE) / 2
    assert coming(Need(60, 90), NO_NEED, middle, 900) == pytest.approx(Need(40, 60))
    assert coming(Need(900, 900), Need(900, 900), JUNE - 0.001, 900) == pytest.approx(NO_NEED, abs=0.01)


def test_a_month_that_becomes_busier_keeps_more() -> None:
    """Ten days of it are left, and 8 purges a day were needed at least on the last three."""
    now = JUNE - 10 * 86_400
    by_day = {21: 4.0, 19: 8.0, 20: 8.0, 5: 100.0}
    middle = now - 43_200
    assert coming(NO_NEED, NO_NEED, middle, 900, by_day).large == pytest.approx(20 / 2.5 * 10.5)
    assert coming(NO_NEED, NO_NEED, middle, 900).large == 0
    assert allowance(500, middle, least=8, further=7.0, large=80.0) == 500 - 80 - SPARE
    # Single changes do not wait for it.
    assert allowance(50, middle, least=1, further=7.0, large=80.0) == FEW


def test_one_busy_day_says_little() -> None:
    """A deploy on the first day does not stand for one each day."""
    assert coming(NO_NEED, NO_NEED, MAY + 60, 900, {1: 8.0}).large == 0
    assert coming(NO_NEED, NO_NEED, MAY + 90_000, 900, {1: 8.0, 2: 8.0}).large > 0


def test_the_end_of_the_quota_is_foreseen() -> None:
    """Two thirds of what further rounds need is left: it lasts for two thirds of the rest of the month."""
    assert runs_out(100, MAY, 100.0) is None
    assert runs_out(100, MAY, 150.0) == pytest.approx(MAY + (JUNE - MAY) * 2 / 3)
    assert runs_out(0, MAY, 1.0) == MAY


def test_a_month_that_needs_nothing_more_does_not_run_out() -> None:
    """Not even if manual purges have used more than changes may spend."""
    assert runs_out(-1, MAY, 0.0) is None


@given(st.integers(1, 100_000), moments, st.floats(0, 10_000))
def test_a_single_change_is_purged_at_once_while_the_quota_suffices(
    left: int, now: float, waited: float
) -> None:
    """It evicts nothing needlessly, however young it is."""
    assert gathering([now - waited], now, HOLD) is None
    choice = cheapest(Uploads(1, 1), left=left, now=now, further=Need(left - 1, inf))
    assert choice == (0.0, [0], True, Need(1, 1))


@given(st.integers(1, 100_000), moments)
def test_a_single_change_waits_for_more_if_the_quota_is_short(left: int, now: float) -> None:
    """Otherwise an object that changes every minute would use up the quota. Its plan stays the smallest."""
    choice = cheapest(Uploads(1, 1), left=left, now=now, further=Need(left, inf))
    assert choice == (0.0, [0], False, Need(1, 1))


@given(st.integers(0, 1_000), st.integers(0, 1_000), moments)
def test_nothing_is_evicted_if_the_quota_suffices_as_far_as_one_can_know(
    sparing: int, further: int, now: float
) -> None:
    """That is so on the first day of a month as well. A few purges are kept, as nobody knows what comes."""
    left = sparing + further + SPARE
    choice = cheapest(Uploads(sparing, 0), left=left, now=now, further=Need(further, further))
    assert choice[:3] == (0.0, [0] * sparing, True)


@given(st.integers(1, 50_000), st.integers(1, 100_000), st.integers(1, 100_000), moments)
def test_less_left_never_lowers_the_price(needed: int, one: int, other: int, now: float) -> None:
    """Scarcer purges are worth more evictions."""
    less, more = (
        cheapest(Uploads(needed, 1), left=left, now=now, further=UNKNOWN) for left in sorted((one, other))
    )
    assert less.price >= more.price


@given(st.integers(1, 5_000), st.integers(1, 50), st.integers(1, 10_000), moments, needs)
def test_what_is_chosen_fits_and_spends_what_it_may(
    sparing: int, least: int, left: int, now: float, further: float
) -> None:
    """No plan evicts needlessly while another one fits."""
    least = min(sparing, least)
    choice = cheapest(Uploads(sparing, least), left=left, now=now, further=Need(further, inf))
    spend = allowance(left, now, least=least if sparing > FEW else sparing, further=further)
    assert choice.fits is (least <= spend)
    assert len(choice.plan) == max(least, min(sparing, spend))


def test_a_plan_that_fits_needs_no_other_one() -> None:
    """Each takes a second with a hundred thousand changes."""
    upload = Uploads(1000, 4)
    cheapest(upload, left=10_000, now=MAY, further=UNKNOWN)
    assert upload.budgets == []
    cheapest(upload, left=900, now=MAY, further=UNKNOWN)
    assert upload.budgets == [765]
    # More than all that is left: as few as possible are planned, and submission takes what the quota gives.
    assert cheapest(Uploads(1000, 20), left=10, now=MAY, further=UNKNOWN)[::2] == (980.0, False)


def test_what_no_wildcard_joins_does_not_use_up_a_month_at_once() -> None:
    """Each day has its part of 900 purges, and what the days before left. Asking again changes nothing."""
    begin, left = datetime(2030, 5, 1, tzinfo=UTC).timestamp(), 900
    made = []
    for day in range(31):
        for _ in range(2):
            count = paced(3000, joint=0, left=left, quota=900, now=begin + day * DAY + 60, further=0.0)
            left -= count
            made.append(count)
    assert set(made[::2]) == {27, 29}
    assert set(made[1::2]) == {0}
    assert left == SPARE
    late = begin + 31 * DAY - 60
    assert paced(3000, joint=0, left=left, quota=900, now=late, further=0.0) >= left, "nothing is kept now"


@pytest.mark.parametrize(
    ("exact", "joint", "left", "further", "made"),
    [
        (9, 0, 1, 500.0, 9),
        (400, 0, 900, 240.0, 400),
        (400, 20, 900, 240.0, 9),
        (400, 0, 880, 240.0, 9),
        (400, 0, 880, 870.0, 7),
        (400, 0, 850, 240.0, 0),
        (400, 60, 40, 0.0, 0),
    ],
    ids=["few", "enough", "wildcards first", "today's part", "what others need", "used", "nothing"],
)
def test_only_what_leaves_too_little_is_paced(
    exact: int, joint: int, left: int, further: float, made: int
) -> None:
    """Others keep twice what they need; what does not leave that much has its part of the first day."""
    begin = datetime(2030, 5, 1, tzinfo=UTC).timestamp()
    assert paced(exact, joint=joint, left=left, quota=900, now=begin, further=further) == made
