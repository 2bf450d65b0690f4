"""The ledger: reads and writes the DynamoDB table. `items.py` says what is in it.

Whatever several functions at once could get wrong is decided by a condition of one write: who drains, how
many purges a month has used, who sends an alert.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from purging.changes import Change
from purging.ledger import items
from purging.ledger.changesets import FIRST, ChangeSet, pack, unpack
from purging.ledger.items import Item
from purging.ledger.records import State
from purging.ledger.table import Table, reasons_of
from purging.purges import AcceptedPurge, FailingUrl

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WINDOW = 50_000
"""Changes that a drain loads at once: what it needs of memory does not depend on how many wait."""

_URLS_OF_A_CHANGE = 4
"""For which a window is that large. Each URL of a change takes a kilobyte, about as much as the change, if it
is purged by itself: the default MemorySize has room for 200,000 of them and for what else a drain needs."""

Claim = Literal["ours", "sent", "claimed"]

_KEEP_REFUSED = 30 * 86_400

_LONGEST_REASON = 1000


def month_of(now: float, *, dry_run: bool = False) -> str:
    """The calendar month that a purge at this time counts to, e.g. `2026-11` (UTC).

    Those of a dry run count to a month of their own, so that it shows what the real one would cost.
    """
    return f"{datetime.fromtimestamp(now, UTC):%Y-%m}{'#dry-run' if dry_run else ''}"


class Ledger:
    """What drains share. Every method raises one of AWS_ERRORS when DynamoDB refuses or does not answer."""

    def __init__(
        self, table: str, client: "DynamoDBClient", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._table = Table(table, client, sleep=sleep)

    # --- pending changes ---

    def add(self, changes: Sequence[Change], *, manual: bool = False) -> None:
        """Keep changes until they are committed as consumed. Adding the same ones again changes nothing."""
        for set_id, blob in pack(changes, manual=manual):
            self._table.put(items.change_set(set_id, blob, manual=manual))

    def pending(self) -> list[ChangeSet]:
        """All change sets: manual ones, then the others, each oldest first."""
        return [_change_set(item) for item in self._table.query("pending")]

    def window(self, after: str = "", urls: int = 1) -> tuple[list[ChangeSet], str]:
        """The manual change sets and those behind `after`, in order, up to about WINDOW changes, or fewer if
        as many as `urls` may show an object; and the id behind which there may be more, or nothing if there
        are none."""
        limit = WINDOW * _URLS_OF_A_CHANGE // max(urls, _URLS_OF_A_CHANGE)
        found: list[ChangeSet] = []
        changes = 0
        manual = self._table.query("pending", last=f"{FIRST}~") if after else ()
        for part in (manual, self._table.query("pending", after or " ")):
            for item in part:
                if item["sk"]["S"] == after:
                    continue
                found.append(_change_set(item))
                if found[-1].manual:
                    continue
                changes += len(found[-1].changes)
                if changes >= limit:
                    return found, found[-1].id
        return found, ""

    def pending_ids(self) -> set[str]:
        """The ids of all change sets."""
        return {item["sk"]["S"] for item in self._table.query("pending", ProjectionExpression="sk")}

    def accept(self, purges: Sequence[AcceptedPurge], *, before: Sequence[AcceptedPurge] = ()) -> None:
        """Keep accepted purges, and that TrackPurges is yet to be told of them, with those of the same batch
        that were accepted `before` them."""
        new = [item for purge in purges for item in items.accepted(purge)]
        self._table.write(self._table.putting(item) for item in (*new, items.untracked((*before, *purges))))

    def settle(
        self, consumed: Sequence[ChangeSet], held: Mapping[bool, Sequence[Change]] | None = None
    ) -> set[str]:
        """What is `held` of the consumed sets in (by whether manual), those sets out.

        Answers the ids of the sets that what is held has now. One transaction where it fits; otherwise
        several in this order, so that stopping in between loses nothing.
        """
        kept = [
            items.change_set(set_id, blob, manual=manual)
            for manual, changes in (held or {}).items()
            for set_id, blob in pack(changes, manual=manual)
        ]
        ids = {item["sk"]["S"] for item in kept}
        self._table.write(
            [
                *(self._table.putting(item) for item in kept),
                *(
                    self._table.deleting(items.key("pending", old.id), old.size)
                    for old in consumed
                    if old.id not in ids
                ),
            ]
        )
        return ids

    # --- submitted purges ---

    def accepted_since(self, time: float) -> list[AcceptedPurge]:
        """Accepted purges submitted at or after a time, oldest first."""
        return [
            items.as_accepted(item) for item in self._table.query(items.ACCEPTED_PK, items.accepted_sk(time))
        ]

    def complete(self, request_id: str, submitted_at: float, now: float) -> None:
        """Note that ImageKit said Completed of a purge, if it is known here."""
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.update(
                Key=items.key(items.ACCEPTED_PK, items.accepted_sk(submitted_at, request_id)),
                UpdateExpression="SET completed_at = :now",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":now": items.number(now)},
            )

    # --- the lease ---

    def acquire(self, owner: str, now: float, seconds: float) -> bool:
        """Take the lease for some seconds, unless another holds it."""
        # What the owner holds already is taken again: the SDK repeats a call whose answer was lost.
        try:
            self._table.update(
                Key=items.key("state", "lease"),
                UpdateExpression="SET #owner = :owner, #until = :until",
                ConditionExpression="attribute_not_exists(pk) OR #until < :now OR #owner = :owner",
                ExpressionAttributeNames={"#owner": "owner", "#until": "until"},
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":until": items.number(now + seconds),
                    ":now": items.number(now),
                },
            )
        except self._table.errors.ConditionalCheckFailedException:
            return False
        return True

    def release(self, owner: str) -> None:
        """Give the lease back, if it is still this owner's."""
        # Deleting on a condition that fails means that another took it over after its expiry.
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.delete(
                items.key("state", "lease"),
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )

    # --- the quota ---

    def reserve(self, month: str, wanted: int, limit: int) -> int:
        """Count up to `wanted` purges to a month, never above `limit` in all; how many were counted."""
        wanted = min(wanted, limit)
        while wanted > 0:
            try:
                self._count(
                    month,
                    wanted,
                    ConditionExpression="attribute_not_exists(used) OR used <= :room",
                    values={":room": items.number(limit - wanted)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._table.errors.TransactionCanceledException as refused:
                (reason,) = reasons_of(refused)
                if "Item" not in reason:
                    raise
                wanted = min(wanted - 1, limit - int(reason["Item"]["used"]["N"]))
            else:
                return wanted
        return 0

    def give_back(self, month: str, count: int) -> None:
        """Uncount purges that were reserved and surely not used."""
        if count:
            self._count(month, -count)

    def _count(self, month: str, count: int, *, values: Item | None = None, **condition: str) -> None:
        """Add to what a month has used."""
        update: Any = {
            "Key": items.key("state", f"quota#{month}"),
            "UpdateExpression": "ADD used :count",
            "ExpressionAttributeValues": {":count": items.number(count), **(values or {})},
            **condition,
        }
        self._table.update_once(update)

    # --- what drains remember ---

    def state(self, month: str) -> State:
        """Everything that drains remember, read at once."""
        return items.as_state(list(self._table.query("state")), month)

    def pause(self, until: float, *, failures: int = 0, exhausted: bool = False, reason: str = "") -> None:
        """No calls before `until`, after so many `failures` in a row, or since the quota is `exhausted`;
        `reason` is for people."""
        self._put_state(
            "pause",
            until=items.number(until),
            failures=items.number(failures),
            exhausted={"BOOL": exhausted},
            reason={"S": reason[:_LONGEST_REASON]},
        )

    def resume(self, now: float) -> None:
        """Calls succeed again, after failures."""
        self._put_state("recovered", at=items.number(now))
        self._forget("pause")

    def remember_refused(self, wildcard: str, now: float) -> None:
        """ImageKit refused this wildcard: do not try it again for 30 days."""
        self._put_state(
            items.about("refused", wildcard),
            url={"S": wildcard},
            expires_at=items.number(int(now + _KEEP_REFUSED)),
        )

    def remember_failing(self, url: str, failing: FailingUrl) -> None:
        """A purge of this URL got no usable answer."""
        self._put_state(
            items.about("failing", url),
            url={"S": url},
            attempts=items.number(failing.attempts),
            retry_at=items.number(failing.retry_at),
            failed_at=items.number(failing.failed_at),
            since=items.number(failing.since),
            expires_at=items.number(int(failing.retry_at) + 86_400),
        )

    def forget_failing(self, url: str) -> None:
        """A purge of this URL was answered."""
        self._forget(items.about("failing", url))

    def forget_untracked(self, purges: Sequence[AcceptedPurge]) -> None:
        """TrackPurges follows this batch of purges now; not what another drain has added to it since."""
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.delete(
                items.untracked_key(purges),
                ConditionExpression="attribute_not_exists(pk) OR size(purges) = :count",
                ExpressionAttributeValues={":count": items.number(len(purges))},
            )

    def go_on_after(self, set_id: str) -> None:
        """The next window begins behind this change set; at the oldest one if it is empty."""
        self._put_state("cursor", after={"S": set_id})

    def first_asked(self, request: str, owner: str, now: float, seconds: float) -> tuple[float, bool]:
        """When a manual request was first asked, if that is less than so many seconds ago; else now. And
        whether that was another invocation than this `owner`."""
        try:
            self._table.put(
                {
                    **items.key("state", f"request#{request}"),
                    "asked_at": items.number(now),
                    "owner": {"S": owner},
                    "expires_at": items.number(int(now + seconds)),
                },
                ConditionExpression="attribute_not_exists(pk) OR asked_at <= :before",
                ExpressionAttributeValues={":before": items.number(now - seconds)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._table.errors.ConditionalCheckFailedException as refused:
            # The owner's own item: the SDK repeats a call whose answer was lost.
            answer: Any = refused.response  # the stubs know no item in it
            return float(answer["Item"]["asked_at"]["N"]), answer["Item"]["owner"]["S"] != owner
        return now, False

    def claim_alert(self, name: str, owner: str, now: float, seconds: float) -> Claim:
        """Whether an alert is `ours` to send within so many seconds, was `sent` and must not be repeated yet,
        or is `claimed` by another, who may be sending it."""
        try:
            self._table.put(
                {
                    **items.key("state", items.about("alert", name)),
                    "by": {"S": owner},
                    "sent": {"BOOL": False},
                    "expires_at": items.number(int(now + seconds)),
                },
                # Ours already: the SDK repeats a call whose answer was lost.
                ConditionExpression="attribute_not_exists(pk) OR expires_at < :now OR #by = :by",
                ExpressionAttributeNames={"#by": "by"},
                ExpressionAttributeValues={":now": items.number(now), ":by": {"S": owner}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._table.errors.ConditionalCheckFailedException as refused:
            answer: Any = refused.response  # the stubs know no item in it
            return "sent" if answer["Item"]["sent"]["BOOL"] else "claimed"
        return "ours"

    def remember_alert(self, name: str, now: float, seconds: float) -> None:
        """The alert was sent, and is not to be repeated for so many seconds."""
        self._put_state(
            items.about("alert", name), sent={"BOOL": True}, expires_at=items.number(int(now + seconds))
        )

    def forget_alert(self, name: str) -> None:
        """The alert was not sent after all."""
        self._forget(items.about("alert", name))

    def _put_state(self, sk: str, /, **attributes: Any) -> None:
        self._table.put({**attributes, **items.key("state", sk)})

    def _forget(self, sk: str) -> None:
        self._table.delete(items.key("state", sk))


def _change_set(item: Mapping[str, Any]) -> ChangeSet:
    return unpack(item["sk"]["S"], item["blob"]["B"], manual=item["manual"]["BOOL"])
