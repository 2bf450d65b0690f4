"""Batches of the change queue, as the event source mapping hands them over."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from benchmarks.throughput.aws import BUCKET


def batch(puts: Sequence[tuple[float, str, str | None]], number: int) -> dict[str, Any]:
    """The event of a batch, with a message for each put: (unix seconds, key, version or None)."""
    return {"Records": [_message(put, f"{number:08x}-{position:04x}") for position, put in enumerate(puts)]}


def _message(put: tuple[float, str, str | None], id: str) -> dict[str, Any]:  # noqa: A002 - SQS's word
    at, key, version = put
    return {
        "messageId": f"{id}-0000-0000-000000000000",
        "receiptHandle": f"{id}{'A' * 300}",
        "body": json.dumps({"Records": [_record(at, key, version)]}, separators=(",", ":")),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": f"{at * 1000:.0f}",
            "SenderId": "AROAEXAMPLEID0123456:S3-PROD-END",
            "ApproximateFirstReceiveTimestamp": f"{at * 1000 + 2:.0f}",
        },
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:changes",
        "awsRegion": "us-east-1",
    }


def _record(at: float, key: str, version: str | None) -> dict[str, Any]:
    """S3's record, as events/s3/put.json has it."""
    moment = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    found = {"key": quote_plus(key, safe="/"), "size": 184213, "eTag": "0" * 32}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": moment,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:AROAEXAMPLEID0123456:cms-uploader"},
        "requestParameters": {"sourceIPAddress": "203.0.113.24"},
        "responseElements": {"x-amz-request-id": "2AABFE228F219E9C", "x-amz-id-2": "E" * 76},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "ImageKitPurge-created",
            "bucket": {
                "name": BUCKET,
                "ownerIdentity": {"principalId": "A3NL1EXAMPLE0"},
                "arn": f"arn:aws:s3:::{BUCKET}",
            },
            "object": found
            | ({"versionId": f"{version:_>32}"} if version else {})
            | {"sequencer": f"{int(at * 1e6):018X}"},
        },
    }
