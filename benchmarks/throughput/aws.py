"""AWS for the measurement of SubmitPurge: it answers at once, from memory, and counts the calls.

The time of AWS itself is not measured, and neither is that of boto3, which signs a call and reads its answer.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from local.fakes import dynamodb
from local.fakes.s3_listing import Bucket

BUCKET = "origin"
PRIVATE_KEY = "private_throughput"

Call = Callable[[str, str, Mapping[str, Any]], Any]
"""Answers a call: the service, the operation, and its parameters."""

_OPERATIONS = {
    "s3": ("list_objects_v2", "list_object_versions"),
    "secretsmanager": ("get_secret_value",),
    "sns": ("publish",),
    "sqs": ("change_message_visibility_batch", "delete_message_batch"),
    "stepfunctions": ("start_execution",),
}


class Aws:
    """One table, and one bucket with some keys. All other services keep nothing."""

    def __init__(self, keys: Sequence[str], *, versioned: bool = False) -> None:
        self.table = dynamodb.Table()
        self.bucket = Bucket(keys, versioned=versioned)
        self._calls: Counter[str] = Counter()
        self.seconds = 0.0
        """Real time of all calls. The clock of the processor would take longer than some of them."""

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Answer one call."""
        started = time.perf_counter()
        try:
            return self._answer(service, operation, request)
        finally:
            self.seconds += time.perf_counter() - started

    def _answer(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        if service == "dynamodb":
            return self.table.handle(operation, request)
        self._calls[service] += 1
        if service == "s3":
            return getattr(self.bucket, operation)(**request)
        return {"SecretString": PRIVATE_KEY} if service == "secretsmanager" else {}

    def calls(self) -> dict[str, int]:
        """The calls so far, by service. A transaction is one call."""
        table = self.table.calls
        services = ("sqs", "stepfunctions", "secretsmanager", "sns")
        return {
            "dynamodb_reads": table["Query"],
            "dynamodb_writes": table.total() - table["Query"],
            "s3_listings": self._calls["s3"],
            **{f"{service}_calls": self._calls[service] for service in services},
        }

    def pending_sets(self) -> int:
        """How many change sets are pending."""
        return self.table.count("pending")


def client(call: Call, service: str) -> Any:
    """boto3's client of a service. `call` answers its calls."""
    if service == "dynamodb":
        return dynamodb.Client(lambda operation, request: call(service, operation, request))

    def method(operation: str) -> Callable[..., Any]:
        return lambda **request: call(service, operation, request)

    return SimpleNamespace(
        **{operation: method(operation) for operation in _OPERATIONS[service]},
        exceptions=SimpleNamespace(ExecutionAlreadyExists=KeyError),
    )
