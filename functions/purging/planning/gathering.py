"""How long changes are held: while an upload is gathered, or until they can wait no longer. Pure."""

from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import pairwise
from math import inf
from typing import NamedTuple

from purging.clocks import SKEW_SECONDS
from purging.planning.months import MONTH_END_SECONDS, day_end, month

BURST_CHANGES, BURST_SECONDS = 10, 4.0
"""So many changes in so many seconds are an upload under way: it is planned as a whole when it pauses.

The latest changes may arrive some seconds later than the others."""

COALESCE_SECONDS = 2.0
"""A change that does not come alone is gathered for this time, until one sees whether an upload begins."""

MAX_GATHER_SECONDS = 300.0
"""The longest time for which an upload that does not pause is gathered."""

TICK_SECONDS = 60.0
"""Seconds until held changes are planned again. A change that must not wait for the next tick is not held."""

_COMPANY = 2  # with another one, a change is not alone
_SHORTEST_WAIT = 0.1  # seconds


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
    latest = month(now)[1] - MONTH_END_SECONDS
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
    latest = month(now)[1] - MONTH_END_SECONDS
    next_part = latest if now < latest < day_end(now) else day_end(now)
    return min(
        (
            next_part if is_overdue(time, now, max_hold) else min(time + max_hold, latest) - TICK_SECONDS
            for time in times
        ),
        default=now,
    )
