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

MAX_CHANGES = 2_500
"""In a set: what compresses well is not to fill the memory of a drain that loads it."""

FIRST = "!"
"""What the id of a manual set begins with: it sorts before every time."""

# A change as it stands in a blob: the time first.
_Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that wait for their purges. `manual`: someone asked for them, so they may use the reserve.

    `size`: bytes of its blob, which say what deleting it costs.
    """

    id: str
    """Follows from the changes, so that a redelivery overwrites itself. Manual sets sort before all others,
    and each kind by the oldest change."""
    changes: tuple[Change, ...]
    manual: bool = False
    size: int = 0


def pack(changes: Sequence[Change], *, manual: bool) -> Iterator[tuple[str, bytes]]:
    """Changes as (id, blob) of as few change sets as fit; none for no changes."""
    if changes:
        # Sorted and without repeats, so that the same changes have the same ids in whatever order they come.
        yield from _packed(sorted({_row(change) for change in changes}), FIRST if manual else "")


def _packed(rows: Sequence[_Row], prefix: str) -> Iterator[tuple[str, bytes]]:
    text = json.dumps(rows, separators=(",", ":")).encode()
    blob = zlib.compress(text)
    if len(blob) > MAX_BYTES or len(rows) > MAX_CHANGES:
        middle = len(rows) // 2
        yield from _packed(rows[:middle], prefix)
        yield from _packed(rows[middle:], prefix)
        return
    oldest = rows[0][0]
    yield f"{prefix}{oldest}#{sha256(text).hexdigest()[:32]}", blob


def unpack(set_id: str, blob: bytes, *, manual: bool) -> ChangeSet:
    """The inverse of `pack`: the changes by time, without repeats."""
    changes = tuple(_change(row) for row in json.loads(zlib.decompress(blob)))
    return ChangeSet(set_id, changes, manual, len(blob))


def _row(change: Change) -> _Row:
    # Times are UTC, and so sort as their texts do.
    time = change.occurred_at.isoformat()
    if isinstance(change, UrlChange):
        return (time, change.url)
    return (time, change.bucket, change.key, change.kind, change.sequencer, change.version_id or "")


def _change(row: list[str]) -> Change:
    time = datetime.fromisoformat(row[0])
    if len(row) == 2:
        return UrlChange(row[1], time)
    _, bucket, key, kind, sequencer, version_id = row
    return ObjectChange(
        bucket, key, "created" if kind == "created" else "removed", time, sequencer, version_id or None
    )
