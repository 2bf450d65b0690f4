"""From a seed to everything that will happen, before any of it does.

Times are seconds after the start unless they say otherwise. Steps and faults are drawn apart from one
another, in order, so that a prefix of either is a schedule as well: that is what shrinking cuts.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

from tests.chaos import faults
from tests.chaos.invariants import targets

_DAY = 86_400.0
_MID_MONTH = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()
_MONTH_END = datetime(2030, 6, 1, tzinfo=UTC).timestamp()

MALFORMED = (
    "not json",
    '{"Records": [{"eventSource": "aws:s3"}]}',
    '{"Records": 7}',
    "[1, 2]",
    '{"detail-type": "Object Created", "source": "elsewhere"}',
    '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "late", "s3": '
    '{"bucket": {"name": "origin"}, "object": {"key": "img/a.jpg"}}}]}',
)
_FOLDERS = ("", "img/", "img/a b/", "img/2030/05/", "docs/", "docs/über/", "s/files/", "x//y/")
_NAMES = ("{n}.jpg", "photo {n}+1.png", "{n}", "ö%{n}.webp", "q?{n}#.gif", "star*{n}.jpg", "a&'({n})!.svg")


@dataclass(frozen=True, slots=True)
class Setup:
    """One deployment. `start` is in unix seconds; `account_quota` what ImageKit grants, in purges a month;
    `write_rate` in purges a second; `batch` the most messages that one invocation is given, after
    `coalesce` seconds of gathering; `page` the entries of a listing's page."""

    url_map: str
    transformations: str
    versioned: bool
    skip_new: bool
    query_variants: bool
    start: float
    quota: int
    reserve_percent: int
    account_quota: int
    quota_answer: int
    write_rate: float
    max_hold: int
    batch: int
    coalesce: float
    page: int
    existing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One object changes, or (`malformed`) a message that is no change is sent, or someone purges by hand
    (`asked`, as JSON).

    S3's clock reads `skew` seconds too much. `deliveries` say how many seconds later each copy of the
    message is in the queue; `shape` which way it comes.
    """

    at: float
    key: str
    kind: str
    skew: float
    shape: str
    deliveries: tuple[float, ...]
    malformed: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that happens."""

    seed: int
    setup: Setup
    steps: tuple[Step, ...]
    faults: tuple[faults.Fault, ...]
    clock_skews: tuple[float, ...]
    """By how many seconds the clocks of the functions' environments are off, one after the other."""

    def first(self, steps: int, some_faults: int) -> "Schedule":
        """Only the first so many of both."""
        return replace(self, steps=self.steps[:steps], faults=self.faults[:some_faults])

    @property
    def end(self) -> float:
        """When the last change has happened and faults stop."""
        return self.steps[-1].at + 60 if self.steps else 0.0


def generate(seed: int, changes: int, enabled: Collection[str]) -> Schedule:
    """What the seed says, with the faults that are enabled."""
    setup = _setup(Random(f"{seed} setup"), changes, enabled)
    steps = _steps(Random(f"{seed} steps"), changes, setup, enabled)
    if "manual" in enabled and steps:
        asks = _asks(Random(f"{seed} asks"), changes, setup, steps[-1].at)
        steps = tuple(sorted((*steps, *asks), key=lambda step: step.at))
    random = Random(f"{seed} clocks")
    clocks = tuple(random.choice((-5.0, 5.0, 5.0, random.uniform(-5, 5))) for _ in range(64))
    return Schedule(
        seed,
        setup,
        steps,
        faults.draw(Random(f"{seed} faults"), steps[-1].at if steps else 0.0, len(steps), enabled),
        clocks if "lambda-clock" in enabled else (0.0,) * 64,
    )


