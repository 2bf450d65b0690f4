"""Changes a second through the real SubmitPurge, beside a handler that makes one HTTP call an event.

Both get the same S3 events, in full batches of the queue, and call the same emulated ImageKit on a socket,
with its rate limits off. The rest of AWS answers from memory. The changes are a catalogue that is exported
anew, in the order of its keys; of an hour ago, so that nothing is waited for. Seconds are the processor's, of
handler and emulated ImageKit together: on an idle machine the clock's, as neither waits for anything else.
"""

import argparse
import contextlib
import io
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import requests

from benchmarks.planner import split
from benchmarks.throughput import backlog
from benchmarks.throughput.aws import BUCKET, Aws
from local.imagekit import Bucket, Emulator, ImageKitServer, Settings

BATCH = 1000
"""Messages in a full batch, as template.yaml asks for."""

MEMORY_MB = 512
"""MemorySize of the functions in template.yaml."""

ENDPOINT = "https://ik.imagekit.io/demo"
_KEY = "private_throughput"


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 if no change was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--changes", type=int, default=50_000)
    parser.add_argument("--share", type=float, default=1.0, help="of the bucket's objects that change (1)")
    parser.add_argument("--calls", type=int, default=2_000, help="events for the one-call handler (2000)")
    parser.add_argument(
        "--stack", action="store_true", help="real S3 puts through the embedded stack instead"
    )
    parser.add_argument(
        "--backlog", type=int, help="drains of so many pending changes, for a bucket of as many keys, instead"
    )
    parser.add_argument("--roots", type=int, default=1, help="URLs that show an object, with --backlog (1)")
    parser.add_argument("--puts", type=int, default=5_000, help="objects put with --stack (5000)")
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the table")
    options = parser.parse_args(arguments)
    if options.stack:
        from benchmarks.throughput.embedded_stack import measure  # noqa: PLC0415 - it needs the SAM CLI

        rows = [measure(options.puts)]
    elif options.backlog:
        rows = list(backlog.measure(options.backlog, options.roots))
    else:
        rows = _measured(options.changes, options.share, options.calls)
    for row in rows:
        print(json.dumps(row) if options.json else _told(row), flush=True)
    return 0 if all(row.get("lost", 0) == 0 for row in rows) else 1


def _measured(changes: int, share: float, calls: int) -> list[dict[str, Any]]:
    changed, unchanged = split(round(changes / share), share)
    changed = changed[:changes]
    emulator = Emulator(
        Settings(_KEY, quota=10**9, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6),
        origins={"demo": Bucket.parse(BUCKET)},
    )
    with ImageKitServer(emulator) as server:
        ours = _ours(changed, server.url, Aws([*changed, *unchanged], _KEY), emulator)
        theirs = [_one_call_each(changed[:calls], server.url, keep_alive=kept) for kept in (False, True)]
    for row in theirs:
        row["ours_is_faster_by"] = round(ours["changes_per_second"] / row["changes_per_second"], 1)
    return [ours, *theirs]


