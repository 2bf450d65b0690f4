"""Lone changes while an upload is under way, which fills the queue and the ledger."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from benchmarks.latency.figures import Row
from benchmarks.latency.objects import change, make_served, purge_of
from benchmarks.latency.waiting import awaited, idle
from local.demo.edge_client import EdgeClient
from local.observer import Accepted, Observer
from local.stack import Stack

RATE = 500
"""Objects a second."""

_RECORDS = 100
"""Records of a message. S3 sends one event a message, and the emulated S3 sends about 100 a second. With more
records a message, the upload reaches the functions at its own speed."""

_LONE = 3


class Upload(threading.Thread):
    """Sends the events of an upload to the queue. The objects themselves are not put."""

    def __init__(self, stack: Stack, objects: int) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._objects = objects
        self.sent = 0

    def run(self) -> None:
        started = time.time()
        for first in range(0, self._objects, _RECORDS):
            time.sleep(max(0.0, started + first / RATE - time.time()))
            numbers = range(first, min(first + _RECORDS, self._objects))
            body = {"Records": [_record(self._stack.bucket, number) for number in numbers]}
            self._stack.sqs.send_message(
                QueueUrl=self._stack.outputs["ChangeQueueUrl"], MessageBody=json.dumps(body)
            )
            self.sent += len(numbers)


def measure(stack: Stack, objects: int) -> Iterator[Row]:
    """A row for each lone change, and one for the upload."""
    keys = [f"beside/shop-{number}/hero.jpg" for number in range(_LONE)]
    observer = Observer(stack)
    with EdgeClient() as edge:
        make_served(stack, keys, edge)
    idle(stack)
    upload, started = Upload(stack, objects), time.time()
    upload.start()
    for number, key in enumerate(keys, 1):
        time.sleep(max(0.0, started + number / (_LONE + 1) * objects / RATE - time.time()))
        put_at, sent = time.time(), upload.sent
        change(stack, key)

        def accepted(url: str = stack.url(key), since: float = put_at) -> Accepted | None:
            return purge_of(url, observer.accepted(since), since)

        purge = awaited(accepted, "the purge of a lone change")
        yield {
            "what": f"lone change after {sent:,} objects of the upload",
            "put_to_accepted": round(purge.accepted_at - put_at, 2),
        }
    upload.join()
    sent_at = time.time()
    idle(stack)
    yield {
        "what": f"upload of {objects:,} objects",
        "seconds_of_sending": round(sent_at - started, 2),
        "then_idle_after": round(time.time() - sent_at, 2),
        "purges": len(observer.accepted(started)),
    }


def _record(bucket: str, number: int) -> dict[str, Any]:
    """A record of an S3 event:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            "object": {
                "key": f"import/photo-{number:06}.jpg",
                "size": 1,
                "sequencer": f"{time.time_ns():016X}",
            },
        },
    }