def _setup(random: Random, changes: int, enabled: Collection[str]) -> Setup:
    endpoints = [
        "origin=https://ik.imagekit.io/demo",
        random.choice(("origin/img=https://ik.imagekit.io/demo/shop", "*=https://img.example.com")),
    ]
    keys = {random.choice(_FOLDERS) + random.choice(_NAMES).format(n=n) for n in range(150)}
    short = random.random() < 0.3 and "quota" in enabled
    start = _MONTH_END - random.uniform(60, 1500) if short else _MID_MONTH + random.uniform(-3, 3) * _DAY
    quota = max(12, int(changes * random.uniform(0.15, 0.4))) if short else 100_000
    # What ImageKit grants: as much, less (people purge by hand as well), or so much that only ours counts.
    granted = random.choice((quota, max(8, quota * 2 // 3), 10**6))
    return Setup(
        url_map=",".join(endpoints[: random.choice((1, 1, 2))]),
        transformations=random.choice(("", "", "tr:w-300,h-300")),
        versioned=random.random() < 0.6,
        skip_new=random.random() < 0.7,
        query_variants=random.random() < 0.8,
        start=start,
        quota=quota,
        reserve_percent=random.choice((0, 10)),
        account_quota=granted if short else 10**6,
        quota_answer=random.choice((429, 403)),
        write_rate=random.choice((1e6, 1e6, 5.0)) if "rate" in enabled else 1e6,
        max_hold=random.choice((0, 60, 900)),
        batch=random.choice((10, 100)),
        coalesce=random.choice((2.0, 5.0, 20.0)),
        page=random.choice((20, 1000)),
        existing=tuple(sorted(keys)),
    )


def _steps(random: Random, changes: int, setup: Setup, enabled: Collection[str]) -> tuple[Step, ...]:
    """Bursts of changes: of a few hot keys, of a folder, of anything; new keys and gone ones among them."""
    steps: list[Step] = []
    now, made = 5.0, 0
    while made < changes:
        size = min(random.choice((1, 3, 6, 12, 40, 80)), changes - made)
        near = random.choice(_FOLDERS)
        pool = [key for key in setup.existing if key.startswith(near)] or list(setup.existing)
        if random.random() < 0.4:
            pool = random.sample(pool, min(2, len(pool)))
        pace = random.choice((0.01, 0.1, 0.4)) if size > 10 else random.choice((0.2, 1.0, 3.0))
        for _ in range(size):
            now += random.expovariate(1 / pace)
            key = random.choice(pool)
            if random.random() < 0.15:
                key = f"{near}new {random.randrange(10**6)}.jpg"
            if random.random() < 0.02 and "malformed" in enabled:
                body = random.choice(MALFORMED)
                steps.append(Step(now, "", "", 0.0, "", _deliveries(random, ()), body))
            kind = "removed" if random.random() < 0.15 else "created"
            shape = random.choice(("s3", "s3", "eventbridge", "sns"))
            # One key's times keep their order: S3 is many machines, but a key is at home on one.
            skew = Random(f"{setup.start} {key}").choice((-5.0, -2.5, 0.0, 5.0))
            steps.append(
                Step(
                    round(now, 3),
                    key,
                    kind,
                    skew if "s3-clock" in enabled else 0.0,
                    shape,
                    _deliveries(random, enabled),
                )
            )
            made += 1
        now += random.choice((2.0, 10.0, 40.0))
    return tuple(steps)


def _asks(random: Random, changes: int, setup: Setup, until: float) -> list[Step]:
    """Purges by hand, one for 25 changes: of a few URLs, of a folder, or of a key. None repeats another."""
    asks: list[Step] = []
    for number in range(-(-changes // 25)):
        keys = random.sample(setup.existing, random.choice((1, 1, 3)))
        event = random.choice(
            (
                {"urls": [next(targets(setup, key)) for key in keys]},
                {"urls": ["https://ik.imagekit.io/demo/img/2030/*"]},
                {"keys": [{"bucket": "origin", "key": key} for key in keys]},
            )
        )
        at = round(random.uniform(0, until), 3)
        asks.append(Step(at, "", "", 0.0, "", (), asked=json.dumps({**event, "token": str(number)})))
    return asks


def _deliveries(random: Random, enabled: Collection[str]) -> tuple[float, ...]:
    """Seconds until each copy of a message is in the queue: often one, soon, but out of order."""
    soon = random.uniform(0.1, 1.5)
    drawn = (random.random(), random.uniform(0, 30), random.random(), random.uniform(600, 30_000))
    if "reorder" in enabled and drawn[0] < 0.2:
        soon += drawn[1]
    times = [soon]
    if "delay" in enabled and drawn[2] < 0.02:
        times = [drawn[3]]
    chance, later = random.random(), random.choice((0.5, 10.0, 200.0, 9000.0))
    if "duplicate" in enabled and chance < 0.1:
        times.append(soon + later)
    return tuple(round(time, 3) for time in times)
