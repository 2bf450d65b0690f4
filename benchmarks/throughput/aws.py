"""The AWS that the throughput is measured against: it answers at once, from memory, and counts what is asked.

Time that AWS would take is not ours to measure, and moto's DynamoDB copies the whole table for a transaction.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from purging.ledger.table import size_of

BUCKET = "origin"
PAGE_BYTES = 1_000_000
"""What a query answers at once (DynamoDB developer guide, "Quotas")."""

Item = dict[str, Any]


class ConditionalCheckFailedException(Exception):
    """The condition of a write does not hold."""


class Table:
    """As much of DynamoDB as the ledger uses while nothing goes wrong: its own few expressions."""

    exceptions = SimpleNamespace(
        ConditionalCheckFailedException=ConditionalCheckFailedException,
        TransactionCanceledException=ConditionalCheckFailedException,
    )

    def __init__(self) -> None:
        self.partitions: dict[str, dict[str, Item]] = {"pending": {}, "submitted": {}, "state": {}}
        self.writes = 0
        self.reads = 0
        self.items_written = 0

    def put_item(self, *, Item: Item, **_: Any) -> None:  # noqa: N803 - boto3's names, here and below
        """Any item."""
        self._wrote(1)
        self.partitions[Item["pk"]["S"]][Item["sk"]["S"]] = Item

    def delete_item(self, *, Key: Item, **_: Any) -> None:  # noqa: N803
        """Any item, whatever the condition."""
        self._wrote(1)
        self.partitions[Key["pk"]["S"]].pop(Key["sk"]["S"], None)

    def update_item(self, *, Key: Item, ExpressionAttributeValues: Item, **_: Any) -> None:  # noqa: N803
        """The lease, which is taken if it is there; or a count, of which there is always enough."""
        self._wrote(1)
        state, name = self.partitions["state"], Key["sk"]["S"]
        if name == "lease":
            if name in state:
                raise ConditionalCheckFailedException
            state[name] = Key
        else:
            used = int(state.get(name, {"used": {"N": "0"}})["used"]["N"])
            used += int(ExpressionAttributeValues[":count"]["N"])
            state[name] = {**Key, "used": {"N": str(used)}}

    def transact_write_items(self, *, TransactItems: list[dict[str, Item]]) -> None:  # noqa: N803
        """Any writes."""
        writes = self.writes + 1
        calls = {"Put": self.put_item, "Delete": self.delete_item, "Update": self.update_item}
        for action in TransactItems:
            ((kind, act),) = action.items()
            calls[kind](**act)
        self.writes = writes

    def get_paginator(self, _operation: str) -> Any:
        """That of `query`, the only one."""
        return SimpleNamespace(paginate=self._query)

    def _query(self, *, ExpressionAttributeValues: Item, **_: Any) -> Iterator[dict[str, list[Item]]]:  # noqa: N803
        pk, after, last = (ExpressionAttributeValues[name]["S"] for name in (":pk", ":first", ":last"))
        including = True
        while True:
            items = self.page(pk, after, last, including=including)
            yield {"Items": items}
            if not items:
                return
            after, including = items[-1]["sk"]["S"], False

    def page(self, pk: str, first: str, last: str, *, including: bool) -> list[Item]:
        """Up to 1 MB of items, from a sort key on, or behind it; none behind the last one."""
        self.reads += 1
        partition = self.partitions[pk]
        size, items = 0, []
        keys = sorted(partition)
        for sk in keys[bisect_left(keys, first) if including else bisect_right(keys, first) :]:
            size += size_of(partition[sk])
            if sk > last or (items and size > PAGE_BYTES):
                break
            items.append(partition[sk])
        return items

    def _wrote(self, items: int) -> None:
        self.writes += 1
        self.items_written += items


class Aws:
    """`client(service)` as boto3 has it; `counts` says how often each other operation was called."""

    def __init__(self, keys: list[str], private_key: str) -> None:
        self._keys = sorted(keys)
        self._private_key = private_key
        self.table = Table()
        self.counts: Counter[str] = Counter()

    def client(self, service: str, **_options: Any) -> Any:
        """The client of a service that SubmitPurge uses."""
        if service == "dynamodb":
            return self.table
        return SimpleNamespace(
            publish=lambda **_: self.counts.update(["Publish"]),
            list_objects_v2=self._list,
            get_secret_value=lambda **_: {"SecretString": self._private_key},
            delete_message_batch=lambda **_: self.counts.update(["DeleteMessageBatch"]) or {},
            change_message_visibility_batch=None,
            start_execution=lambda **_: self.counts.update(["StartExecution"]),
            exceptions=SimpleNamespace(ExecutionAlreadyExists=KeyError),
        )

    def _list(self, *, StartAfter: str, MaxKeys: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.counts.update(["ListObjectsV2"])
        start = bisect_right(self._keys, StartAfter)
        page = self._keys[start : start + MaxKeys]
        return {
            "Contents": [{"Key": key} for key in page],
            "IsTruncated": start + MaxKeys < len(self._keys),
        }
