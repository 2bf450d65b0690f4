"""A change: of an object in S3, or of a URL that someone asked to purge."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Literal

Kind = Literal["created", "removed"]

IDENTITY_BYTES = 8
"""Length of a change's identity, a digest: equal ones by chance are one in 10^13 for a thousand changes."""


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One S3 object created or removed.

    `key` is decoded. `occurred_at` is S3's clock, aware, UTC. `sequencer` orders changes of one key; empty
    where the source gives none. `version_id` is None on buckets without versions.
    """

    bucket: str
    key: str
    kind: Kind
    occurred_at: datetime
    sequencer: str = ""
    version_id: str | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """What changed: changes of one subject need one purge between them."""
        return (self.bucket, self.key)

    @property
    def identity(self) -> bytes:
        """8 bytes that a redelivery of this change, by whichever way, has too."""
        moment = self.sequencer or f"{self.kind} {self.occurred_at.isoformat()}"
        return _digest(self.bucket, self.key, moment)


@dataclass(frozen=True, slots=True)
class UrlChange:
    """A URL that someone asked to purge, exact or ending in `*`: a manual purge. `occurred_at`: when, UTC."""

    url: str
    occurred_at: datetime

    @property
    def subject(self) -> tuple[str, str]:
        """What changed: changes of one subject need one purge between them."""
        return ("", self.url)

    @property
    def identity(self) -> bytes:
        """8 bytes that a redelivery of this change has too."""
        return _digest(self.url, self.occurred_at.isoformat())


Change = ObjectChange | UrlChange


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=IDENTITY_BYTES).digest()
