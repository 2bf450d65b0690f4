"""The lease: which invocation drains, until when. A conditional write gives it to one of several."""

from contextlib import suppress

from purging.ledger import items
from purging.ledger.table import Table

_KEY = items.key("state", "lease")


class Lease:
    """The lease of one ledger. Every method raises one of AWS_ERRORS when DynamoDB fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def acquire(self, owner: str, now: float, seconds: float) -> bool:
        """Take the lease for some seconds from `now` (unix seconds). Return False if another holds it."""
        # The SDK repeats a call whose answer was lost, so an owner can take its own lease again.
        try:
            self._table.update(
                Key=_KEY,
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
        # If the condition fails, the lease has expired and another owner has it.
        with suppress(self._table.errors.ConditionalCheckFailedException):
            self._table.delete(
                _KEY,
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues={":owner": {"S": owner}},
            )
