"""Changes: an object of S3 that changed, or a URL that a person asked to purge."""

from datetime import datetime
from hashlib import blake2b
from typing import Literal, NamedTuple

Kind = Literal["created", "removed"]

IDENTITY_BYTES = 8
"""Length of a change's identity, which is a digest. Among a thousand changes, two have the same one by chance
with a probability of less than 1 in 10^13."""


class ObjectChange(NamedTuple):
    """An S3 object that was created or removed. It is a tuple because bulk changes make very many."""

    bucket: str
    key: str
    """Decoded."""
    kind: Kind
    occurred_at: datetime
    """By S3's clock: an aware time, UTC."""
    sequencer: str = ""
    """Orders the changes of one key; empty if the source gives none:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    version_id: str | None = None
    """None if the bucket keeps no versions."""

    @property
    def subject(self) -> tuple[str, str]:
        """The bucket and the key. One purge covers all earlier changes of the same subject."""
        return (self.bucket, self.key)

    @property
    def identity(self) -> bytes:
        """8 bytes. A redelivery of this change has the same ones, also from another source if it has a
        sequencer."""
        moment = self.sequencer or f"{self.kind} {self.occurred_at.isoformat()}"
        return _digest(self.bucket, self.key, moment)


class UrlChange(NamedTuple):
    """A URL that a person asked to purge: a manual purge."""

    url: str
    """Exact, or ending in `*`."""
    occurred_at: datetime
    """When it was asked for: an aware time, UTC."""

    @property
    def subject(self) -> tuple[str, str]:
        """The URL, with an empty text for the bucket."""
        return ("", self.url)

    @property
    def identity(self) -> bytes:
        """8 bytes. A redelivery of this change has the same ones."""
        return _digest(self.url, self.occurred_at.isoformat())


Change = ObjectChange | UrlChange


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=IDENTITY_BYTES).digest()
