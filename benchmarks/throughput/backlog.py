"""Drains of a backlog: many changes are pending in the ledger, and the bucket holds as many keys.

Table and bucket are in a process of their own, and so is the emulated ImageKit. So the measured memory is
that of the function. The quota is the default one. A tick starts each drain. Its seconds are real time, with
the calls between the processes.
"""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from typing import Any

from benchmarks.keys import split
from benchmarks.memory import peak_megabytes
from benchmarks.throughput.aws import BUCKET, Aws
from benchmarks.throughput.function import BATCH, MEMORY_MB, TIMEOUT, SubmitPurge
from benchmarks.throughput.imagekit import emulated_imagekit
from local.fakes import dynamodb
from purging.changes import ObjectChange
from purging.ledger.store import Ledger

_MOST_DRAINS = 100


def measure(pending: int, roots: int = 1) -> Iterator[dict[str, Any]]:
    """A row for changes in the order of their keys, and one for changes in no order.

    Each row is measured in a process of its own, so each has its own peak. `roots` is the number of URLs that
    show an object.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        for shuffled in (False, True):
            yield pool.submit(_measure, pending, roots, shuffled=shuffled).result()


class Backlog(Aws):
    """An AWS whose ledger has `pending` changes, in the sets of full batches."""

    def __init__(self, pending: int, *, shuffled: bool) -> None:
        keys, _unchanged = split(pending, 1.0)
        super().__init__(keys)
        if shuffled:
            random.Random(1).shuffle(keys)
        client: Any = dynamodb.Client(self.table.handle)
        ledger = Ledger("ledger", client)
        at = datetime.now(UTC) - timedelta(hours=1)
        changes = [
            ObjectChange(BUCKET, key, "created", at + timedelta(milliseconds=number), f"{number}")
            for number, key in enumerate(keys)
        ]
        for start in range(0, pending, BATCH):
            ledger.add(changes[start : start + BATCH])


class _Manager(BaseManager):
    """Has the backlog in its process."""


_Manager.register("backlog", Backlog)


def _measure(pending: int, roots: int, *, shuffled: bool) -> dict[str, Any]:
    with _Manager() as manager, emulated_imagekit() as imagekit:
        backlog: Any = manager.backlog(pending, shuffled=shuffled)  # type: ignore[attr-defined] # registered
        before = backlog.calls()
        transformations = " ".join(f"tr:w-{number}" for number in range(1, roots))
        submit_purge = SubmitPurge(imagekit.url(), backlog.call, PATH_TRANSFORMATIONS=transformations)
        drains = list(_drains(submit_purge, backlog))
        after, lost, purged = backlog.calls(), backlog.pending_sets(), imagekit.purged()
    return {
        "backlog": f"changes {'in no order' if shuffled else 'in the order of their keys'}",
        "pending": pending,
        "roots": roots,
        "drains": len(drains),
        "seconds_a_drain": round(sum(drains) / len(drains), 1),
        "longest_drain": round(max(drains), 1),
        "timeout": TIMEOUT,
        "peak_mb": round(peak_megabytes()),
        "memory_mb": MEMORY_MB,
        **{name: after[name] - before[name] for name in after},
        "imagekit_calls": len(purged),
        "lost": lost,
    }


def _drains(submit_purge: SubmitPurge, backlog: Any) -> Iterator[float]:
    """The seconds of each drain, until nothing is pending."""
    for _ in range(_MOST_DRAINS):
        if not backlog.pending_sets():
            return
        started = time.monotonic()
        submit_purge.invoke({"tick": True})
        yield time.monotonic() - started
