"""AWS in memory, which counts what each call costs."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from benchmarks.cost.units import read_units, write_units
from benchmarks.cost.usage import Usage
from benchmarks.throughput.aws import Aws
from purging.ledger.table import size_of

Calling = Callable[[str], AbstractContextManager[None]]
"""What a call runs in, so that its time passes. It gets the service, or `purge`, `status` or `cdn`."""


class MeteredAws(Aws):
    """One table and one bucket. `started` gets the input of each execution of TrackPurges."""

    def __init__(
        self,
        keys: Sequence[str],
        usage: Usage,
        calling: Calling,
        started: Callable[[str], None],
        *,
        versioned: bool,
    ) -> None:
        super().__init__(keys, versioned=versioned)
        self.usage = usage
        self._calling = calling
        self._started = started

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Answer one call, count it, and let its time pass."""
        with self._calling(service):
            if service == "dynamodb":
                return self._dynamodb(operation, request)
            self._count(service, operation, request)
            return super().call(service, operation, request)

    def _count(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        match service:
            case "s3":
                one = "one key" if request.get("Prefix") else "around changed keys"
                self.usage.add("s3_list", 1, f"{operation}, {one}")
            case "sqs":
                self.usage.add("sqs_request", 1, f"SubmitPurge: {operation}")
            case "sns":
                self.usage.add("sns_request", 1, "alerts")
            case "secretsmanager":
                self.usage.add("secret_call", 1, operation)
            case "stepfunctions":
                self._started(request["input"])

    def _dynamodb(self, operation: str, request: Mapping[str, Any]) -> Any:
        if operation == "Query":
            return self._query(request)
        actions = [action for each in request.get("TransactItems", ()) for action in each.values()]
        transaction = bool(actions)
        before = [self._size(action) for action in actions or [request]]
        try:
            return super().call("dynamodb", operation, request)
        finally:
            for action, size in zip(actions or [request], before, strict=True):
                units = write_units(max(size, self._size(action)), transaction=transaction)
                reason = f"{operation} {_kind(_key(action))}"
                self.usage.add("dynamodb_write_unit", units, reason)

    def _query(self, request: Mapping[str, Any]) -> Any:
        # A projection saves no units, so the size is that of the whole items.
        whole = self.table.handle(
            "Query", {name: value for name, value in request.items() if name != "ProjectionExpression"}
        )
        values = request["ExpressionAttributeValues"]
        part = " manual" if values[":last"]["S"] != "~" else ""
        only = " (ids only)" if "ProjectionExpression" in request else ""
        self.usage.add(
            "dynamodb_read_unit",
            read_units(sum(map(size_of, whole["Items"])), consistent=bool(request.get("ConsistentRead"))),
            f"Query {values[':pk']['S']}{part}{only}",
        )
        return super().call("dynamodb", "Query", request)

    def _size(self, action: Mapping[str, Any]) -> int:
        """The size of an action's item as the table has it now; 0 if there is none."""
        key = _key(action)
        item = self.table.item(key["pk"]["S"], key["sk"]["S"])
        return size_of(item) if item else 0


def _key(action: Mapping[str, Any]) -> Any:
    return action["Item"] if "Item" in action else action["Key"]


def _kind(key: Any) -> str:
    """What kind of item a key has, e.g. `state quota`."""
    pk, sk = key["pk"]["S"], key["sk"]["S"]
    return f"state {sk.partition('#')[0]}" if pk == "state" else str(pk)
