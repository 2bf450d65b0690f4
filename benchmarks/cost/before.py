"""What the ledger holds when the slice of a month begins."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from benchmarks.cost.workload import Scale
from benchmarks.throughput.aws import BUCKET
from benchmarks.throughput.function import ENDPOINT
from purging.changes import ObjectChange
from purging.ledger import items
from purging.ledger.changesets import MAX_CHANGES, pack
from purging.purges import AcceptedPurge

_DAY = 86_400.0
_HELD_DAYS = 10

_AUTOMATIC = 0.9  # of the quota, as QuotaReservePercent leaves it
_PURGES = 0.52  # of the changes: a single takes a purge, a deploy takes a few


def ledger_before(scale: Scale, keys: Sequence[str], start: float, *, used_up: bool) -> Iterator[items.Item]:
    """The items at the time `start` (unix seconds), in the middle of June 2026.

    They are the count of the month before and of the first half of the month, and the purges of the last day.
    `used_up`: the quota of the month is used up already, and the changes of ten days are held.
    """
    quota = scale.quota * _AUTOMATIC
    month = quota if used_up else min(quota, scale.changes * _PURGES)
    for name, part in (("quota#2026-06", 1 if used_up else 2), ("quota#2026-05", 1)):
        yield {
            **items.key("state", name),
            **{field: {"N": str(round(month / part))} for field in ("used", "needed")},
        }
    if used_up:
        yield from _held(scale, keys, start)
        return
    chance = random.Random(1)
    for number in range(round(month / 30)):
        folder = chance.choice(("assets/00", "products/brand-0", "uploads/20"))
        url = f"{ENDPOINT}/{folder}{number}*"
        yield from items.accepted(AcceptedPurge(f"{number:024x}", url, start - chance.random() * _DAY))


def _held(scale: Scale, keys: Sequence[str], start: float) -> Iterator[items.Item]:
    """The change sets of the last ten days, as drains leave them."""
    chance = random.Random(2)
    count = round(scale.changes * _HELD_DAYS / 30)
    ages = sorted((chance.random() * _HELD_DAYS * _DAY for _ in range(count)), reverse=True)
    changes = [
        ObjectChange(BUCKET, chance.choice(keys), "created", datetime.fromtimestamp(start - age, UTC))
        for age in ages
    ]
    for first in range(0, count, MAX_CHANGES):
        for set_id, blob in pack(changes[first : first + MAX_CHANGES], manual=False):
            yield items.change_set(set_id, blob, manual=False)
