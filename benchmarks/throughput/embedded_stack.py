"""Measures real S3 puts through the embedded stack: bucket, queue, mapping, function, ledger, ImageKit."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.observer import Observer
from local.options import Options
from local.session import session
from local.stack import Stack
from local.workspace import SHARED

_FAST = (
    "--write-rate",
    "100000",
    "--write-burst",
    "100000",
    "--read-rate",
    "100000",
    "--read-burst",
    "100000",
)
_PATIENCE = 900.0


def measure(puts: int) -> dict[str, Any]:
    """One row. Half of the puts create objects. The other half overwrite them, so that they need a purge."""
    options = Options(
        quota=10**6,
        parameters={"MonthlyPurgeQuota": "1000000", "VerifyFreshness": "false"},
        emulator=_FAST,
    )
    with session(options, private=SHARED / "throughput") as stack:
        observer = Observer(stack)
        keys = [f"load/{number // 100:03}/{number:06}.jpg" for number in range(puts // 2)]
        started = time.time()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: _put(stack, key), keys))
            rewritten = time.time()
            list(pool.map(lambda key: _put(stack, key), keys))
        put = time.time()
        while True:
            done, lost = observer.work().done, _lost(stack, keys, rewritten)
            # If S3 has not sent an event yet, the only sign of it is an object that no purge covers.
            if (done and not lost) or time.time() - put > _PATIENCE:
                break
            time.sleep(0.5)
        drained = time.time()
        return {
            "handler": "embedded stack",
            "changes": puts,
            "put_seconds": round(put - started, 1),
            "drained_seconds": round(drained - started, 1),
            "changes_per_second": round(puts / (drained - started)),
            "imagekit_calls": len(observer.accepted()),
            "dead_letters": _messages(stack, "ChangeDeadLettersUrl"),
            "left_in_queue": _messages(stack, "ChangeQueueUrl"),
            "most_at_once": _most_at_once(stack),
            "lost": lost,
        }


def _put(stack: Stack, key: str) -> None:
    stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"x")


def _lost(stack: Stack, keys: list[str], since: float) -> int:
    """How many objects no purge since a time (unix seconds) covers."""
    prefixes = {purge.url.removesuffix("*") for purge in Observer(stack).accepted(since)}
    return sum(not any(stack.url(key).startswith(prefix) for prefix in prefixes) for key in keys)


def _messages(stack: Stack, queue: str) -> int:
    """The messages in a queue, in flight or not."""
    found: Any = stack.sqs.get_queue_attributes(QueueUrl=stack.outputs[queue], AttributeNames=["All"])
    return sum(
        int(found["Attributes"][f"ApproximateNumberOfMessages{which}"])
        for which in ("", "NotVisible", "Delayed")
    )


def _most_at_once(stack: Stack) -> int:
    """The most invocations of SubmitPurge that ran at once, by START and END in its log."""
    pages = stack.cloudwatch_logs.get_paginator("filter_log_events").paginate(
        logGroupName=stack.log_group("SubmitPurge")
    )
    lines = [(event["timestamp"], event["message"]) for page in pages for event in page["events"]]
    alive = most = 0
    for _, text in sorted(lines, key=lambda line: line[0]):
        alive += text.startswith("START ") - text.startswith("END ")
        most = max(most, alive)
    return most
