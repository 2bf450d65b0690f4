"""The DynamoDB table: writes that fit its limits, and reads of a partition in order.

Limits: DynamoDB developer guide, "Quotas" and "Item sizes".
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from purging.ledger.items import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.client import Exceptions

Action = tuple[Item, int]
"""An action of a transaction, and about how many bytes it writes or deletes."""

# A transaction has 100 actions and 4 MB at most. But a partition takes 1,000 write units a second, and a
# transaction spends two for each KB: this is less than a second's worth.
_MAX_ACTIONS = 100
_MAX_BYTES = 450_000

# What passes by itself, as an error or as the reason of a cancelled transaction (API reference,
# "TransactWriteItems"), and how many seconds to wait for that.
_PASSING = {
    "TransactionConflict",
    "TransactionInProgressException",
    "ThrottlingError",
    "ThrottlingException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
}
_WAITS = (0.1, 0.4, 1.6)


class Table:
    """One table with the keys `pk` and `sk`. Every method raises one of AWS_ERRORS, after the SDK's own
    retries. `sleep` waits seconds, before a write is repeated that DynamoDB could not take at once.
    """

    def __init__(
        self, name: str, client: "DynamoDBClient", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._name = name
        self._client = client
        self._sleep = sleep

    @property
    def errors(self) -> "Exceptions":
        """The errors of a condition that fails."""
        return self._client.exceptions

    def put(self, item: Item, **condition: Any) -> None:
        """Put an item."""
        self._patiently(self._client.put_item, TableName=self._name, Item=item, **condition)

    def delete(self, key: Item, **condition: Any) -> None:
        """Delete an item, if there is one."""
        self._patiently(self._client.delete_item, TableName=self._name, Key=key, **condition)

    def update(self, **expression: Any) -> None:
        """Update an item."""
        self._patiently(self._client.update_item, TableName=self._name, **expression)

    def update_once(self, expression: Item) -> None:
        """Update an item, once although the SDK repeats a call whose answer was lost: DynamoDB knows a
        transaction again by the token that the SDK gives it ("TransactWriteItems", idempotency)."""
        self._transact([{"Update": {"TableName": self._name, **expression}}])

    def putting(self, item: Item) -> Action:
        """The action that puts an item."""
        return {"Put": {"TableName": self._name, "Item": item}}, size_of(item)

    def deleting(self, key: Item, size: int) -> Action:
        """The action that deletes an item, whose largest attribute has `size` bytes."""
        return {"Delete": {"TableName": self._name, "Key": key}}, size_of(key) + size

    def write(self, actions: Iterable[Action]) -> None:
        """Put and delete in this order, in as few transactions as the limits allow."""
        for part in transactions(actions):
            match part:
                # As a transaction, a single write would cost twice.
                case [{"Put": put}]:
                    self._patiently(self._client.put_item, **put)
                case [{"Delete": delete}]:
                    self._patiently(self._client.delete_item, **delete)
                case _:
                    self._transact(part)

    def query(
        self, pk: str, first: str = " ", last: str = "~", **options: Any
    ) -> Iterator[Mapping[str, Any]]:
        """The items of a partition from sort key `first` to `last`, in order, as of now."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first}, ":last": {"S": last}},
            ConsistentRead=True,
            **options,
        )
        for page in pages:
            yield from page["Items"]

    def _transact(self, actions: list[Item]) -> None:
        self._patiently(self._client.transact_write_items, TransactItems=actions)

    def _patiently(self, call: Callable[..., object], **arguments: Any) -> None:
        """Make a call; again after a while if DynamoDB could not take it for a reason that passes."""
        for wait in _WAITS:
            try:
                call(**arguments)
            except ClientError as error:
                if not _passes(error):
                    raise
                self._sleep(wait)
            else:
                return
        call(**arguments)


def transactions(actions: Iterable[Action]) -> Iterator[list[Item]]:
    """Actions in their order, in as few transactions as DynamoDB's limits allow."""
    part: list[Item] = []
    total = 0
    for action, size in actions:
        if part and (len(part) == _MAX_ACTIONS or total + size > _MAX_BYTES):
            yield part
            part, total = [], 0
        part.append(action)
        total += size
    if part:
        yield part


def size_of(item: Item) -> int:
    """About how many bytes an item has."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def reasons_of(error: ClientError) -> list[Mapping[str, Any]]:
    """Why a transaction was cancelled, action by action; the stubs know nothing of it."""
    answer: Any = error.response
    reasons: list[Mapping[str, Any]] = answer.get("CancellationReasons", [{}])
    return reasons


def _passes(error: ClientError) -> bool:
    # An action that was no reason for the cancellation has the code `None`.
    codes = {error.response["Error"]["Code"], *(reason.get("Code") for reason in reasons_of(error))}
    return bool(codes & _PASSING) and "ConditionalCheckFailed" not in codes


def _size_of_value(value: Item) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "L":
            return 3 + sum(1 + _size_of_value(each) for each in content)
        case "M":
            return 3 + size_of(content)
        case "BOOL":
            return 1
        case _:
            return len(content.encode() if isinstance(content, str) else content)
