"""Generates a schedule from a seed: everything that will happen in a simulation.

Times are seconds after the start, unless said otherwise. Steps and faults are drawn independently and in
order, so that a prefix of either makes a schedule too. `shrink.py` relies on this.
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
    """A change of an object, a `malformed` message, or a `manual_request` in JSON.

    S3's clock is `skew` seconds ahead. `deliveries` are the delays, in seconds, after which each copy of the
    message is in the queue, or the same request is made. `message_format` says who sends the message: `s3`,
    `eventbridge` or `sns`. A removal is made `by_lifecycle` or by someone.
    """

    at: float
    key: str
    kind: str
    skew: float
    message_format: str
    deliveries: tuple[float, ...]
    malformed: str = ""
    manual_request: str = ""
    by_lifecycle: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that happens in a simulation."""

    seed: int
    setup: Setup
    steps: tuple[Step, ...]
    faults: tuple[faults.Fault, ...]
    clock_skews: tuple[float, ...]
    """How many seconds the clock of each new execution environment of the functions is off."""

    def first(self, steps: int, fault_count: int) -> "Schedule":
        """Returns a schedule with only the first steps and the first faults."""
        return replace(self, steps=self.steps[:steps], faults=self.faults[:fault_count])

    @property
    def end(self) -> float:
        """When the last change has happened, the last outage is over, and faults stop."""
        outages = [fault.at + fault.seconds for fault in self.faults if fault.name in faults.OUTAGES]
        return max((*outages, *(step.at for step in self.steps)), default=-60.0) + 60


def generate(seed: int, changes: int, enabled: Collection[str]) -> Schedule:
    """Generates the schedule of a seed, with the enabled faults."""
    deployment = setup.draw(Random(f"{seed} setup"), changes, enabled)
    steps = _steps(Random(f"{seed} steps"), changes, deployment, enabled)
    if "manual" in enabled and steps:
        requests = _manual_requests(Random(f"{seed} asks"), changes, deployment, steps[-1].at, enabled)
        steps = tuple(sorted((*steps, *requests), key=lambda step: step.at))
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
    """Draws bursts of changes of a few keys, of a folder or of any keys, including new and removed keys."""
    steps: list[Step] = []
    now, count = 5.0, 0
    while count < changes:
        size = min(random.choice((1, 3, 6, 12, 40, 80)), changes - count)
        folder = random.choice(FOLDERS)
        pool = [key for key in deployment.existing if key.startswith(folder)] or list(deployment.existing)
        if random.random() < 0.4:
            pool = random.sample(pool, min(2, len(pool)))
        pace = random.choice((0.01, 0.1, 0.4)) if size > 10 else random.choice((0.2, 1.0, 3.0))
        for _ in range(size):
            now += random.expovariate(1 / pace)
            # This is rare, because each malformed message is received twenty times.
            if random.random() < 0.008 and "malformed" in enabled:
                body = random.choice(MALFORMED)
                steps.append(Step(now, "", "", 0.0, "", _deliveries(random, ()), body))
            key = (
                f"{folder}new {random.randrange(10**6)}.jpg"
                if random.random() < 0.15
                else random.choice(pool)
            )
            steps.append(_step(random, round(now, 3), key, deployment, enabled))
            count += 1
        now += random.choice((2.0, 10.0, 40.0))
    return tuple(steps)


def _step(random: Random, at: float, key: str, deployment: Setup, enabled: Collection[str]) -> Step:
    removed, by_lifecycle = random.random() < 0.15, random.random() < 0.3
    # All changes of one key have the same skew, so that their times keep their order.
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


def _manual_requests(
    random: Random, changes: int, deployment: Setup, until: float, enabled: Collection[str]
) -> list[Step]:
    """Draws one manual request for 25 changes: for a few URLs, a folder or a few keys.

    Some are repeated, as by a client without an answer or by a person.
    """
    requests: list[Step] = []
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
        requests.append(
            Step(
                at,
                "",
                "",
                0.0,
                "",
                (0.0, *repeated),
                manual_request=json.dumps({**event, "token": str(number)}),
            )
        )
    return requests


def _deliveries(random: Random, enabled: Collection[str]) -> tuple[float, ...]:
    """Draws the delay of each copy of a message: usually one copy, after a short delay, out of order."""
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
