"""Changes a second through SubmitPurge, and through a handler that makes one HTTP call for each event."""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import requests

from benchmarks.keys import split
from benchmarks.memory import peak_megabytes
from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY, Aws
from benchmarks.throughput.function import BATCH, ENDPOINT, MEMORY_MB, SubmitPurge, emulated_imagekit
from local.imagekit import ImageKitServer
from purging.changes import parse
from purging.urls import UrlMap, encode


def measure(changes: int, share: float, calls: int) -> list[dict[str, Any]]:
    """A row for SubmitPurge, and two for the other handler: with and without keep-alive.

    `changes` objects change, a `share` of the bucket's objects. The other handler gets `calls` events.
    """
    changed, unchanged = split(round(changes / share), share)
    changed = changed[:changes]
    emulator = emulated_imagekit()
    with ImageKitServer(emulator) as server:
        aws = Aws([*changed, *unchanged])
        submit_purge = SubmitPurge(server.url, aws.call, MONTHLY_PURGE_QUOTA="100000000")
        seconds = _seconds_of_batches(submit_purge, changed)
        purged = [purge.url for purge in emulator.state.purges.all()]
        ours = _row(aws, changed, purged, seconds)
        others = [_one_call_each(changed[:calls], server.url, keep_alive=kept) for kept in (False, True)]
    factor = ours["changes_per_second"]
    return [
        ours,
        *({**row, "ours_is_faster_by": round(factor / row["changes_per_second"], 1)} for row in others),
    ]


def _seconds_of_batches(submit_purge: SubmitPurge, keys: Sequence[str]) -> float:
    submit_purge.invoke({"tick": True})  # the cold start is not measured
    seconds = 0.0
    for batch in list(_batches(keys)):
        started = time.process_time()
        answer = submit_purge.invoke(batch)
        seconds += time.process_time() - started
        if answer != {"batchItemFailures": []}:
            raise RuntimeError(f"SubmitPurge failed, so the numbers would mean nothing: {answer}")
    return seconds


def _row(aws: Aws, keys: Sequence[str], purged: Sequence[str], seconds: float) -> dict[str, Any]:
    thousands = len(keys) / 1000
    calls = aws.calls()
    return {
        "handler": "SubmitPurge",
        "changes": len(keys),
        "seconds": round(seconds, 3),
        "changes_per_second": round(len(keys) / seconds),
        # More than the function's own memory: the fakes, the emulator and the events count, too.
        "peak_mb": round(peak_megabytes()),
        "memory_mb": MEMORY_MB,
        "ledger_writes_per_1000": round(calls["dynamodb_writes"] / thousands, 1),
        "ledger_items_per_1000": round(aws.table.items_written / thousands, 1),
        "s3_listings_per_1000": round(calls["s3_listings"] / thousands, 1),
        "imagekit_calls_per_1000": round(len(purged) / thousands, 1),
        "sets_pending": aws.pending_sets(),
        "lost": _not_covered(keys, purged),
    }


def _one_call_each(keys: Sequence[str], api: str, *, keep_alive: bool) -> dict[str, Any]:
    """A row for a simple handler: with a connection for each call, or with one for all calls."""
    url_map = UrlMap.parse(f"{BUCKET}={ENDPOINT}")
    post = requests.Session().post if keep_alive else requests.post
    batches = list(_batches(keys))
    started = time.process_time()
    for batch in batches:
        for change in parse(batch):
            for url in url_map.targets(change):
                purge, login = {"url": f"{url}*"}, (PRIVATE_KEY, "")
                answer = post(f"{api}/v1/files/purge", json=purge, auth=login, timeout=60)
                answer.raise_for_status()
    seconds = time.process_time() - started
    return {
        "handler": f"one call an event, {'kept alive' if keep_alive else 'a connection each'}",
        "changes": len(keys),
        "seconds": round(seconds, 3),
        "changes_per_second": round(len(keys) / seconds),
        "imagekit_calls_per_1000": 1000.0,
    }


def _batches(keys: Sequence[str]) -> Iterator[dict[str, Any]]:
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
            "object": {"key": quote_plus(key), "size": 1024, "sequencer": f"{number:016X}"},
        },
    }


def _not_covered(keys: Sequence[str], purged: Sequence[str]) -> int:
    """How many changed objects no accepted purge covers."""
    prefixes = {url.removesuffix("*") for url in purged}
    lengths = sorted({len(prefix) for prefix in prefixes})
    urls = (f"{ENDPOINT}/{encode(key)}" for key in keys)
    return sum(not any(url[:length] in prefixes for length in lengths) for url in urls)
