"""Compares rules for the first wait of TrackPurges, on times that purges may take. Pure.

Nobody knows how long ImageKit takes, except "a few minutes": https://imagekit.io/docs/cache-purge
So the times are made up. Each execution follows one purge.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.latency.figures import Row, percentile
from purging import polling
from purging.purges import AcceptedPurge

_DAY = 86_400.0
_DAYS = 30

Takes = Callable[[random.Random, float], float]
"""The seconds that a purge takes, on a day of the simulation."""

TIMES: dict[str, Takes] = {
    "3 s": lambda _, __: 3.0,
    "20 to 40 s": lambda chance, _: chance.uniform(20, 40),
    "2 to 5 min": lambda chance, _: chance.uniform(120, 300),
    "15 s or 3 min": lambda chance, _: (
        chance.uniform(10, 20) if chance.random() < 0.3 else chance.uniform(150, 240)
    ),
    "one of 30 takes 15 s": lambda chance, _: (
        chance.uniform(10, 20) if chance.random() < 1 / 30 else chance.uniform(150, 240)
    ),
    "3 min, next day 30 s": lambda chance, day: (
        chance.uniform(150, 210) if day % 2 < 1 else chance.uniform(25, 35)
    ),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule for the first wait, given the purges seen Completed in the last day, and the `states` that an
    execution enters beside three for each check: wait, check, choice."""

    name: str
    first_wait: Callable[[Sequence[AcceptedPurge]], int]
    states: int = 1


def _learned(recent: Sequence[AcceptedPurge], enough: int) -> int:
    just_submitted = [AcceptedPurge("", "", 0.0)]
    return polling.first_wait(just_submitted, polling.usual_seconds(recent, enough), now=0.0)


RULES = (
    Rule("5 s, and a state to begin", lambda _: polling.SHORTEST, states=2),
    Rule("0.9 of the shortest, if any", lambda recent: _learned(recent, 1)),
    Rule("0.9 of the shortest of 20", lambda recent: _learned(recent, polling.ENOUGH)),
)
"""The rule before, one that learns from any number of purges, and the rule of the functions."""


def checks(first_wait: float) -> Iterator[float]:
    """Yield the seconds after which the state machine checks a purge."""
    at, wait = first_wait, float(polling.SHORTEST)
    while True:
        yield at
        wait = math.ceil(min(wait * 1.5, 60))
        at += wait


def compare(purges_a_day: Sequence[int] = (5, 72)) -> Iterator[Row]:
    """Yield a row for each rule, number of purges a day, and kind of times."""
    for name, takes in TIMES.items():
        for number in purges_a_day:
            for rule in RULES:
                yield {"what": f"{name:<20}  {number:>2} a day  {rule.name}", **_run(takes, number, rule)}


def _run(takes: Takes, a_day: int, rule: Rule) -> Row:
    chance = random.Random(1)
    history: list[AcceptedPurge] = []
    late: list[float] = []
    numbers: list[int] = []
    for index in range(_DAYS * a_day):
        now = index * _DAY / a_day
        recent = [
            each
            for each in history[-a_day:]
            if each.submitted_at >= now - _DAY and each.completed_at and each.completed_at <= now
        ]
        seconds = takes(chance, now / _DAY)
        number, seen = next(
            (n, at) for n, at in enumerate(checks(rule.first_wait(recent)), 1) if at >= seconds
        )
        late.append(seen - seconds)
        numbers.append(number)
        history.append(AcceptedPurge("", "", now, completed_at=now + seen))
    late.sort()
    return {
        "late_median": round(median(late), 1),
        "late_p95": round(percentile(late, 0.95), 1),
        "late_max": round(late[-1], 1),
        "checks": round(fmean(numbers), 1),
        "transitions": round(rule.states + 3 * fmean(numbers), 1),
    }
