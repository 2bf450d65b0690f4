"""Which alerts were sent: each is sent once, although several functions may find its cause."""

from typing import Any, Literal

from purging.ledger import items
from purging.ledger.table import Table

KEY_REFUSED = "key"
"""The name of the alert that ImageKit refuses the private key. It is sent once a day."""

GIVEN_UP = "refused "
"""The beginning of the name of the alert that URLs are given up. Their endpoint follows it, or the URL if it
depends on an object. It is sent once a day."""

Claim = Literal["ours", "sent", "claimed"]


class AlertClaims:
    """The alerts of one ledger. Every method raises one of AWS_ERRORS when DynamoDB fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, name: str, owner: str, now: float, seconds: float) -> Claim:
        """Claim an alert for some seconds from `now` (unix seconds).

        Return `ours` if this owner may send it, `sent` if it was sent and is not to be repeated yet, or
        `claimed` if another owner may be sending it.
        """
        try:
            self._table.put(
                {
                    **_key(name),
                    "by": {"S": owner},
                    "sent": {"BOOL": False},
                    "expires_at": items.number(int(now + seconds)),
                },
                # The SDK repeats a call whose answer was lost, so an owner can claim its own alert again.
                ConditionExpression="attribute_not_exists(pk) OR expires_at < :now OR #by = :by",
                ExpressionAttributeNames={"#by": "by"},
                ExpressionAttributeValues={":now": items.number(now), ":by": {"S": owner}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._table.errors.ConditionalCheckFailedException as refused:
            answer: Any = refused.response  # the stubs know no item in it
            return "sent" if answer["Item"]["sent"]["BOOL"] else "claimed"
        return "ours"

    def sent(self, name: str, now: float, seconds: float) -> None:
        """Note that an alert was sent and is not to be repeated for some seconds."""
        expiry = items.number(int(now + seconds))
        self._table.put({**_key(name), "sent": {"BOOL": True}, "expires_at": expiry})

    def forget(self, name: str) -> None:
        """Note that a claimed alert was not sent: the next call may claim it at once."""
        self._table.delete(_key(name))


def _key(name: str) -> items.Item:
    return items.key("state", items.about("alert", name))
