"""Pacing: explainable in five lines, and each of them holds for every quota and every moment."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from purging.pacing import (
    BURST_CHANGES,
    BURST_SECONDS,
    MAX_GATHER_SECONDS,
    PRICES,
    TICK_SECONDS,
    allowance,
    cheapest,
    gather_seconds,
)

MAY = datetime(2030, 5, 1, tzinfo=UTC).timestamp()
JUNE = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
HOLD = 900.0

quotas = st.integers(0, 100_000)
moments = st.floats(MAY, JUNE - 1)


def plans(purges_at_1: int) -> Callable[[float], range]:
    """Plans that need ever fewer purges as the price rises."""
    return lambda price: range(max(1, int(purges_at_1 / max(1.0, price))))


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
    chosen = cheapest(lambda _: ["purge"], left=left, now=now, oldest=now - waited, max_hold=HOLD)
    assert chosen == (PRICES[0], ["purge"])


@given(st.integers(1, 50_000), st.integers(1, 100_000), st.integers(1, 100_000), moments)
def test_less_left_never_lowers_the_price(needed: int, one: int, other: int, now: float) -> None:
    """Scarcer purges are worth more evictions."""

    def price(left: int) -> float:
        chosen = cheapest(plans(needed), left=left, now=now, oldest=now - HOLD, max_hold=HOLD)
        assert chosen
        return chosen[0]

    assert price(min(one, other)) >= price(max(one, other))


@given(st.integers(1, 50_000), st.integers(1, 10_000), moments)
def test_the_price_is_the_lowest_that_fits(needed: int, left: int, now: float) -> None:
    """What is chosen fits, and no lower price does."""
    plan_at = plans(needed)
    chosen = cheapest(plan_at, left=left, now=now, oldest=now - HOLD, max_hold=HOLD)
    assert chosen
    price, plan = chosen
    spend = allowance(left, now)
    assert len(plan) <= spend or price == PRICES[-1]
    assert all(len(plan_at(lower)) > spend for lower in PRICES if lower < price)


@given(st.floats(0, 2000), st.floats(0, 2000), moments)
def test_changes_are_held_only_as_long_as_they_may_wait(waited: float, hold: float, now: float) -> None:
    """A dear plan waits while another look comes before `max_hold` is over, and is made at the last one."""
    chosen = cheapest(plans(1000), left=100, now=now, oldest=now - waited, max_hold=hold)
    assume(abs(waited + TICK_SECONDS - hold) > 1e-3)  # floats of dates are that coarse
    assert (chosen is None) == (waited + TICK_SECONDS < hold)


def test_what_fits_at_no_price_may_spend_everything_at_the_highest() -> None:
    """500 folders far apart, 10 purges left: all are planned, and submission takes what the quota gives."""
    plan = list(range(500))
    for waited in (1, HOLD):
        chosen = cheapest(lambda _: plan, left=10, now=MAY, oldest=MAY - waited, max_hold=HOLD)
        assert chosen == (PRICES[-1], plan)


def test_an_even_trade_spares_the_cache() -> None:
    """A purge is never bought with as many evictions as it is worth: each price is a hair below 1, 2, 4 …"""
    assert [round(price, 3) for price in PRICES] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert all(saved * price < saved * round(price) for price in PRICES for saved in (1, 10, 1000))
    # A whole number of evictions less is worth it all the same.
    assert all(saved * price > saved * round(price) - 1 for price in PRICES[:3] for saved in (1, 10, 1000))


ages = st.lists(st.floats(0, 2000), min_size=1, max_size=40)


@given(ages, st.floats(0, 2000))
def test_gathering_ends(seconds: list[float], hold: float) -> None:
    """Whatever keeps coming, no change is gathered longer than five minutes, nor than it may be held."""
    times = [MAY - age for age in seconds]
    wait = gather_seconds(times, MAY, hold)
    patience = min(MAX_GATHER_SECONDS, hold) - max(seconds)
    assert 0 <= wait <= BURST_SECONDS
    assert wait <= max(0.1, patience + 1e-6)
    assert wait == 0 or patience > -1e-6


@given(ages)
def test_only_an_upload_under_way_is_gathered(seconds: list[float]) -> None:
    """Ten changes within four seconds; fewer are no upload, and an upload that paused is over."""
    recent = sum(age < BURST_SECONDS - 1e-3 for age in seconds)
    older = sum(age > BURST_SECONDS + 1e-3 for age in seconds)
    wait = gather_seconds([MAY - age for age in seconds], MAY, HOLD)
    if recent >= BURST_CHANGES and max(seconds) < MAX_GATHER_SECONDS - 1:
        assert wait > 0
    if len(seconds) - older < BURST_CHANGES:
        assert wait == 0


def test_gathering_lasts_until_the_upload_has_paused() -> None:
    """The tenth last change is four seconds old then."""
    times = [MAY - 1.0 + n / 100 for n in range(20)]
    assert gather_seconds(times, MAY, HOLD) == pytest.approx(times[-10] + BURST_SECONDS - MAY)
    assert gather_seconds(times, times[-10] + BURST_SECONDS, HOLD) == 0
