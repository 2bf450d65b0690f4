"""What purges may cost right now: how many to spend, at what price, and whether to wait. Pure.

- Of what is left of the month's quota, half may be spent at once at the month's start, all of it at its end.
- While the purges needed at price 1 fit into that, they are made at once, at price 1.
- If not, changes are held to gather more of them, for at most `MaxHoldSeconds`.
- Then the price doubles until they fit: fewer, broader purges, which evict more needlessly.
- What does not fit at any price may spend all that is left; the rest waits for the next month.
"""

import math
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

PRICES = tuple(2.0**step * (1 - 2.0**-20) for step in range(10))
"""Needless evictions that one saved purge may be worth: 1, 2, 4 … 512, less than a page of a listing.

Each is a hair less, because an even trade spares the quota nothing that it needs, and costs the cache.
"""

BURST_CHANGES, BURST_SECONDS = 10, 4.0
"""So many changes in so many seconds are an upload under way: it is planned as a whole, once it pauses.

Twice `CoalesceSeconds`, as the latest changes may still be on their way for that long."""

MAX_GATHER_SECONDS = 300.0
"""How long an upload that does not pause is gathered at most."""

TICK_SECONDS = 60.0
"""Held changes are looked at again so often: what must not wait for the next look is not held."""

T = TypeVar("T")


def allowance(left: int, now: float) -> int:
    """Purges that may be spent at a time (unix seconds), of those `left` in its month (UTC)."""
    moment = datetime.fromtimestamp(now, UTC)
    _, days = monthrange(moment.year, moment.month)
    elapsed = (moment - moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    remaining = 1 - elapsed / (days * 86_400)
    return max(0, math.ceil(left * (1 - remaining / 2)))


def gather_seconds(times: Sequence[float], now: float, max_hold: float) -> float:
    """Seconds until the upload that changed objects at these times (unix seconds) may be over; 0 if it is."""
    recent = sorted(time for time in times if time > now - BURST_SECONDS)
    patience = min(times) + min(MAX_GATHER_SECONDS, max_hold) - now
    if len(recent) < BURST_CHANGES or patience <= 0:
        return 0.0
    return max(min(recent[-BURST_CHANGES] + BURST_SECONDS - now, patience), 0.1)


def cheapest(
    plan_at: Callable[[float], Sequence[T]], *, left: int, now: float, oldest: float, max_hold: float
) -> tuple[float, Sequence[T]] | None:
    """(price, plan): the plan of the lowest price that fits what may be spent; None to hold and gather.

    `plan_at` gives the purges needed at a price; `oldest` is when the oldest change happened. The plan is
    longer than what may be spent only if nothing else is possible: then as much of it goes as is left.
    """
    spend = allowance(left, now)
    held = now + TICK_SECONDS < oldest + max_hold
    for price in PRICES:
        plan = plan_at(price)
        if len(plan) <= spend:
            return None if held and price > PRICES[0] else (price, plan)
    return price, plan
