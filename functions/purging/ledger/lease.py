"""The lease: which invocation drains, until when. A conditional write gives it to one of several.

An invocation that finds the lease taken leaves word in it, and ends. The holder sees the word before it gives
the lease back, and drains once more. So each change is drained at once, and nobody has to look for others.
"""

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from purging.ledger import items
from purging.ledger.table import Table

_KEY = items.key("state", "lease")
_NAMES = {"#owner": "owner", "#until": "until", "#wanted": "wanted"}


class Lease:
    """The lease of one ledger. Every method raises one of AWS_ERRORS when DynamoDB fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def acquire(self, owner: str, now: float, seconds: float) -> bool:
        """Take the lease for some seconds from `now` (unix seconds), or keep it for longer. What was pending
        before needs no word any more.

        If another holds it, leave word for it and return False.
        """
        while True:
            # The SDK repeats a call whose answer was lost, so an owner can take its own lease again.
            try:
                self._table.update(
                    Key=_KEY,
                    UpdateExpression="SET #owner = :owner, #until = :until REMOVE #wanted",
                    ConditionExpression="attribute_not_exists(pk) OR #until < :now OR #owner = :owner",
                    ExpressionAttributeNames=_NAMES,
                    ExpressionAttributeValues={
                        ":owner": {"S": owner},
                        ":until": items.number(now + seconds),
                        ":now": items.number(now),
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._table.errors.ConditionalCheckFailedException as refused:
                if "wanted" in _item(refused) or self._leave_word():
                    return False
                # Its holder has given it back since.
            else:
                return True

    def finish(self, owner: str) -> bool:
        """Give the lease back, unless another left word since it was taken. Return whether it was given
        back."""
        try:
            self._table.delete(
                _KEY,
                ConditionExpression="#owner = :owner AND attribute_not_exists(#wanted)",
                ExpressionAttributeNames={"#owner": "owner", "#wanted": "wanted"},
                ExpressionAttributeValues={":owner": {"S": owner}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._table.errors.ConditionalCheckFailedException as refused:
            # There is no item if the answer to the same call was lost before.
            return _item(refused).get("owner") != {"S": owner}
        return True

    def release(self, owner: str) -> None:
        """Give the lease back, if it is still this owner's, although others may have left word."""
        # If the condition fails, the lease has expired and another owner has it.
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.delete(
                _KEY,
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )

    def _leave_word(self) -> bool:
        """Note that there is more to do. Return False if nobody holds the lease."""
        try:
            self._table.update(
                Key=_KEY,
                UpdateExpression="SET #wanted = :true",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#wanted": "wanted"},
                ExpressionAttributeValues={":true": {"BOOL": True}},
            )
        except self._table.errors.ConditionalCheckFailedException:
            return False
        return True


def _item(refused: ClientError) -> dict[str, Any]:
    """The item that made a condition fail; empty if there is none."""
    answer: Any = refused.response  # the stubs know no item in it
    item: dict[str, Any] = answer.get("Item", {})
    return item
