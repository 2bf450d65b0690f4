"""Sends events for objects that changed while no events came. It finds them in the listing of the bucket."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# Bytes of records in a message, less than any limit that SQS ever had (256 KiB):
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_MESSAGE_BYTES = 200_000


def backfill(
    bucket: str,
    *,
    queue: str,
    since: str,
    prefix: str = "",
    profile: str | None = None,
    region: str | None = None,
    dry_run: bool = False,
) -> str:
    """Put an S3 event for each object that changed since a time into the change queue.

    `since` is an ISO 8601 time, in UTC if it has no offset. A listing shows deletions only if the bucket
    keeps versions. The events have the current time, because the listing of an object that a multipart
    upload made has the time at which the upload began
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html).

    Returns a sentence that says what was sent. Raises BadInput if the time, the bucket, the queue or the
    credentials cannot be used.
    """
    start = _time(since)
    session = boto3.Session(profile_name=profile, region_name=region)
    try:
        s3: S3Client = session.client("s3")
        sqs: SQSClient = session.client("sqs")
        records = [_record(bucket, key, event) for key, event in _changed(s3, bucket, prefix, start)]
        messages = list(_messages(records))
        if not dry_run:
            for body in messages:
                sqs.send_message(QueueUrl=queue, MessageBody=body)
    except ClientError as error:
        raise BadInput(f"{error.operation_name} on {bucket} or {queue}: {error.response['Error']}") from error
    except (BotoCoreError, ValueError) as error:
        raise BadInput(f"Bucket {bucket}: {error}") from error
    done = "would be sent" if dry_run else "sent"
    return f"{len(records)} objects changed since {start.isoformat()}: {done} in {len(messages)} messages."


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"--since {text!r} is no ISO 8601 time; give, e.g., 2026-11-22T10:00:00Z") from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def _changed(s3: "S3Client", bucket: str, prefix: str, since: datetime) -> Iterator[tuple[str, str]]:
    """Yields (key, name of the event) of each object that was last written or deleted at `since` or later."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for event, entries in (
            ("ObjectCreated:Put", page.get("Versions", [])),
            ("ObjectRemoved:DeleteMarkerCreated", page.get("DeleteMarkers", [])),
        ):
            for entry in entries:
                if entry["IsLatest"] and entry["LastModified"] >= since:
                    yield entry["Key"], event


def _record(bucket: str, key: str, event: str) -> dict[str, Any]:
    # The record has no version id. With one, SubmitPurge could take an object with a single version for a new
    # object, although its older versions expired and the CDN still shows one of them.
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": event,
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}},
    }


def _messages(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yields message bodies, each with as many records as fit into it."""
    batch: list[str] = []
    size = 0
    for record in records:
        text = json.dumps(record)
        if batch and size + len(text) > _MESSAGE_BYTES:
            yield _message(batch)
            batch, size = [], 0
        batch.append(text)
        size += len(text) + 1
    if batch:
        yield _message(batch)


def _message(records: list[str]) -> str:
    return f'{{"Records": [{",".join(records)}]}}'
