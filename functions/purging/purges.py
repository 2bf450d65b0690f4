"""Accepted purges, how many are needed, and URLs whose purge fails."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from purging.events.model import IDENTITY_BYTES


@dataclass(frozen=True, slots=True)
class AcceptedPurge:
    """A purge that ImageKit accepted."""

    request_id: str
    url: str
    """Exact, or ending in `*`."""
    submitted_at: float
    """Unix seconds, UTC."""
    identities: bytes = b""
    """The `joined` identities of the changes that the purge was made for, except those that surely happened
    before `submitted_at`."""
    sample: str | None = None
    """An exact URL that the purge covers; None if no URL is worth a freshness check."""
    completed_at: float | None = None
    """When CheckPurges saw that the purge is Completed, in unix seconds, UTC. None: not seen yet."""

    def made_for(self, identity: bytes) -> bool:
        """Whether the purge was made for the change with this identity."""
        starts = range(0, len(self.identities), IDENTITY_BYTES)
        at = bisect_left(starts, identity, key=lambda start: self.identities[start : start + IDENTITY_BYTES])
        start = at * IDENTITY_BYTES
        return self.identities[start : start + IDENTITY_BYTES] == identity


def joined(identities: Iterable[bytes]) -> bytes:
    """The identities, sorted, in one bytes object, since reads are far more frequent than searches."""
    return b"".join(sorted(identities))


class Need(NamedTuple):
    """How many purges changes need: at `least`, with the broadest wildcards, or `sparing` every object that
    did not change. `large` rounds, which have a choice, need so many of the least."""

    least: float = 0.0
    sparing: float = 0.0
    large: float = 0.0


NO_NEED = Need()


@dataclass(frozen=True, slots=True)
class FailingUrl:
    """A URL whose purge fails. All times are unix seconds, UTC."""

    attempts: int
    """Purges in a row that got no usable answer."""
    retry_at: float
    failed_at: float
    """The last failure."""
    since: float
    """When the oldest change of the failed purge happened. Later changes have not failed yet."""

    def concerns(self, since: float) -> bool:
        """Whether a purge whose oldest change happened at `since` is one of those that failed."""
        return since <= self.since
