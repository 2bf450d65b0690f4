"""From a seed to everything that will happen, before any of it does.

Times are seconds after the start unless they say otherwise. Steps and faults are drawn apart from one
another, in order, so that a prefix of either is a schedule as well: that is what shrinking cuts.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from random import Random

from tests.chaos import faults, setup
from tests.chaos.setup import FOLDERS, Setup, targets

MALFORMED = (
    "not json",
    '{"Records": [{"eventSource": "aws:s3"}]}',
    '{"Records": 7}',
    "[1, 2]",
    '{"detail-type": "Object Created", "source": "elsewhere"}',
    '{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": "late", "s3": '
    '{"bucket": {"name": "origin"}, "object": {"key": "img/a.jpg"}}}]}',
)


@dataclass(frozen=True, slots=True)
class Step:
    """One object changes, or (`malformed`) a message that is no change is sent, or someone purges by hand
    (`asked`, as JSON).

    S3's clock reads `skew` seconds too much. `deliveries` say how many seconds later each copy of the
    message is in the queue, or the same purge is asked for again; `shape` which way a message comes. What is
    removed is removed `by_lifecycle` or by someone.
    """

    at: float
    key: str
    kind: str
    skew: float
    shape: str
    deliveries: tuple[float, ...]
    malformed: str = ""
    asked: str = ""
    by_lifecycle: bool = False


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
        """When the last change has happened, the last outage is over, and faults stop."""
        outages = [fault.at + fault.seconds for fault in self.faults if fault.name in faults.OUTAGES]
        return max((*outages, *(step.at for step in self.steps)), default=-60.0) + 60


def generate(seed: int, changes: int, enabled: Collection[str]) -> Schedule:
    """What the seed says, with the faults that are enabled."""
    deployment = setup.draw(Random(f"{seed} setup"), changes, enabled)
    steps = _steps(Random(f"{seed} steps"), changes, deployment, enabled)
    if "manual" in enabled and steps:
        asks = _asks(Random(f"{seed} asks"), changes, deployment, steps[-1].at, enabled)
        steps = tuple(sorted((*steps, *asks), key=lambda step: step.at))
    random = Random(f"{seed} clocks")
    clocks = tuple(random.choice((-5.0, 5.0, 5.0, random.uniform(-5, 5))) for _ in range(64))
    return Schedule(
        seed,
        deployment,
        steps,
        faults.draw(Random(f"{seed} faults"), steps[-1].at if steps else 0.0, len(steps), enabled),
        clocks if "lambda-clock" in enabled else (0.0,) * 64,
    )


def _steps(random: Random, changes: int, deployment: Setup, enabled: Collection[str]) -> tuple[Step, ...]:
    """Bursts of changes: of a few hot keys, of a folder, of anything; new keys and gone ones among them."""
    steps: list[Step] = []
    now, made = 5.0, 0
    while made < changes:
        size = min(random.choice((1, 3, 6, 12, 40, 80)), changes - made)
        near = random.choice(FOLDERS)
        pool = [key for key in deployment.existing if key.startswith(near)] or list(deployment.existing)
        if random.random() < 0.4:
            pool = random.sample(pool, min(2, len(pool)))
        pace = random.choice((0.01, 0.1, 0.4)) if size > 10 else random.choice((0.2, 1.0, 3.0))
        for _ in range(size):
            now += random.expovariate(1 / pace)
            # Rare: each is received twenty times until it is dead.
            if random.random() < 0.008 and "malformed" in enabled:
                body = random.choice(MALFORMED)
                steps.append(Step(now, "", "", 0.0, "", _deliveries(random, ()), body))
            key = (
                f"{near}new {random.randrange(10**6)}.jpg" if random.random() < 0.15 else random.choice(pool)
            )
            steps.append(_step(random, round(now, 3), key, deployment, enabled))
            made += 1
        now += random.choice((2.0, 10.0, 40.0))
    return tuple(steps)


def _step(random: Random, at: float, key: str, deployment: Setup, enabled: Collection[str]) -> Step:
    removed, by_lifecycle = random.random() < 0.15, random.random() < 0.3
    # One key's times keep their order: S3 is many machines, but a key is at home on one.
    skew = Random(f"{deployment.start} {key}").choice((-5.0, -2.5, 0.0, 5.0))
    return Step(
        at,
        key,
        "removed" if removed else "created",
        skew if "s3-clock" in enabled else 0.0,
        random.choice(("s3", "s3", "eventbridge", "sns")),
        _deliveries(random, enabled),
        by_lifecycle=removed and by_lifecycle and "lifecycle" in enabled,
    )


def _asks(
    random: Random, changes: int, deployment: Setup, until: float, enabled: Collection[str]
) -> list[Step]:
    """Purges by hand, one for 25 changes: of a few URLs, of a folder, or of a key. Some are asked again, by a
    client that heard nothing or by a shell's history."""
    asks: list[Step] = []
    for number in range(-(-changes // 25)):
        keys = random.sample(deployment.existing, random.choice((1, 1, 3)))
        event = random.choice(
            (
                {"urls": [next(targets(deployment, key)) for key in keys]},
                {"urls": ["https://ik.imagekit.io/demo/img/2030/*"]},
                {"keys": [{"bucket": "origin", "key": key} for key in keys]},
            )
        )
        at = round(random.uniform(0, until), 3)
        again = random.choice(((), (), (0.3,), (61.0,), (5.0, 61.0, 122.0)))
        repeated = again if "asked-again" in enabled else ()
        asks.append(
            Step(at, "", "", 0.0, "", (0.0, *repeated), asked=json.dumps({**event, "token": str(number)}))
        )
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
