"""What the sources of a trace have in common: steps in time, and the keys that were there before them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


class Unreadable(Exception):
    """A source that no trace can be made from; its text says which, and why."""


@dataclass(slots=True)
class Step:
    """What was put and deleted at a time (unix seconds), each key once."""

    t: int
    puts: list[str] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)

    def line(self) -> dict[str, Any]:
        """As it stands in a trace."""
        return {"t": self.t, "put": self.puts, "delete": self.deletes}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A history: the keys at its start, and its steps by time. `skipped` keys could not be written."""

    name: str
    keys: frozenset[str]
    steps: Sequence[Step]
    skipped: int = 0


def months_before(time: int, months: int) -> int:
    """The same moment so many calendar months earlier, or the first of the month where there is none."""
    moment = datetime.fromtimestamp(time, UTC)
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    if year < 1970:
        return 0
    try:
        return int(moment.replace(year=year, month=month + 1).timestamp())
    except ValueError:  # the 31st
        return int(moment.replace(year=year, month=month + 1, day=1).timestamp())


def kept(key: str, extensions: tuple[str, ...]) -> bool:
    """Whether a key ends in one of the extensions, in upper case or lower."""
    return key.lower().endswith(extensions)


def cut(keys: Iterable[str], steps: Sequence[Step], months: int) -> tuple[frozenset[str], list[Step]]:
    """The last so many months of a history, and the keys at their start."""
    first = months_before(steps[-1].t, months) if steps else 0
    there = set(keys)
    for step in steps:
        if step.t < first:
            there = (there | set(step.puts)) - set(step.deletes)
    return frozenset(there), [step for step in steps if step.t >= first]
