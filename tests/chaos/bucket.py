"""The bucket of the simulation: when each version truly came, and when a lifecycle rule deletes old ones."""

from typing import NamedTuple

from local.fakes import s3_listing
from local.fakes.s3_listing import version_id

_DAY = 86_400.0


class Version(NamedTuple):
    """`kind` is "created" or "removed"; when, truly and by S3's clock, in unix seconds."""

    kind: str
    time: float
    seen: float


class Bucket(s3_listing.Bucket):
    """A bucket that remembers every version there ever was: `history` has those of each key, oldest first.

    A bucket without versions has a history, too, for the invariants.
    """

    def __init__(self, *, versioned: bool) -> None:
        super().__init__(versioned=versioned)
        self.history: dict[str, list[Version]] = {}

    def change(self, key: str, version: Version) -> str | None:
        """Create, overwrite or remove; the id of the version that this made."""
        self.history.setdefault(key, []).append(version)
        return (self.put if version.kind == "created" else self.delete)(key, version.seen)

    def expire(self, key: str, number: int) -> None:
        """A lifecycle rule deletes an old version, counted from 1."""
        self.delete_version(key, version_id(number))


def expiry(noncurrent_since: float, days: int) -> float:
    """When a noncurrent version goes: so many days after its successor was created, rounded up to midnight in
    UTC (Amazon S3 user guide, "How Amazon S3 calculates how long an object has been noncurrent")."""
    return midnight(noncurrent_since + days * _DAY) + _DAY


def midnight(time: float) -> float:
    """The last midnight (UTC) before a time: what S3 dates the delete markers of its lifecycle rules by."""
    return time - time % _DAY
