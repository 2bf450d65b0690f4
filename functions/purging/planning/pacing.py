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
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from heapq import nlargest
from itertools import pairwise
from math import inf
from typing import Generic, NamedTuple, Protocol, TypeVar

from purging.clocks import SKEW_SECONDS
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

LATELY_DAYS = 3
"""A month may become busier than it was. If there were large rounds on two of so many days, purges are kept
for the case that these go on."""

BURST_CHANGES, BURST_SECONDS = 10, 4.0
"""So many changes in so many seconds are an upload under way: it is planned as a whole when it pauses.

The latest changes may arrive some seconds later than the others."""

COALESCE_SECONDS = 2.0
"""A change that does not come alone is gathered for this time, until one sees whether an upload begins."""

MAX_GATHER_SECONDS = 300.0
"""The longest time for which an upload that does not pause is gathered."""

TICK_SECONDS = 60.0
"""Seconds until held changes are planned again. A change that must not wait for the next tick is not held."""

MONTH_END_SECONDS = 300.0
"""No change is held in the last seconds of a month: purges that a month does not use are lost."""

_DAY = 86_400.0
_NOTHING: Mapping[int, float] = {}
_COMPANY = 2  # with another one, a change is not alone
_SHORTEST_WAIT = 0.1  # seconds
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
    begin, end = _month(now)
    elapsed = (now - begin) / (end - begin)
    told = max(elapsed, _DAY / (end - begin))
    least, sparing = (
        (past * prior / (prior + elapsed) + present / (prior + told)) * (1 - elapsed)
        for past, present in ((before.least, so_far.least), (before.sparing, so_far.sparing))
    )
    return Need(least, sparing, _as_lately(by_day, now))


