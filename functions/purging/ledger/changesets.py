"""Change sets: many changes in one compressed blob, which is small enough for a DynamoDB item."""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from purging.events.model import Change, ObjectChange, UrlChange

MAX_BYTES = 350_000
"""The largest blob of a set. An item has at most 400 KB, names included:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MAX_CHANGES = 2_500
"""The most changes of a set. Without this limit, a set that compresses well could fill a drain's memory."""

FIRST = "!"
"""The first character of a manual set's id. It sorts before every time."""

# A change in a blob: its time first, and 2 texts for a UrlChange, 6 for an ObjectChange.
_Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Pending changes that are kept in one item."""

    id: str
    """Derived from the changes, so that a redelivery overwrites its own set. Ids sort by the oldest change of
    their set, and those of manual sets before all others."""
    changes: tuple[Change, ...]
    manual: bool = False
    """Whether a person asked for these changes. Their purges may use the reserve."""
    size: int = 0
    """Bytes of the blob. They decide how many write units its deletion takes:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"""


def pack(changes: Sequence[Change], *, manual: bool) -> Iterator[tuple[str, bytes]]:
    """The changes as pairs (id, blob) of change sets within the limits; no pairs if there are no changes."""
    if changes:
        # Sorted and without repeats: in any order, the same changes have the same ids.
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
    """The change set of a pair that `pack` made. Its changes are sorted by time."""
    changes = tuple(_change(row) for row in json.loads(zlib.decompress(blob)))
    return ChangeSet(set_id, changes, manual, len(blob))


def may_hold(blob: bytes, key: str) -> bool:
    """Whether a set may have a change of an object with this key. A search of the text takes a fraction of
    the time of `unpack`."""
    return json.dumps(key).encode() in zlib.decompress(blob)


def _row(change: Change) -> _Row:
    # All times are UTC, so their texts sort as they do.
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
