"""The pace: how many purges to spend now, and whether to hold changes.

- The purges that evict nothing needlessly are made at once, if they fit what may be spent now.
- Of what is left of the month's quota, 80 % may be spent at the month's start, all of it at its end. But
  twice as many are kept as further rounds need at least, as this month and the one before let expect.
- If the purges do not fit, changes are held for at most `MaxHoldSeconds`, to gather more of them.
- Then the purges become fewer and broader: the plan is the one with the fewest needless evictions that fits.
- If none fits, all that is left may be spent. Changes that even the fewest purges cannot cover are held for
  the next month.
"""

import math
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from math import inf
from typing import Generic, NamedTuple, Protocol, TypeVar

from purging.clocks import SKEW_SECONDS

EARLY = 0.2
"""The part of what is left that may not be spent at the month's start. It shrinks to 0 at the month's end."""

RESERVE = 2
"""For each purge that further rounds will need at least, so many are kept for them."""

FEW = 3
"""So few purges may be made at any time, as long as further rounds keep what they need at least."""

FIRST_DEMAND, PRIOR = 300, 0.25
"""Purges that a month needs at least, if nothing is known. The month before counts as much as this part of a
month."""

BURST_CHANGES, BURST_SECONDS = 10, 4.0
"""So many changes in so many seconds are an upload under way: it is planned as a whole when it pauses.

The seconds are twice the default of `CoalesceSeconds`: the latest changes may arrive so much later."""

MAX_GATHER_SECONDS = 300.0
"""The longest time for which an upload that does not pause is gathered."""

TICK_SECONDS = 60.0
"""Seconds until held changes are planned again. A change that must not wait for the next tick is not held."""

T = TypeVar("T")


class Demand(NamedTuple):
    """How many purges rounds would have needed at least, with the broadest wildcards: in this month until
    `now`, and in the month `before`; None if that is not known."""

    now: int = 0
    before: int | None = None


def coming(demand: Demand, now: float) -> float:
    """Return how many purges further rounds will need at least, from a time (unix seconds) to the end of its
    month (UTC). At the month's start the month before tells, and later this month itself."""
    before = FIRST_DEMAND if demand.before is None else demand.before
    elapsed = 1 - _remaining(now)
    return (before * PRIOR + demand.now) / (PRIOR + elapsed) * (1 - elapsed)


def allowance(left: int, now: float, *, least: int = 1, further: float = 0.0) -> int:
    """Return how many purges a round may make at a time (unix seconds), of those `left` in its month (UTC).

    The round needs `least` purges, with the broadest wildcards, and `further` ones need so many.
    """
    if left <= 0:
        return 0
    share = math.ceil(left * (1 - _remaining(now) * EARLY))
    kept = math.floor(left - RESERVE * further)
    fair = math.ceil(left * least / (least + further)) if least else 0
    few = min(FEW, math.floor(left - further))
    return min(left, max(min(share, max(kept, fair)), min(fair, least), few))


def runs_out(left: int, now: float, further: float) -> float | None:
    """Return the time (unix seconds) at which the quota ends if each further round makes as few purges as it
    can; None if the quota lasts to the end of the month (UTC)."""
    if left >= further:
        return None
    moment = datetime.fromtimestamp(now, UTC)
    _, days = monthrange(moment.year, moment.month)
    return now + _remaining(now) * days * 86_400 * max(left, 0) / further


def _remaining(now: float) -> float:
    """The part of the month (UTC) that remains, from 1 at its start to 0."""
    moment = datetime.fromtimestamp(now, UTC)
    _, days = monthrange(moment.year, moment.month)
    elapsed = (moment - moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    return 1 - elapsed / (days * 86_400)


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


class Plannable(Protocol[T]):
    """Purges that can be planned with no needless eviction, or within a budget."""

    def sparing(self) -> list[T]:
        """Return the fewest purges that evict nothing needlessly."""

    def within(self, budget: int) -> tuple[list[T], float]:
        """Return the purges within a budget that evict least, and their price; or else as few as can be."""

    def least(self) -> int:
        """Return how many purges it takes at least."""


class Choice(NamedTuple, Generic[T]):
    """A `plan` and its `price`; whether it `fits` what may be spent now. It takes `least` purges at least."""

    price: float
    plan: list[T]
    fits: bool
    least: int


def cheapest(plannable: Plannable[T], *, left: int, now: float, further: float = 0.0) -> Choice[T]:
    """Choose the plan with the fewest evictions that fits what may be spent now.

    If no plan fits what may be spent now, the one that fits all that is `left` is chosen. If none does, it is
    the smallest one: then as many of its purges are made as are left.
    """
    plan = plannable.sparing()
    least = plannable.least() if len(plan) > FEW else len(plan)
    spend = allowance(left, now, least=least, further=further)
    if len(plan) <= spend:
        return Choice(0.0, plan, True, least)
    plan, price = plannable.within(spend)
    if len(plan) <= spend:
        return Choice(price, plan, True, least)
    plan, price = plannable.within(left)
    return Choice(price, plan, False, least)
