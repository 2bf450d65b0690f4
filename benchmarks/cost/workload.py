"""The changes of a scale: half of them single, half of them in deploys, of keys of one large bucket.

Singles come evenly. A deploy overwrites keys that stand together, 50 a second. Every change overwrites an
object that exists, so every change needs a purge.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

UPLOADS_A_SECOND = 50.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Scale:
    """So many `changes` a month, half of them in deploys of `deploy` keys. A slice of `seconds` is measured,
    from the middle of a month on. `quota` are the purges a month of the ImageKit plan."""

    name: str
    changes: int
    deploy: int
    seconds: float
    quota: int


SCALES = {
    scale.name: scale
    for scale in (
        Scale("idle", 0, 0, _DAY / 4, 1000),
        Scale("1k", 1000, 100, 6 * _DAY, 1000),
        Scale("100k", 100_000, 1000, _DAY / 2, 100_000),
        Scale("10M", 10_000_000, 1000, 1000.0, 100_000),
        Scale("1B", 1_000_000_000, 10_000, 900.0, 100_000),
    )
}


def changes(scale: Scale, keys: Sequence[str], month_seconds: float, start: float) -> list[tuple[float, str]]:
    """(unix seconds, key) of each change in the slice of a scale, in the order of time."""
    chance = random.Random(scale.name)
    share = scale.seconds / month_seconds
    deploys = round(scale.changes / 2 / scale.deploy * share) if scale.deploy else 0
    singles = round(scale.changes / 2 * share)
    found = [
        (start + (number + chance.random()) / singles * scale.seconds, chance.choice(keys))
        for number in range(singles)
    ]
    for number in range(deploys):
        begin = start + (number + chance.random() * 0.8) / deploys * scale.seconds
        first = chance.randrange(len(keys) - scale.deploy)
        found += (
            (begin + position / UPLOADS_A_SECOND, keys[first + position]) for position in range(scale.deploy)
        )
    return sorted(found)


def burst(
    keys: Sequence[str], count: int, rate: float, start: float, *, scattered: bool
) -> list[tuple[float, str]]:
    """(unix seconds, key) of `count` changes, `rate` a second: of keys that stand together, or `scattered`
    ones."""
    chance = random.Random(count)
    first = chance.randrange(len(keys) - count + 1)
    chosen = chance.sample(keys, count) if scattered else keys[first : first + count]
    return [(start + number / rate, key) for number, key in enumerate(chosen)]
