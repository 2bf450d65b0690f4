"""What is known of purges: accepted ones, and URLs whose purge fails."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from purging.changes import IDENTITY_BYTES


@dataclass(frozen=True, slots=True)
class AcceptedPurge:
    """An accepted purge. `identities` (as `joined` has them) are those of the changes that it was made for,
    where its time does not tell so; `sample` is an exact URL that it covers, or None where none is worth a
    look."""

    request_id: str
    url: str
    submitted_at: float
    identities: bytes = b""
    sample: str | None = None

    def made_for(self, identity: bytes) -> bool:
        """Whether this is the identity of a change that it was made for."""
        starts = range(0, len(self.identities), IDENTITY_BYTES)
        at = bisect_left(starts, identity, key=lambda start: self.identities[start : start + IDENTITY_BYTES])
        start = at * IDENTITY_BYTES
        return self.identities[start : start + IDENTITY_BYTES] == identity


def joined(identities: Iterable[bytes]) -> bytes:
    """Identities in order, one behind the other. They are read far more often than looked into."""
    return b"".join(sorted(identities))


@dataclass(frozen=True, slots=True)
class FailingUrl:
    """A URL whose purge got no usable answer `attempts` times in a row, last at `failed_at`; try again at
    `retry_at`. `since` is when the oldest change happened that the purge was for: what is known of a URL
    concerns the changes that waited then, and no later ones."""

    attempts: int
    retry_at: float
    failed_at: float
    since: float

    def concerns(self, since: float) -> bool:
        """Whether a purge for changes `since` then is one that failed before."""
        return since <= self.since
