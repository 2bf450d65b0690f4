"""The pace: how many purges to spend now, at what price, and whether to hold changes.

- Of what is left of the month's quota, half may be spent at once at the month's start, all of it at its end.
- While the purges needed at price 1 fit into that, they are made at once, at price 1.
- If not, changes are held for at most `MaxHoldSeconds`, to gather more of them: an upload is held as a whole.
- Then the price doubles until the purges fit: they become fewer and broader, and evict more needlessly.
- If they fit at no price, all that is left may be spent, at the lowest price that this allows. Changes
  without a purge are held for the next month.
"""

import math
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise, takewhile
from math import inf
from typing import Generic, NamedTuple, TypeVar

from purging.clocks import SKEW_SECONDS

PRICES = tuple(2.0**step * (1 - 2.0**-20) for step in range(10))
"""Needless evictions that one saved purge may be worth: 1, 2, 4 … 512, less than a page of a listing.

Each is slightly less: if a wildcard would evict exactly as much as it is worth, the cache is spared.
"""

BURST_CHANGES, BURST_SECONDS = 10, 4.0
"""So many changes in so many seconds are an upload under way: it is planned as a whole when it pauses.

The seconds are twice the default of `CoalesceSeconds`: the latest changes may arrive so much later."""

MAX_GATHER_SECONDS = 300.0
"""The longest time for which an upload that does not pause is gathered."""

TICK_SECONDS = 60.0
"""Seconds until held changes are planned again. A change that must not wait for the next tick is not held."""

T = TypeVar("T")


def allowance(left: int, now: float) -> int:
    """Return how many purges may be spent at a time (unix seconds), of those `left` in its month (UTC)."""
    moment = datetime.fromtimestamp(now, UTC)
    _, days = monthrange(moment.year, moment.month)
    elapsed = (moment - moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    remaining = 1 - elapsed / (days * 86_400)
    return max(0, math.ceil(left * (1 - remaining / 2)))


def when(occurred_at: float, now: float) -> float:
    """Return the time (unix seconds) from which a change counts as held.

    That is not after `now`, even if a clock is a little ahead. A date farther in the future says nothing
    about the age. Such a change counts as held for long, and no other one is held for it.
    """
    return min(occurred_at, now) if occurred_at <= now + SKEW_SECONDS else 0.0


def gather_seconds(times: Iterable[float], now: float, max_hold: float) -> float:
    """Return the seconds until an upload under way may be over; 0 if there is none, or if it was gathered for
    long enough.

    `times` are when pending changes happened (unix seconds). Only those since the last pause count: changes
    from before the upload say nothing about it.
    """
    latest = sorted(times, reverse=True)
    recent = list(takewhile(lambda time: time > now - BURST_SECONDS, latest))
    if len(recent) < BURST_CHANGES:
        return 0.0
    began = next((one for one, before in pairwise(latest) if one - before > BURST_SECONDS), latest[-1])
    patience = began + _longest(max_hold) - now
    if patience <= 0:
        return 0.0
    return max(min(recent[BURST_CHANGES - 1] + BURST_SECONDS - now, patience), 0.1)


def may_gather(time: float, now: float, max_hold: float) -> bool:
    """Whether a change of this time (unix seconds) may be held longer for an upload that is under way."""
    return time > now - _longest(max_hold)


def _longest(max_hold: float) -> float:
    return min(MAX_GATHER_SECONDS, max_hold)


def last_due(times: Iterable[float], now: float, max_hold: float) -> float:
    """Return the time (unix seconds) up to which no change can be held longer; minus infinity if all can.

    Changes that happened at most `MAX_GATHER_SECONDS` apart belong together: they are planned as a whole as
    soon as the first of them cannot wait for the next tick. Later changes have their own time.
    """
    due = first = last = -inf
    for time in sorted(times):
        if time - last > MAX_GATHER_SECONDS:
            first = time
        if first + max_hold <= now + TICK_SECONDS:
            due = time
        last = time
    return due


class Choice(NamedTuple, Generic[T]):
    """A `plan` and its `price`. `fits`: it needs no more purges than may be spent now."""

    price: float
    plan: list[T]
    fits: bool


def cheapest(plan_at: Callable[[float], list[T]], *, left: int, now: float) -> Choice[T]:
    """Choose the plan of the lowest price that fits what may be spent now.

    `plan_at` gives the purges needed at a price; a higher price never needs more. If even the highest price
    does not fit, the lowest one that fits all that is `left` is chosen. If none does, the highest is chosen:
    then as many purges are made as are left.
    """
    plan_at = cache(plan_at)
    spend = allowance(left, now)
    for limit in (spend, left):
        # The lowest price usually fits: a search from the middle would ask for more plans.
        at = 0
        if len(plan_at(PRICES[0])) > limit:
            at = bisect_left(PRICES, -limit, 1, key=lambda price: -len(plan_at(price)))
        if at < len(PRICES):
            return Choice(PRICES[at], plan_at(PRICES[at]), limit == spend)
    return Choice(PRICES[-1], plan_at(PRICES[-1]), False)
