"""Pacing: explainable in five lines, and each of them holds for every quota and every moment."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.clocks import SKEW_SECONDS
from purging.planning.pacing import (
    BURST_CHANGES,
    BURST_SECONDS,
    MAX_GATHER_SECONDS,
    PRICES,
    TICK_SECONDS,
    allowance,
    cheapest,
    gather_seconds,
    last_due,
    may_gather,
    when,
)

MAY = datetime(2030, 5, 1, tzinfo=UTC).timestamp()
JUNE = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
HOLD = 900.0

quotas = st.integers(0, 100_000)
moments = st.floats(MAY, JUNE - 1)


def plans(purges_at_1: int) -> Callable[[float], list[int]]:
    """Plans that need ever fewer purges as the price rises."""
    return lambda price: list(range(max(1, int(purges_at_1 / max(1.0, price)))))


@given(quotas, quotas, moments)
def test_more_left_allows_no_less(one: int, other: int, now: float) -> None:
    """The allowance never falls as the quota's rest grows, and never exceeds it."""
    assert allowance(min(one, other), now) <= allowance(max(one, other), now)
    assert 0 <= allowance(one, now) <= one


@given(quotas, moments, moments)
def test_later_in_the_month_allows_no_less(left: int, one: float, other: float) -> None:
    """What is not used by the month's end is lost, so the same rest allows ever more."""
    assert allowance(left, min(one, other)) <= allowance(left, max(one, other))


@pytest.mark.parametrize(("left", "start"), [(0, 0), (1, 1), (2, 1), (900, 450), (901, 451)])
def test_half_at_the_start_all_at_the_end(left: int, start: int) -> None:
    """Of what is left; one purge is never denied while one is left."""
    assert allowance(left, MAY) == start
    assert allowance(left, JUNE - 0.001) == left


@pytest.mark.parametrize("left", [-5, 0])
def test_nothing_left_allows_nothing(left: int) -> None:
    """Manual purges may have used more than changes may: that is no debt."""
    assert allowance(left, MAY) == 0


@given(quotas, st.integers(0, 23))
def test_every_month_begins_alike(left: int, months: int) -> None:
    """No memory and no hysteresis: the first second of a month is that of any month, leap years included."""
    year, month = divmod(2027 * 12 + months, 12)
    first = datetime(year, month + 1, 1, tzinfo=UTC).timestamp()
    assert allowance(left, first) == allowance(left, MAY)
    assert allowance(left, first - 0.001) == left


@given(st.integers(1, 100_000), moments, st.floats(0, 10_000))
def test_a_single_change_is_purged_at_once_while_one_purge_is_left(
    left: int, now: float, waited: float
) -> None:
    """At the lowest price, however young it is."""
    assert gather_seconds([now - waited], now, HOLD) == 0
    assert cheapest(lambda _: ["purge"], left=left, now=now) == (PRICES[0], ["purge"], True)


@given(st.integers(1, 50_000), st.integers(1, 100_000), st.integers(1, 100_000), moments)
def test_less_left_never_lowers_the_price(needed: int, one: int, other: int, now: float) -> None:
    """Scarcer purges are worth more evictions."""

    less, more = (cheapest(plans(needed), left=left, now=now) for left in sorted((one, other)))
    # What fits into none is as dear as what fits: it spends more of what is left instead.
    assert not less.fits or less.price >= more.price


@given(st.integers(1, 50_000), st.integers(1, 10_000), moments)
def test_the_price_is_the_lowest_that_fits(needed: int, left: int, now: float) -> None:
    """What is chosen fits what may be spent, or what is left, or neither; no lower price does."""
    plan_at = plans(needed)
    price, plan, fits = cheapest(plan_at, left=left, now=now)
    spend = allowance(left, now)
    assert plan == plan_at(price)
    assert fits is any(len(plan_at(each)) <= spend for each in PRICES)
    limit = spend if fits else left
    assert len(plan) <= limit or price == PRICES[-1]
    assert all(len(plan_at(lower)) > limit for lower in PRICES if lower < price)


def test_the_search_asks_for_few_plans() -> None:
    """Each takes a second with tens of thousands of changes: at most one a halving of the prices."""
    asked: list[float] = []

    def plan_at(price: float) -> list[int]:
        asked.append(price)
        return [0] * 1000

    cheapest(plan_at, left=10, now=MAY)
    assert len(asked) == len(set(asked)) <= 5
    asked.clear()
    cheapest(plan_at, left=10_000, now=MAY)
    assert asked == [PRICES[0]]


