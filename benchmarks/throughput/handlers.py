"""Changes a second through SubmitPurge, and through a handler that makes one HTTP call for each event.

Each row is measured in a process of its own, in which only the handler and the fakes of AWS are at work.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from operator import itemgetter
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import requests

from benchmarks.keys import split
from benchmarks.memory import peak_megabytes
from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY, Aws
from benchmarks.throughput.function import BATCH, ENDPOINT, MEMORY_MB, Event, SubmitPurge
from benchmarks.throughput.imagekit import emulated_imagekit
from purging.changes import parse
from purging.urls import UrlMap, encode

Row = dict[str, Any]


class _Spent(NamedTuple):
    """What the handler's process spent: processor seconds, and real seconds with the waits for ImageKit."""

    cpu: float
    real: float

    @classmethod
    def now(cls) -> "_Spent":
        """The readings of both clocks."""
        return cls(time.process_time(), time.perf_counter())


def measure(changes: int, share: float, calls: int, runs: int) -> Iterator[Row]:
    """Two rows for SubmitPurge: changes in many folders, and folders that change as a whole. Then two for the
    other handler: with a connection for each call, and with one for all calls.

    `changes` objects change, in many folders a `share` of the bucket's objects. The other handler gets
    `calls` of the same events. Of so many `runs` of a row, the fastest counts.
    """
    many = partial(_submit_purge, "many folders", changes, share)
    whole = partial(_submit_purge, "a folder a batch", changes, 1.0)
    others = [partial(_one_call_each, calls, changes, share, keep_alive=kept) for kept in (False, True)]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
        # Round by round, so that a busy moment of the machine does not hit a single row.
        rounds = [[pool.submit(row).result() for row in (many, whole, *others)] for _ in range(runs)]
    rows = [min(each, key=itemgetter("real_seconds")) for each in zip(*rounds, strict=True)]
    ours = {"many_folders": rows[0], "a_folder_a_batch": rows[1]}
    yield from ours.values()
    for row in rows[2:]:
        yield row | {
            f"{workload}_faster_by_{clock}": round(each[speed] / row[speed], 1)
            for workload, each in ours.items()
            for clock, speed in (("cpu", "changes_per_cpu_second"), ("real", "changes_per_real_second"))
        }


def _submit_purge(workload: str, changes: int, share: float) -> Row:
    """A row for SubmitPurge, with its calls to AWS by service."""
    if workload == "many folders":
        changed, unchanged = _many_folders(changes, share)
    else:
        changed, unchanged = _whole_folders(changes), []
    with emulated_imagekit() as imagekit:
        aws = Aws([*changed, *unchanged])
        submit_purge = SubmitPurge(imagekit.url(), aws.call, MONTHLY_PURGE_QUOTA="100000000")
        submit_purge.invoke({"tick": True})  # the cold start is not measured
        before, fakes_before = aws.calls(), aws.seconds
        spent = _spent(submit_purge.take, changed, {"batchItemFailures": []})
        purged = imagekit.purged()
    after, thousands = aws.calls(), len(changed) / 1000
    calls = {name: round((after[name] - before[name]) / thousands, 1) for name in after}
    return {
        **_speed(f"SubmitPurge, {workload}", len(changed), spent),
        # For uploads to end. They are no part of the real time: they are as long for any number of changes.
        "seconds_waited": round(submit_purge.waited, 1),
        "real_share_of_aws_fakes": round((aws.seconds - fakes_before) / spent.real, 3),
        # More than the function's own memory: the fakes and the events count, too.
        "peak_mb": round(peak_megabytes()),
        "memory_mb": MEMORY_MB,
        "imagekit_calls_per_1000": round(len(purged) / thousands, 1),
        "aws_calls_per_1000": round(sum(calls.values()), 1),
        **{f"{name}_per_1000": calls[name] for name in calls},
        "sets_pending": aws.pending_sets(),
        "lost": _not_covered(changed, purged),
    }


