"""The ledger: all that drains share, in one DynamoDB table. `items.py` describes its items."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from purging.events.model import Change
from purging.ledger import items
from purging.ledger.alert_claims import AlertClaims
from purging.ledger.changesets import FIRST, ChangeSet, pack, unpack
from purging.ledger.inspection import Inspection
from purging.ledger.lease import Lease
from purging.ledger.quota import Quota
from purging.ledger.records import Hold, State
from purging.ledger.table import Table
from purging.purges import AcceptedPurge, FailingUrl

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WINDOW = 50_000
"""Changes that a round loads at once: a drain's memory does not depend on how many changes are pending."""

_URLS_OF_A_CHANGE = 4
"""A window has WINDOW changes if a change has at most so many URLs. A URL that is purged by itself takes a
kilobyte. The default MemorySize has room for 200,000 of them, and for the rest of a drain."""

_KEEP_REFUSED = 30 * 86_400

_LONGEST_REASON = 1000


class Ledger:
    """The ledger. Every method raises one of AWS_ERRORS if DynamoDB refuses or does not answer.

    Times are unix seconds. `sleep` waits seconds before a failed write is repeated.
    """

    def __init__(
        self, table: str, client: "DynamoDBClient", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._table = Table(table, client, sleep=sleep)
        self.lease = Lease(self._table)
        self.quota = Quota(self._table)
        self.alerts = AlertClaims(self._table)
        self.inspection = Inspection(self._table)

    # --- pending changes ---

    def add(self, changes: Sequence[Change], *, manual: bool = False) -> None:
        """Keep changes as pending. Adding the same ones again changes nothing."""
        for set_id, blob in pack(changes, manual=manual):
            self._table.put(items.change_set(set_id, blob, manual=manual))

    def pending(self) -> list[ChangeSet]:
        """Return all change sets: manual ones, then the others, each oldest first."""
        return [_change_set(item) for item in self._table.query("pending")]

    def window(self, after: str = "", urls: int = 1) -> tuple[list[ChangeSet], str]:
        """Return a window of the pending changes, and the id of its last change set; the id is empty if no
        changes can follow.

        A window has all manual change sets, and the others behind the id `after`, in order, up to about
        WINDOW changes. `urls` is the largest number of URLs of an object: if it is large, a window has fewer.
        """
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

    def sets_behind(self, after: str) -> int:
        """Return how many change sets follow the one with an id that is pending."""
        return sum(self._table.counts("pending", after)) - 1

    def first_pending(self) -> str:
        """Return the id of the first change set: a manual one, or that of the oldest change. It is empty if
        nothing is pending."""
        first = next(self._table.query("pending", Limit=1), None)
        return first["sk"]["S"] if first else ""

    def replace(
        self, consumed: Sequence[ChangeSet], held: Mapping[bool, Sequence[Change]] | None = None
    ) -> None:
        """Replace change sets by their `held` changes, which are given by whether they are manual.

        This takes one transaction if it fits. Otherwise it takes several, the held changes first: a stop in
        between loses nothing.
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

    # --- accepted purges ---

    def accept(self, purges: Sequence[AcceptedPurge], *, before: Sequence[AcceptedPurge] = ()) -> None:
        """Keep accepted purges as untracked, with those of the same batch that were accepted `before`
        them."""
        new = [item for purge in purges for item in items.accepted(purge)]
        self._table.write(self._table.putting(item) for item in (*new, items.untracked((*before, *purges))))

    def accepted_since(self, time: float) -> list[AcceptedPurge]:
        """Return the accepted purges that were submitted at or after a time, oldest first. A purge with
        several items comes once for each."""
        return [
            items.as_accepted(item) for item in self._table.query(items.ACCEPTED_PK, items.accepted_sk(time))
        ]

    def forget_untracked(self, purges: Sequence[AcceptedPurge]) -> None:
        """Note that TrackPurges follows this batch of purges. If the batch has grown since, it stays
        untracked."""
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.delete(
                items.untracked_key(purges),
                ConditionExpression="attribute_not_exists(pk) OR size(purges) = :count",
                ExpressionAttributeValues={":count": items.number(len(purges))},
            )

    def has_untracked(self) -> bool:
        """Whether there are accepted purges that TrackPurges does not follow yet."""
        return any(self._table.query("state", "untracked#", "untracked#~", Limit=1))

    def complete(self, request_id: str, submitted_at: float, now: float) -> None:
        """Note that ImageKit said Completed of a purge, if the ledger has it."""
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.update(
                Key=items.key(items.ACCEPTED_PK, items.accepted_sk(submitted_at, request_id)),
                UpdateExpression="SET completed_at = :now",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":now": items.number(now)},
            )

    # --- what drains remember ---

    def state(self, month: str) -> State:
        """Return everything that drains remember, read by one query. `month` is as `month_of` returns it."""
        return items.as_state(list(self._table.query("state")), month)

    def hold(self) -> Hold | None:
        """Return why no drain has to plan yet, if that is so."""
        found = next(self._table.query("state", "hold", "hold"), None)
        return items.as_hold(found) if found else None

    def remember_hold(self, hold: Hold | None) -> None:
        """Note that all pending changes are held, or that they are not."""
        if hold is None:
            self._forget("hold")
        else:
            self._put_state(
                "hold",
                until=items.number(hold.until),
                first={"S": hold.first},
                count=items.number(hold.count),
                quota=items.number(hold.quota),
                latest=items.number(hold.latest),
                overtaken=items.number(hold.overtaken),
            )

    def pause(self, until: float, *, failures: int = 0, exhausted: bool = False, reason: str = "") -> None:
        """Note that drains make no calls before a time, after so many `failures` in a row, or because the
        quota is `exhausted`. The `reason` is for people."""
        self._put_state(
            "pause",
            until=items.number(until),
            failures=items.number(failures),
            exhausted={"BOOL": exhausted},
            reason={"S": reason[:_LONGEST_REASON]},
        )

    def resume(self, now: float) -> None:
        """Note that calls succeed again, and end the pause."""
        self._put_state("recovered", at=items.number(now))
        self._forget("pause")

    def remember_refused(self, wildcard: str, now: float) -> None:
        """Note that ImageKit refused a wildcard: it is not tried again for 30 days."""
        self._put_state(
            items.about("refused", wildcard),
            url={"S": wildcard},
            expires_at=items.number(int(now + _KEEP_REFUSED)),
        )

    def remember_failing(self, url: str, failing: FailingUrl) -> None:
        """Note that a purge of a URL got no usable answer."""
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
        """Note that a purge of a URL was answered."""
        self._forget(items.about("failing", url))

    def go_on_after(self, set_id: str) -> None:
        """Let the next window begin behind a change set, or with the oldest one if the id is empty."""
        self._put_state("cursor", after={"S": set_id})

    def first_asked(self, request: str, owner: str, now: float, seconds: float) -> tuple[float, bool]:
        """Return when a manual request was first asked for, and whether another invocation than this `owner`
        did so. A first call that is at least so many `seconds` old does not count."""
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
            # It may be the owner's own item: the SDK repeats a call whose answer was lost.
            answer: Any = refused.response  # the stubs know no item in it
            return float(answer["Item"]["asked_at"]["N"]), answer["Item"]["owner"]["S"] != owner
        return now, False

    def _put_state(self, sk: str, /, **attributes: Any) -> None:
        self._table.put({**attributes, **items.key("state", sk)})

    def _forget(self, sk: str) -> None:
        self._table.delete(items.key("state", sk))


def _change_set(item: Mapping[str, Any]) -> ChangeSet:
    return unpack(item["sk"]["S"], item["blob"]["B"], manual=item["manual"]["BOOL"])
