"""What was measured, and the rows that it makes. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

Row = dict[str, Any]
"""A row of a table: `what` it is about, and figures in seconds unless their names say otherwise."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A lone change, followed from its put to the end. All times are unix seconds."""

    put_at: float
    """Before the put."""
    kept_at: float
    """When SubmitPurge logged `change received`: the ledger has the change."""
    submitted_at: float
    """When the call to ImageKit began, as the ledger has it."""
    accepted_at: float
    """When the emulated ImageKit accepted the purge."""
    answered_at: float
    """When SubmitPurge logged `purge accepted`."""
    drained_at: float
    """When SubmitPurge logged `drained`: the purge is recorded and TrackPurges has started."""
    completed_at: float
    """When the emulated ImageKit completed the purge."""
    seen_at: float
    """When TrackPurges saw that, as the ledger has it."""
    fresh_at: float
    """When the edge showed the new object to a visitor who asks ten times a second."""


def lone_rows(changes: Sequence[Followed]) -> list[Row]:
    """The rows of lone changes: first whole ways, then where the time until the end of the drain goes."""
    return [
        spread("put to accepted", (each.accepted_at - each.put_at for each in changes)),
        spread("put to seen Completed", (each.seen_at - each.put_at for each in changes)),
        spread("put to fresh on the edge", (each.fresh_at - each.put_at for each in changes)),
        spread("Completed to seen Completed", (each.seen_at - each.completed_at for each in changes)),
        spread(
            "step: S3 event, queue, start, write to the ledger",
            (each.kept_at - each.put_at for each in changes),
        ),
        spread(
            "step: acknowledge, lease, window, survey, plan, reserve",
            (each.submitted_at - each.kept_at for each in changes),
        ),
        spread("step: the call to ImageKit", (each.answered_at - each.submitted_at for each in changes)),
        spread(
            "step: record, take out, start TrackPurges",
            (each.drained_at - each.answered_at for each in changes),
        ),
    ]


def spread(what: str, seconds: Iterable[float]) -> Row:
    """A row with the median, the 90th percentile and the maximum of some times."""
    found = sorted(seconds)
    return {
        "what": what,
        "count": len(found),
        "median": round(median(found), 3),
        "p90": round(percentile(found, 0.9), 3),
        "max": round(found[-1], 3),
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the values in ascending order that at least this share of them does not exceed (nearest
    rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def text(rows: Sequence[Row]) -> str:
    """The rows as a table for people. A row may lack figures."""
    names = list(dict.fromkeys(name for row in rows for name in row if name != "what"))
    width = max(len(row["what"]) for row in rows)
    lines = [
        f"{'':<{width}}" + "".join(f"  {name.replace('_', ' '):>{_width(name)}}" for name in names),
        *(
            f"{row['what']:<{width}}" + "".join(f"  {_cell(row.get(name)):>{_width(name)}}" for name in names)
            for row in rows
        ),
    ]
    return "\n".join(line.rstrip() for line in lines)


def _width(name: str) -> int:
    return max(len(name), 8)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}" if value < 1 else f"{value:,.1f}"
    return f"{value:,}"
