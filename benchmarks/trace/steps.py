"""A trace: the keys of a bucket at the start, and the steps that changed them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


class Unreadable(Exception):
    """A source from which no trace can be made. The text names the source and the cause."""


@dataclass(slots=True)
class Step:
    """The keys that were put and deleted at a time (unix seconds). Each key is in it once."""

    t: int
    puts: list[str] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """The step as a line of the file."""
        return {"t": self.t, "put": self.puts, "delete": self.deletes}


@dataclass(frozen=True, slots=True)
class Trace:
    """The keys at the start, and the steps in the order of time. `skipped` keys could not be written."""

    name: str
    keys: frozenset[str]
    steps: Sequence[Step]
    skipped: int = 0


def months_before(time: int, months: int) -> int:
    """The moment (unix seconds) some calendar months earlier, on the first if that month lacks the day."""
    moment = datetime.fromtimestamp(time, UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    if year < 1970:
        return 0
    try:
        return int(moment.replace(year=year, month=month + 1).timestamp())
    except ValueError:  # the 31st
        return int(moment.replace(year=year, month=month + 1, day=1).timestamp())


def kept(key: str, extensions: tuple[str, ...]) -> bool:
    """Whether a key ends in one of the extensions, in upper or lower case."""
    return key.lower().endswith(extensions)


def cut(keys: Iterable[str], steps: Sequence[Step], months: int) -> tuple[frozenset[str], list[Step]]:
    """(the keys at the start of the last months, the steps in them)"""
    first = months_before(steps[-1].t, months) if steps else 0
    there = set(keys)
    for step in steps:
        if step.t < first:
            there = (there | set(step.puts)) - set(step.deletes)
    return frozenset(there), [step for step in steps if step.t >= first]
