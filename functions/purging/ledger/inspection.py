"""What people ask of a ledger. Nothing here writes, and no result holds all that is pending."""

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from purging.events.model import IDENTITY_BYTES, Change
from purging.ledger import items
from purging.ledger.changesets import may_hold, unpack
from purging.ledger.table import Table
from purging.purges import AcceptedPurge, joined


class Timing(NamedTuple):
    """When a purge was accepted, and when it was seen Completed (unix seconds); None: not seen yet."""

    request_id: str
    submitted_at: float
    completed_at: float | None


class Inspection:
    """Reads one ledger. Every method raises one of AWS_ERRORS when DynamoDB fails.

    The iterators read page by page, so their caller decides when it has seen enough.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def lease_until(self) -> float | None:
        """Return until when a drain has the lease (unix seconds); None if no drain has it."""
        item = next(self._table.query("state", "lease", "lease"), None)
        return float(item["until"]["N"]) if item else None

    def alerted_until(self, name: str) -> float | None:
        """Return until when an alert that was sent is not repeated (unix seconds); None if none was sent."""
        about = items.about("alert", name)
        item = next(self._table.query("state", about, about), None)
        return float(item["expires_at"]["N"]) if item and item["sent"]["BOOL"] else None

    def change_sets(self) -> Iterator[int]:
        """Yield how many change sets each page of the pending ones has. Their changes are not loaded."""
        return self._table.counts("pending")

    def changes_of(self, bucket: str, key: str) -> Iterator[list[tuple[Change, bool]]]:
        """Yield, for each change set, its changes of an object, and whether they are manual."""
        for item in self._table.query("pending"):
            blob, manual = item["blob"]["B"], item["manual"]["BOOL"]
            if not may_hold(blob, key):
                yield []
                continue
            changes = unpack(item["sk"]["S"], blob, manual=manual).changes
            yield [(change, manual) for change in changes if change.subject == (bucket, key)]

    def timings(self, since: float) -> Iterator[Timing]:
        """Yield the purges that were accepted at or after a time (unix seconds), the latest first."""
        found = self._table.query(
            items.ACCEPTED_PK,
            items.accepted_sk(since),
            ScanIndexForward=False,
            # `url` is a word that DynamoDB reserves, and the identities can be large.
            ProjectionExpression="request_id,submitted_at,completed_at",
        )
        for request_id, parts in groupby(found, key=lambda item: item["request_id"]["S"]):
            # Only the first of a purge's items says when it was Completed.
            times = [(float(item["submitted_at"]["N"]), item.get("completed_at")) for item in parts]
            completed = next((float(at["N"]) for _, at in times if at), None)
            yield Timing(request_id, times[0][0], completed)

    def purges_backwards(self) -> Iterator[AcceptedPurge]:
        """Yield the accepted purges of the last 40 days, the latest first."""
        found = map(items.as_accepted, self._table.query(items.ACCEPTED_PK, ScanIndexForward=False))
        for _, parts in groupby(found, key=lambda purge: purge.request_id):
            yield _whole(list(parts))


def _whole(parts: list[AcceptedPurge]) -> AcceptedPurge:
    """The purge of several items: each holds a part of the identities, and one of them the completion."""
    if len(parts) == 1:
        return parts[0]
    identities = joined(
        part.identities[start : start + IDENTITY_BYTES]
        for part in parts
        for start in range(0, len(part.identities), IDENTITY_BYTES)
    )
    completed = next((part.completed_at for part in parts if part.completed_at is not None), None)
    one = parts[0]
    return AcceptedPurge(one.request_id, one.url, one.submitted_at, identities, one.sample, completed)
