"""Change sets: many changes as one compressed blob, small enough for a DynamoDB item."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from purging.changes import Change, ObjectChange, UrlChange

MAX_BYTES = 350_000
"""Of a set's blob: DynamoDB's limit is 400 KB an item (developer guide, "Quotas"), names included."""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that wait for their purges. `manual`: someone asked for them, so they may use the reserve."""

    id: str
    """Follows from the changes, so that a redelivery overwrites itself; sorts by the oldest change."""
    changes: tuple[Change, ...]
    manual: bool = False


def pack(changes: Sequence[Change], *, manual: bool) -> Iterator[tuple[str, bytes]]:
    """Changes as (id, blob) of as few change sets as fit; none for no changes."""
    if not changes:
        return
    rows = sorted(_row(change) for change in changes)
    text = json.dumps(rows, separators=(",", ":")).encode()
    blob = zlib.compress(text)
    if len(blob) > MAX_BYTES:
        middle = len(changes) // 2
        yield from pack(changes[:middle], manual=manual)
        yield from pack(changes[middle:], manual=manual)
        return
    oldest = min(change.occurred_at for change in changes)
    yield f"{oldest.isoformat()}#{'manual' if manual else 'auto'}#{sha256(text).hexdigest()[:32]}", blob


def unpack(set_id: str, blob: bytes, *, manual: bool) -> ChangeSet:
    """The inverse of `pack`."""
    return ChangeSet(set_id, tuple(_change(row) for row in json.loads(zlib.decompress(blob))), manual)


def _row(change: Change) -> list[str]:
    time = change.occurred_at.isoformat()
    if isinstance(change, UrlChange):
        return [time, change.url]
    return [time, change.bucket, change.key, change.kind, change.sequencer, change.version_id or ""]


def _change(row: list[str]) -> Change:
    time = datetime.fromisoformat(row[0])
    if len(row) == 2:
        return UrlChange(row[1], time)
    _, bucket, key, kind, sequencer, version_id = row
    return ObjectChange(
        bucket, key, "created" if kind == "created" else "removed", time, sequencer, version_id or None
    )
