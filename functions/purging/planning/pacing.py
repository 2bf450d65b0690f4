"""The pace: how many purges to spend now, and whether to hold changes.

- The purges that evict nothing needlessly are made at once, if what is left of the month's quota suffices for
  them and for those that further rounds will need, as this month and the one before let expect.
- Otherwise 85 % of what is left may be spent at the month's start, all of it at its end. But twice as many
  are kept as further rounds need at least, and a few more. The first tenth of a month may be spent before.
- If large rounds came on two of the last three days, purges are kept for the case that they go on.
- If the purges do not fit, changes are held for at most `MaxHoldSeconds`, to gather more of them.
- Then the purges become fewer and broader: the plan is the one with the fewest needless evictions that fits.
- If none fits, the smallest plan is made. What no wildcard can join is paced then: it has an equal part of
  the quota each day. Changes that even all that is left cannot cover are held for the next month.
"""

import math
from collections.abc import Mapping
from math import inf
from typing import Generic, NamedTuple, Protocol, TypeVar

from purging.planning.gathering import BURST_CHANGES
from purging.planning.months import DAY, at_month_end, day_end, month, remaining
from purging.purges import Need

EARLY = 0.15
"""The part of what is left that may not be spent at the month's start. It shrinks to 0 at the month's end."""

RESERVE = 2
"""For each purge that further rounds will need at least, so many are kept for them."""

FEW = 3
"""So few purges may be made at any time, as long as further rounds keep what they need at least."""

BEGINNING = 0.1
"""The first purges of a month are few, too, up to this part of the quota: a month that has just begun, or a
stack, does not tell how it will go on."""

SPARE = 3
"""Further rounds may need so many more than expected. In the last minutes of a month nothing is kept."""

PRIOR = 0.25
"""The month before counts as much as this part of a month."""

FIRST_NEED, FIRST_PRIOR = 0.27, 0.05
"""If nothing is known of the month before, it is taken to have needed this part of the quota at least. That
is a guess, so it counts for less: as much as a day and a half."""

LATELYDAYS = 3
"""A month may become busier than it was. If there were large rounds on two of so many days, purges are kept
for the case that these go on."""

_NOTHING: Mapping[int, float] = {}
_ROUNDING = 1e-9  # so much a quotient of floats may lie below a whole number

T = TypeVar("T")


def coming(
    so_far: Need, before: Need | None, now: float, quota: int, by_day: Mapping[int, float] = _NOTHING
) -> Need:
    """Return what further rounds will need, from a time (unix seconds) to the end of its month (UTC).

    `so_far` is what the rounds of this month needed, and `before` those of the month before, which may spend
    so much of the `quota`; None if that is not known. At the month's start the month before tells, and later
    this month itself: what came so far is taken for a day's need at least. `by_day` is what large rounds
    needed at least, by the day of the month: that may go on.
    """
    prior = PRIOR
    if before is None:
        before, prior = Need(quota * FIRST_NEED, inf), FIRST_PRIOR
    begin, end = month(now)
    elapsed = (now - begin) / (end - begin)
    told = max(elapsed, DAY / (end - begin))
    least, sparing = (
        (past * prior / (prior + elapsed) + present / (prior + told)) * (1 - elapsed)
        for past, present in ((before.least, so_far.least), (before.sparing, so_far.sparing))
    )
    return Need(least, sparing, _as_lately(by_day, now))


