"""The DynamoDB table: writes within its limits, and reads of a partition in order.

Limits: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
Sizes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from purging.ledger.items import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.client import Exceptions

Action = tuple[Item, int]
"""An action of a transaction, and the approximate number of bytes that it writes or deletes."""

# DynamoDB allows 100 actions and 4 MB in a transaction. But a partition takes 1,000 write units a second, and
# a transaction needs 2 for each KB. So these bytes need less than the units of one second:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
_MAX_ACTIONS = 100
_MAX_BYTES = 450_000

# Temporary problems, as codes of an error or of a reason why a transaction was cancelled, and the seconds to
# wait before each repetition:
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
_TEMPORARY = {
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
    """One table with the keys `pk` and `sk`.

    Every method that calls DynamoDB raises one of AWS_ERRORS if retries do not help. A write that fails for a
    temporary reason is repeated, also after the SDK's own retries; `sleep` waits the seconds in between.
    """

    def __init__(
        self, name: str, client: "DynamoDBClient", *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._name = name
        self._client = client
        self._sleep = sleep

    @property
    def errors(self) -> "Exceptions":
        """The errors that DynamoDB raises, e.g. ConditionalCheckFailedException."""
        return self._client.exceptions

    def put(self, item: Item, **condition: Any) -> None:
        """Write an item, over the one with the same key."""
        self._patiently(self._client.put_item, TableName=self._name, Item=item, **condition)

    def delete(self, key: Item, **condition: Any) -> None:
        """Delete an item, if there is one."""
        self._patiently(self._client.delete_item, TableName=self._name, Key=key, **condition)

    def update(self, **expression: Any) -> None:
        """Update an item."""
        self._patiently(self._client.update_item, TableName=self._name, **expression)

    def update_once(self, expression: Item) -> None:
        """Update an item exactly once, although a call whose answer was lost is repeated.

        The update is a transaction, since only a transaction has a token by which DynamoDB recognises
        repetitions.
        """
        self._transact([{"Update": {"TableName": self._name, **expression}}])

    def putting(self, item: Item) -> Action:
        """The action that writes an item."""
        return {"Put": {"TableName": self._name, "Item": item}}, size_of(item)

    def deleting(self, key: Item, size: int) -> Action:
        """The action that deletes an item whose largest attribute has `size` bytes."""
        return {"Delete": {"TableName": self._name, "Key": key}}, size_of(key) + size

    def write(self, actions: Iterable[Action]) -> None:
        """Do these actions in this order, in as few transactions as the limits allow."""
        for part in transactions(actions):
            match part:
                # A transaction costs twice as much as a single write.
                case [{"Put": put}]:
                    self._patiently(self._client.put_item, **put)
                case [{"Delete": delete}]:
                    self._patiently(self._client.delete_item, **delete)
                case _:
                    self._transact(part)

    def query(
        self, pk: str, first: str = " ", last: str = "~", **options: Any
    ) -> Iterator[Mapping[str, Any]]:
        """The items of a partition from sort key `first` to `last`, in order, read consistently."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first}, ":last": {"S": last}},
            ConsistentRead=True,
            **options,
        )
        for page in pages:
            yield from page["Items"]

    def counts(self, pk: str, first: str = " ") -> Iterator[int]:
        """The number of items on each page of a partition, from sort key `first` on. The items stay in
        DynamoDB."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": {"S": pk}, ":first": {"S": first}, ":last": {"S": "~"}},
            ConsistentRead=True,
            Select="COUNT",
        )
        for page in pages:
            yield page["Count"]

    def _transact(self, actions: list[Item]) -> None:
        """Do the actions once. The SDK would give each of our repetitions a token of its own, so the update
        of a call whose answer was lost would be made twice:
        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
        token = str(uuid4())
        self._patiently(self._client.transact_write_items, TransactItems=actions, ClientRequestToken=token)

    def _patiently(self, call: Callable[..., object], **arguments: Any) -> None:
        """Make a call, and repeat it after a wait if it fails for a temporary reason."""
        for wait in _WAITS:
            try:
                call(**arguments)
            except ClientError as error:
                if not _is_temporary(error):
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
    """The approximate number of bytes of an item."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in item.items())


def reasons_of(error: ClientError) -> list[Mapping[str, Any]]:
    """Why a transaction was cancelled: a reason for each of its actions."""
    answer: Any = error.response  # the type stubs do not know the reasons
    reasons: list[Mapping[str, Any]] = answer.get("CancellationReasons", [{}])
    return reasons


def _is_temporary(error: ClientError) -> bool:
    # An action that did not cause the cancellation has the code "None".
    codes = {error.response["Error"]["Code"], *(reason.get("Code") for reason in reasons_of(error))}
    return bool(codes & _TEMPORARY) and "ConditionalCheckFailed" not in codes


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
