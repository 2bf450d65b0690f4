"""Drains of a backlog: so many changes wait in the ledger, for a bucket of as many keys.

The table and the bucket are in a process of their own, so that the memory measured is the function's and that
of an emulated ImageKit. The quota is the default one. Each drain is a tick; its seconds are the clock's, and
the talk between the processes is in them.
"""

import contextlib
import io
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from types import SimpleNamespace
from typing import Any

from benchmarks.planner import split
from benchmarks.throughput.aws import BUCKET, Aws, Table
from local.imagekit import Bucket, Emulator, ImageKitServer, Settings
from purging.changes import ObjectChange
from purging.ledger import items
from purging.ledger.changesets import pack

TIMEOUT, MEMORY_MB = 120.0, 512
"""Of SubmitPurge, as template.yaml has them: seconds, and the default of MemorySize."""

_KEY = "private_throughput"
_BATCH = 1000
_MOST_DRAINS = 100


def measure(pending: int, roots: int = 1) -> Iterator[dict[str, Any]]:
    """A row for changes in the order of their keys, and one for changes in no order; each in a process of
    its own, whose peak is that row's. Every object is shown by as many URLs as there are `roots`."""
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for shuffled in (False, True):
            yield pool.submit(_measure, pending, roots, shuffled=shuffled).result()


class Backlog(Aws):
    """An AWS whose ledger has so many changes pending, in sets as full batches leave them."""

    def __init__(self, pending: int, *, shuffled: bool) -> None:
        keys, _unchanged = split(pending, 1.0)
        super().__init__(keys, _KEY)
        if shuffled:
            random.Random(1).shuffle(keys)
        at = datetime.now(UTC) - timedelta(hours=1)
        for start in range(0, pending, _BATCH):
            changes = [
                ObjectChange(
                    BUCKET, key, "created", at + timedelta(milliseconds=start + number), f"{start + number}"
                )
                for number, key in enumerate(keys[start : start + _BATCH])
            ]
            for set_id, blob in pack(changes, manual=False):
                self.table.partitions["pending"][set_id] = items.change_set(set_id, blob, manual=False)

    def call(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        """The answer of one operation of a service."""
        return getattr(self.client(service), operation)(**arguments)

    def page(self, *arguments: str, including: bool) -> list[dict[str, Any]]:
        """A page of a query."""
        return self.table.page(*arguments, including=including)

    def spent(self) -> dict[str, int]:
        """Requests until now, and change sets that are left."""
        return {
            "dynamodb_reads": self.table.reads,
            "dynamodb_writes": self.table.writes,
            "s3_listings": self.counts["ListObjectsV2"],
            "sets_left": len(self.table.partitions["pending"]),
        }


class _Manager(BaseManager):
    """Has the backlog in its process."""


_Manager.register("backlog", Backlog)


class _Remote(Table):
    """DynamoDB's client, of a table in another process."""

    def __init__(self, backlog: Any) -> None:
        super().__init__()
        self._backlog = backlog

    def __getattribute__(self, name: str) -> Any:
        if name in ("put_item", "delete_item", "update_item", "transact_write_items"):
            return lambda **arguments: self._backlog.call("dynamodb", name, arguments)
        return super().__getattribute__(name)

    def page(self, pk: str, first: str, last: str, *, including: bool) -> list[dict[str, Any]]:
        """As the table answers it."""
        found: list[dict[str, Any]] = self._backlog.page(pk, first, last, including=including)
        return found


def _measure(pending: int, roots: int, *, shuffled: bool) -> dict[str, Any]:
    emulator = Emulator(
        Settings(_KEY, quota=10**9, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6),
        origins={"demo": Bucket.parse(BUCKET)},
    )
    with _Manager() as manager, ImageKitServer(emulator) as api:
        backlog: Any = manager.backlog(pending, shuffled=shuffled)  # type: ignore[attr-defined] # registered
        before = backlog.spent()
        drains = list(_drains(backlog, api.url, roots))
        after = backlog.spent()
    return {
        "backlog": f"changes {'in no order' if shuffled else 'in the order of their keys'}",
        "pending": pending,
        "roots": roots,
        "drains": len(drains),
        "seconds_a_drain": round(sum(drains) / len(drains), 1),
        "longest_drain": round(max(drains), 1),
        "timeout": TIMEOUT,
        "peak_mb": round(_peak_megabytes()),
        "memory_mb": MEMORY_MB,
        **{name: after[name] - before[name] for name in after if name != "sets_left"},
        "imagekit_calls": len(emulator.state.purges.all()),
        "lost": after["sets_left"],
    }


def _drains(backlog: Any, api: str, roots: int) -> Iterator[float]:
    """The seconds of each drain, until nothing is left."""
    os.environ |= {
        "URL_MAP": f"{BUCKET}=https://ik.imagekit.io/demo",
        "PATH_TRANSFORMATIONS": " ".join(f"tr:w-{number}" for number in range(1, roots)),
        "LEDGER_TABLE": "ledger",
        "IMAGEKIT_SECRET_ARN": "secret",
        "IMAGEKIT_API_URL": api,
        "POWERTOOLS_SERVICE_NAME": "backlog",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageKitS3Purge",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "POWERTOOLS_METRICS_DISABLED": "1",
    }
    import submit_purge  # noqa: PLC0415 - Powertools reads the environment when it is imported

    submit_purge.boto3 = SimpleNamespace(client=lambda service, **_: _client(backlog, service))
    for number in range(_MOST_DRAINS):
        if not backlog.spent()["sets_left"]:
            return
        started = time.monotonic()
        context = SimpleNamespace(
            function_name="SubmitPurge",
            memory_limit_in_mb=MEMORY_MB,
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:SubmitPurge",
            aws_request_id=f"request-{number}",
            get_remaining_time_in_millis=lambda since=started: int(
                (since + TIMEOUT - time.monotonic()) * 1000
            ),
        )
        with contextlib.redirect_stdout(io.StringIO()):
            submit_purge.handler({"tick": True}, context)
        yield time.monotonic() - started


def _client(backlog: Any, service: str) -> Any:
    if service == "dynamodb":
        return _Remote(backlog)

    def operation(name: str) -> Any:
        return lambda **arguments: backlog.call(service, name, arguments)

    return SimpleNamespace(
        **{
            name: operation(name)
            for name in ("list_objects_v2", "get_secret_value", "start_execution", "publish")
        },
        exceptions=SimpleNamespace(ExecutionAlreadyExists=KeyError),
    )


def _peak_megabytes() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