def _as_lately(by_day: Mapping[int, float], now: float) -> float:
    """What large rounds need at least in the rest of the month, if they go on as on its last days, today
    included; 0 if there were large rounds on a single one of them."""
    begin, end = month(now)
    today = int((now - begin) // DAY) + 1
    first = max(today - LATELYDAYS + 1, 1)
    days = max((now - begin) / DAY - (first - 1), 1.0)
    lately = [by_day[day] for day in range(first, today + 1) if day in by_day]
    return sum(lately) / days * (end - now) / DAY if len(lately) > 1 else 0.0


def allowance(
    left: int, now: float, *, least: int = 1, further: float = 0.0, large: float = 0.0, few: int = FEW
) -> int:
    """Return how many purges a round may make at a time (unix seconds), of those `left` in its month (UTC).

    The round needs `least` purges, with the broadest wildcards, and `further` ones need so many. If large
    rounds go on as lately, these need `large` ones. As `few` may be made at any time.
    """
    if left <= 0:
        return 0
    beyond_spare = _beyond_spare(left, now)
    share = min(math.ceil(left * (1 - remaining(now) * EARLY)), beyond_spare)
    kept = math.floor(beyond_spare - max(RESERVE * further, large))
    few = min(few, math.floor(beyond_spare - further))
    return max(
        min(share, max(kept, _fair(left, least, max(further, large)))),
        min(_fair(left, least, further), least),
        few,
        0,
    )


def few_of(left: int, quota: int) -> int:
    """Return how many purges are few, if so much of the month's `quota` is `left`."""
    return max(FEW, left - math.ceil(quota * (1 - BEGINNING)))


def _fair(left: int, least: int, further: float) -> int:
    """A round's part of the purges left, if further rounds need as many as expected."""
    return math.floor(left * least / (least + further) + _ROUNDING) if least else 0


def runs_out(left: int, now: float, further: float) -> float | None:
    """Return the time (unix seconds) at which the quota ends if each further round makes as few purges as it
    can; None if the quota lasts to the end of the month (UTC)."""
    # Manual purges may have used more than changes may spend, so less than nothing can be left.
    if left >= further or further <= 0:
        return None
    return now + (month(now)[1] - now) * max(left, 0) / further


def _beyond_spare(left: int, now: float) -> int:
    """How many of the purges `left` are not kept for what nobody expects."""
    return left if at_month_end(now) else left - SPARE


def paced(exact: int, *, joint: int, left: int, quota: int, now: float, further: float) -> int:
    """Return how many of the `exact` purges of a round, which no wildcard can join, may be made now.

    They are all made if they are few, or if they leave what is kept for `further` rounds. If not, they could
    use up the month at once, and what no wildcard joins does not become cheaper. So each day of the month has
    an equal part of the `quota`, and what the days before left. What further rounds will need at least stays,
    too. The round's `joint` purges come first. In the last minutes of a month nothing is kept.
    """
    beyond = left - SPARE - joint
    if exact < BURST_CHANGES or exact <= beyond - RESERVE * further or at_month_end(now):
        return exact
    begin, end = month(now)
    for_later = quota * (end - day_end(now)) / (end - begin)
    return max(min(exact, math.floor(min(beyond - further, left - joint - for_later + _ROUNDING))), 0)


class Plannable(Protocol[T]):
    """Purges that can be planned with no needless eviction, or within a budget."""

    def sparing(self) -> list[T]:
        """Return the fewest purges that evict nothing needlessly."""

    def within(self, budget: int) -> tuple[list[T], float]:
        """Return the purges within a budget that evict least, and their price; or else as few as can be."""

    def least(self) -> int:
        """Return how many purges it takes at least."""


class Choice(NamedTuple, Generic[T]):
    """A `plan` and its `price`; whether it `fits` what may be spent now; what its changes `need`."""

    price: float
    plan: list[T]
    fits: bool
    need: Need

    @property
    def needless(self) -> bool:
        """Whether it evicts needlessly, or does not fit: with more changes it may be cheaper."""
        return self.price > 0 or not self.fits


def cheapest(plannable: Plannable[T], *, left: int, now: float, further: Need, few: int = FEW) -> Choice[T]:
    """Choose the plan with the fewest evictions that fits what may be spent now.

    Further rounds need `further` purges, and as `few` may be spent at any time. If no plan fits, the smallest
    one is chosen, even if it takes more than is `left`: then as many of its purges are made as are left.
    """
    plan = plannable.sparing()
    need = Need(len(plan), len(plan))
    if len(plan) > FEW:
        least = plannable.least()
        need = Need(least, len(plan), least)
    if len(plan) + further.sparing <= _beyond_spare(left, now):
        return Choice(0.0, plan, True, need)
    spend = allowance(left, now, least=int(need.least), further=further.least, large=further.large, few=few)
    if len(plan) <= spend:
        return Choice(0.0, plan, True, need)
    plan, price = plannable.within(spend)
    return Choice(price, plan, len(plan) <= spend, need)