def _one_call_each(calls: int, changes: int, share: float, *, keep_alive: bool) -> Row:
    """A row for a simple handler: with one connection for all calls, or with one for each."""
    url_map = UrlMap.parse(f"{BUCKET}={ENDPOINT}")
    changed, _unchanged = _many_folders(changes, share)
    post = requests.Session().post if keep_alive else requests.post
    with emulated_imagekit() as imagekit:
        api = imagekit.url()

        def handler(event: Event) -> None:
            for change in parse(event):
                for url in url_map.targets(change):
                    purge, login = {"url": f"{url}*"}, (PRIVATE_KEY, "")
                    answer = post(f"{api}/v1/files/purge", json=purge, auth=login, timeout=60)
                    answer.raise_for_status()

        spent = _spent(lambda events: [handler(event) for event in events], changed[:calls], None)
    name = f"one call an event, {'kept alive' if keep_alive else 'a connection each'}"
    return {**_speed(name, len(changed[:calls]), spent), "imagekit_calls_per_1000": 1000.0}


def _spent(take: Callable[[Iterable[Event]], list[Any]], keys: Sequence[str], expected: object) -> _Spent:
    """What it takes to handle the events of the keys, batch by batch. It is not counted how long it takes to
    make the events.

    Raises RuntimeError if an answer is not the expected one.
    """
    events = _Timed(_batches(keys))
    began = _Spent.now()
    answers = take(events)
    ended = _Spent.now()
    if wrong := [answer for answer in answers if answer != expected]:
        raise RuntimeError(f"the handler failed, so the numbers would mean nothing: {wrong[0]}")
    return _Spent(ended.cpu - began.cpu - events.spent.cpu, ended.real - began.real - events.spent.real)


class _Timed:
    """An iterator over events, with what it `spent` to make them."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.spent = _Spent(0.0, 0.0)

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        began = _Spent.now()
        try:
            return next(self._events)
        finally:
            ended = _Spent.now()
            self.spent = _Spent(
                self.spent.cpu + ended.cpu - began.cpu, self.spent.real + ended.real - began.real
            )


def _speed(handler: str, changes: int, spent: _Spent) -> Row:
    return {
        "handler": handler,
        "changes": changes,
        "cpu_seconds": round(spent.cpu, 3),
        "real_seconds": round(spent.real, 3),
        "changes_per_cpu_second": round(changes / spent.cpu),
        "changes_per_real_second": round(changes / spent.real),
    }


def _many_folders(changes: int, share: float) -> tuple[list[str], list[str]]:
    """(changed, unchanged) keys of a catalogue, whose folders do not begin and end with the batches."""
    changed, unchanged = split(round(changes / share), share)
    return changed[:changes], unchanged


def _whole_folders(changes: int) -> list[str]:
    """Keys of folders that have as many objects as a batch has messages."""
    return [f"exports/{number // BATCH:04}/{number % BATCH:04}.webp" for number in range(changes)]


def _batches(keys: Sequence[str]) -> Iterator[Event]:
    """The events of the keys, in batches as the event source mapping delivers them."""
    at = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    for start in range(0, len(keys), BATCH):
        yield {
            "Records": [
                {
                    "eventSource": "aws:sqs",
                    "messageId": f"{number}",
                    "receiptHandle": "handle",
                    "body": json.dumps({"Records": [_record(key, number, at)]}),
                }
                for number, key in enumerate(keys[start : start + BATCH], start)
            ]
        }


def _record(key: str, number: int, at: str) -> dict[str, Any]:
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": at,
        "s3": {
            "bucket": {"name": BUCKET},
            "object": {"key": quote_plus(key, safe="/"), "size": 1024, "sequencer": f"{number:016X}"},
        },
    }


def _not_covered(keys: Sequence[str], purged: Sequence[str]) -> int:
    """How many changed objects no accepted purge covers."""
    prefixes = {url.removesuffix("*") for url in purged}
    lengths = sorted({len(prefix) for prefix in prefixes})
    urls = (f"{ENDPOINT}/{encode(key)}" for key in keys)
    return sum(not any(url[:length] in prefixes for length in lengths) for url in urls)