def _ours(keys: list[str], api: str, amazon: Aws, emulator: Emulator) -> dict[str, Any]:
    os.environ |= {
        "URL_MAP": f"{BUCKET}={ENDPOINT}",
        "LEDGER_TABLE": "ledger",
        "IMAGEKIT_SECRET_ARN": "secret",
        "IMAGEKIT_API_URL": api,
        "MONTHLY_PURGE_QUOTA": "100000000",
        "POWERTOOLS_SERVICE_NAME": "imagekit-s3-purge",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageKitS3Purge",
        "POWERTOOLS_LOG_LEVEL": "WARNING",
        "POWERTOOLS_METRICS_DISABLED": "1",
    }
    import submit_purge  # noqa: PLC0415 - Powertools reads the environment when it is imported

    submit_purge.boto3 = amazon
    with contextlib.redirect_stdout(io.StringIO()):
        submit_purge.handler({"tick": True}, _context(-1))  # a cold start is not what is measured here
    batches = list(_batches(keys))
    seconds = 0.0
    for number, batch in enumerate(batches):
        started = time.process_time()
        # The metrics are written as in the Lambda, but not among the rows.
        with contextlib.redirect_stdout(io.StringIO()):
            answer = submit_purge.handler(batch, _context(number))
        seconds += time.process_time() - started
        assert answer == {"batchItemFailures": []}, answer  # noqa: S101 - else the numbers mean nothing
    purged = [purge.url for purge in emulator.state.purges.all()]
    thousands = len(keys) / 1000
    return {
        "handler": "SubmitPurge",
        "changes": len(keys),
        "seconds": round(seconds, 3),
        "changes_per_second": round(len(keys) / seconds),
        "peak_mb": round(_peak_megabytes()),
        "memory_mb": MEMORY_MB,
        "ledger_writes_per_1000": round(amazon.table.writes / thousands, 1),
        "ledger_items_per_1000": round(amazon.table.items_written / thousands, 1),
        "s3_listings_per_1000": round(amazon.counts["ListObjectsV2"] / thousands, 1),
        "imagekit_calls_per_1000": round(len(purged) / thousands, 1),
        "sets_pending": len(amazon.table.partitions["pending"]),
        "lost": _uncovered(keys, purged),
    }


def _one_call_each(keys: list[str], api: str, *, keep_alive: bool) -> dict[str, Any]:
    """The yardstick: as it is commonly written, with a connection a call; or at its best, with one."""
    from purging.changes import parse  # noqa: PLC0415 - after the environment is set, as above
    from purging.urls import UrlMap  # noqa: PLC0415 - after the environment is set, as above

    url_map = UrlMap.parse(f"{BUCKET}={ENDPOINT}")
    post = requests.Session().post if keep_alive else requests.post
    batches = list(_batches(keys))
    started = time.process_time()
    for batch in batches:
        for change in parse(batch):
            for url in url_map.targets(change):
                answer = post(f"{api}/v1/files/purge", json={"url": f"{url}*"}, auth=(_KEY, ""), timeout=60)
                answer.raise_for_status()
    seconds = time.process_time() - started
    return {
        "handler": f"one call an event, {'kept alive' if keep_alive else 'a connection each'}",
        "changes": len(keys),
        "seconds": round(seconds, 3),
        "changes_per_second": round(len(keys) / seconds),
        "imagekit_calls_per_1000": 1000.0,
    }


def _batches(keys: list[str]) -> Iterator[dict[str, Any]]:
    """The keys' events, as the event source mapping hands them over."""
    at = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    for start in range(0, len(keys), BATCH):
        yield {
            "Records": [
                {
                    "eventSource": "aws:sqs",
                    "messageId": f"{start + number}",
                    "receiptHandle": "handle",
                    "body": json.dumps({"Records": [_record(key, start + number, at)]}),
                }
                for number, key in enumerate(keys[start : start + BATCH])
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


def _context(number: int) -> Any:
    dies_at = time.monotonic() + 120
    return SimpleNamespace(
        function_name="SubmitPurge",
        memory_limit_in_mb=MEMORY_MB,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:SubmitPurge",
        aws_request_id=f"request-{number}",
        get_remaining_time_in_millis=lambda: int((dies_at - time.monotonic()) * 1000),
    )


def _uncovered(keys: list[str], purged: list[str]) -> int:
    """Changed objects that no accepted purge covers."""
    prefixes = {url.removesuffix("*") for url in purged}
    lengths = sorted({len(prefix) for prefix in prefixes})

    def covered(url: str) -> bool:
        return any(url[:length] in prefixes for length in lengths)

    from purging.urls import encode  # noqa: PLC0415 - after the environment is set, as above

    return sum(not covered(f"{ENDPOINT}/{encode(key)}") for key in keys)


def _peak_megabytes() -> float:
    """The most memory this process ever had: emulators and events in it, so more than the function's."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _told(row: dict[str, Any]) -> str:
    return "\n".join(
        f"{name.replace('_', ' '):<26}{value:>14,}" if not isinstance(value, str) else f"\n{value}"
        for name, value in row.items()
    )


if __name__ == "__main__":
    sys.exit(main())