def test_what_fits_at_no_price_takes_the_lowest_that_fits_what_is_left() -> None:
    """500 folders far apart beside one full of neighbours: dear wildcards there would save nothing."""

    def plan_at(price: float) -> list[int]:
        return [0] * (500 + (40 if price < 3 else 1))

    assert cheapest(plan_at, left=900, now=MAY)[::2] == (PRICES[0], False)
    assert cheapest(plan_at, left=520, now=MAY)[::2] == (PRICES[2], False)
    # More than all that is left: as few as possible are planned, and submission takes what the quota gives.
    assert cheapest(plan_at, left=10, now=MAY)[::2] == (PRICES[-1], False)


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


@given(st.floats(-10_000, 10_000))
def test_no_change_is_younger_than_now(ahead: float) -> None:
    """Clocks are a little apart; a date farther in the future is none at all, and nothing waits for it."""
    time = when(MAY + ahead, MAY)
    assert time <= MAY
    assert time == (MAY + min(ahead, 0.0) if ahead <= SKEW_SECONDS else 0.0)
    assert (last_due([time], MAY, HOLD) == time) is (ahead > SKEW_SECONDS or ahead <= TICK_SECONDS - HOLD)


def test_an_even_trade_spares_the_cache() -> None:
    """A purge is never bought with as many evictions as it is worth: each price is a hair below 1, 2, 4 …"""
    assert [round(price, 3) for price in PRICES] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert all(saved * price < saved * round(price) for price in PRICES for saved in (1, 10, 1000))
    # A whole number of evictions less is worth it all the same.
    assert all(saved * price > saved * round(price) - 1 for price in PRICES[:3] for saved in (1, 10, 1000))


@given(ages, st.floats(0, 2000))
def test_gathering_ends(seconds: list[float], hold: float) -> None:
    """Whatever keeps coming, no change is gathered longer than five minutes, nor than it may be held."""
    times = [MAY - age for age in seconds]
    wait = gather_seconds(times, MAY, hold)
    assert 0 <= wait <= BURST_SECONDS
    longest = min(MAX_GATHER_SECONDS, hold)
    assert all(may_gather(time, MAY, hold) is (time > MAY - longest) for time in times)
    # Without a pause since then, the upload is over with its patience.
    gaps = [early - late for early, late in pairwise(sorted(seconds, reverse=True))]
    if max(gaps, default=0) < BURST_SECONDS and max(seconds) > longest + 1e-3:
        assert wait == 0


@given(ages, st.lists(st.floats(60, 1e6), max_size=5))
def test_only_an_upload_under_way_is_gathered(seconds: list[float], old: list[float]) -> None:
    """Ten changes within four seconds; fewer are none, and one that paused is over, old ones or not."""
    recent = sum(age < BURST_SECONDS - 1e-3 for age in seconds)
    older = sum(age > BURST_SECONDS + 1e-3 for age in seconds)
    wait = gather_seconds([MAY - age for age in [*seconds, *old]], MAY, HOLD)
    if recent >= BURST_CHANGES and max(seconds) < MAX_GATHER_SECONDS - 1:
        gaps = [early - late for early, late in pairwise(sorted([*seconds, *old], reverse=True))]
        if not old or max(gaps) > BURST_SECONDS + 1e-3:
            assert wait > 0
    if len(seconds) - older < BURST_CHANGES:
        assert wait == 0


@pytest.mark.parametrize("age", [301.0, 3600.0, 9 * 86_400.0])
def test_an_old_change_does_not_switch_gathering_off(age: float) -> None:
    """What waits for a retry or for quota says nothing of the upload that is under way."""
    upload = [MAY - 3.0 + n / 100 for n in range(300)]
    assert gather_seconds([MAY - age, *upload], MAY, HOLD) == gather_seconds(upload, MAY, HOLD) > 0


def test_gathering_lasts_until_the_upload_has_paused() -> None:
    """The tenth last change is four seconds old then."""
    times = [MAY - 1.0 + n / 100 for n in range(20)]
    assert gather_seconds(times, MAY, HOLD) == pytest.approx(times[-10] + BURST_SECONDS - MAY)
    assert gather_seconds(times, times[-10] + BURST_SECONDS, HOLD) == 0