def _as_lately(by_day: Mapping[int, float], now: float) -> float:
    """What large rounds need at least in the rest of the month, if they go on as on its last days, today
    included; 0 if there were large rounds on a single one of them."""
    begin, end = _month(now)
    today = int((now - begin) // _DAY) + 1
    first = max(today - LATELY_DAYS + 1, 1)
    days = max((now - begin) / _DAY - (first - 1), 1.0)
    lately = [by_day[day] for day in range(first, today + 1) if day in by_day]
    return sum(lately) / days * (end - now) / _DAY if len(lately) > 1 else 0.0


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
    share = min(math.ceil(left * (1 - _remaining(now) * EARLY)), beyond_spare)
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
    return now + (_month(now)[1] - now) * max(left, 0) / further


def month_end(now: float) -> float:
    """Return when the month (UTC) of a time ends, in unix seconds."""
    return _month(now)[1]


def _beyond_spare(left: int, now: float) -> int:
    """How many of the purges `left` are not kept for what nobody expects."""
    return left if _at_month_end(now) else left - SPARE


def _at_month_end(now: float) -> bool:
    return now >= month_end(now) - MONTH_END_SECONDS


def _remaining(now: float) -> float:
    """The part of the month (UTC) that remains, from 1 at its start to 0."""
    begin, end = _month(now)
    return (end - now) / (end - begin)


def _day_end(now: float) -> float:
    """When the day (UTC) of a time ends, in unix seconds."""
    return (now // _DAY + 1) * _DAY


def _month(now: float) -> tuple[float, float]:
    """When the month (UTC) of a time begins and ends, in unix seconds."""
    moment = datetime.fromtimestamp(now, UTC)
    begin = datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()
    return begin, begin + monthrange(moment.year, moment.month)[1] * 86_400


def when(occurred_at: float, now: float) -> float:
    """Return the time (unix seconds) from which a change counts as held.

    That is not after `now`, even if a clock is a little ahead. A date farther in the future says nothing
    about the age. Such a change counts as held for long, and no other one is held for it.
    """
    return min(occurred_at, now) if occurred_at <= now + SKEW_SECONDS else 0.0


class Gathering(NamedTuple):
    """Changes that happened after `since` (unix seconds) are held, for `seconds` at most. What has arrived by
    now had happened by `seen_at`."""

    seconds: float
    since: float
    seen_at: float


def gathering(
    times: Sequence[float],
    now: float,
    max_hold: float,
    purged: Sequence[float] = (),
    *,
    arriving: bool = False,
) -> Gathering | None:
    """Return for how long to gather an upload that is under way, or that may have begun; None if there is
    none, or if it was gathered for long enough.

    `times` are when pending changes happened, and `purged` when purges were accepted (unix seconds): each was
    made for a change at least. Only those since the last pause count: changes from before the upload say
    nothing about it. If changes are `arriving`, the latest of the upload is as good as now: S3 or the queue
    may report an upload later than it happens.
    """
    late = max(now - _last_of_upload(times), 0.0) if arriving and times else 0.0
    seen_at = now - late
    latest = sorted((*times, *(time - late for time in purged)), reverse=True)
    recent = [time for time in latest if seen_at - BURST_SECONDS < time <= seen_at]
    if len(recent) < BURST_CHANGES:
        return _coalescing(latest, max(times, default=-inf), seen_at, max_hold)
    began, _ = _began([time for time in latest if time <= seen_at], BURST_SECONDS)
    longest = min(MAX_GATHER_SECONDS, max_hold)
    patience = began + longest - seen_at
    if patience <= 0:
        return None
    pause = recent[BURST_CHANGES - 1] + BURST_SECONDS - seen_at
    return Gathering(max(min(pause, patience), _SHORTEST_WAIT), seen_at - longest, seen_at)


def _last_of_upload(times: Sequence[float]) -> float:
    """When the latest change of an upload happened, or the latest of all if there is none. A few changes
    elsewhere may be later."""
    latest = nlargest(2 * BURST_CHANGES, times)
    for number, time in enumerate(latest[:BURST_CHANGES]):
        first = number + BURST_CHANGES - 1
        if first < len(latest) and latest[first] > time - BURST_SECONDS:
            return time
    return latest[0]


def _coalescing(latest: Sequence[float], last: float, now: float, max_hold: float) -> Gathering | None:
    """A change that comes alone is purged at once. Others are gathered, as they may begin an upload: `last`
    is when the last of them happened."""
    seconds = min(COALESCE_SECONDS, max_hold)
    began, company = _began(latest, seconds)
    if company < _COMPANY or began + seconds <= now or last <= now - seconds:
        return None
    return Gathering(max(began + seconds - now, _SHORTEST_WAIT), now - seconds, now)


def _began(latest: Sequence[float], pause: float) -> tuple[float, int]:
    """Return when the changes since the last pause of so many seconds began, and how many they are. `latest`
    are the times of changes, the latest first."""
    count = next(
        (n for n, (one, before) in enumerate(pairwise(latest), 1) if one - before > pause), len(latest)
    )
    return latest[count - 1], count


def last_due(times: Iterable[float], now: float, max_hold: float) -> float:
    """Return the time (unix seconds) up to which no change can be held longer; minus infinity if all can.

    Changes that happened at most `MAX_GATHER_SECONDS` apart belong together: they are planned as a whole as
    soon as the first of them cannot wait for the next tick. Later changes have their own time. None waits for
    the next month.
    """
    latest = _month(now)[1] - MONTH_END_SECONDS
    due = first = last = -inf
    for time in sorted(times):
        if time - last > MAX_GATHER_SECONDS:
            first = time
        if min(first + max_hold, latest) <= now + TICK_SECONDS:
            due = time
        last = time
    return due


def is_overdue(time: float, now: float, max_hold: float) -> bool:
    """Whether a change of a time can be held no longer. If it is held all the same, it has to be paced."""
    return time + max_hold <= now + TICK_SECONDS


def held_until(times: Iterable[float], now: float, max_hold: float) -> float:
    """Return when the first of the held changes cannot be held longer, in unix seconds. What is overdue waits
    for the next day."""
    latest = _month(now)[1] - MONTH_END_SECONDS
    next_part = latest if now < latest < _day_end(now) else _day_end(now)
    return min(
        (
            next_part if is_overdue(time, now, max_hold) else min(time + max_hold, latest) - TICK_SECONDS
            for time in times
        ),
        default=now,
    )


def paced(exact: int, *, joint: int, left: int, quota: int, now: float, further: float) -> int:
    """Return how many of the `exact` purges of a round, which no wildcard can join, may be made now.

    They are all made if they are few, or if they leave what is kept for `further` rounds. If not, they could
    use up the month at once, and what no wildcard joins does not become cheaper. So each day of the month has
    an equal part of the `quota`, and what the days before left. What further rounds will need at least stays,
    too. The round's `joint` purges come first. In the last minutes of a month nothing is kept.
    """
    beyond = left - SPARE - joint
    if exact < BURST_CHANGES or exact <= beyond - RESERVE * further or _at_month_end(now):
        return exact
    begin, end = _month(now)
    for_later = quota * (end - _day_end(now)) / (end - begin)
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
