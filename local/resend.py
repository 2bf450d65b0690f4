"""Sends changes again that nobody knows of any more: what a bucket's listing says changed since a time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

# Bytes: SQS takes 256 KiB a message in every region, and the envelope needs some.
_MESSAGE = 200_000


def resend(
    bucket: str,
    *,
    queue: str,
    since: str,
    prefix: str = "",
    profile: str | None = None,
    region: str | None = None,
    dry_run: bool = False,
) -> str:
    """Put an S3 event for each object changed `since` into the change queue; what was done, in a sentence.

    `since` is ISO 8601, UTC if it names no offset. Deletions are seen where the bucket keeps versions. The
    events are of now: of a multipart upload, the listing tells only when it began.

    Raises BadInput if the time, the bucket, the queue or the credentials do not allow it.
    """
    start = _time(since)
    session = boto3.Session(profile_name=profile, region_name=region)
    try:
        s3: S3Client = session.client("s3")
        sqs: SQSClient = session.client("sqs")
        records = [_record(bucket, *found) for found in _changed(s3, bucket, prefix, start)]
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
    """(key, name of the event) of each object that was last written or deleted at `since` or later."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for kind, entries in (
            ("ObjectCreated:Put", page.get("Versions", [])),
            ("ObjectRemoved:DeleteMarkerCreated", page.get("DeleteMarkers", [])),
        ):
            for entry in entries:
                if entry["IsLatest"] and entry["LastModified"] >= since:
                    yield entry["Key"], kind


def _record(bucket: str, key: str, event: str) -> dict[str, Any]:
    # Without a version id, which would let an object with a single version pass for new: its older ones may
    # have expired by now, while the CDN still shows them.
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": event,
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key)}},
    }


def _messages(records: list[dict[str, Any]]) -> Iterator[str]:
    part: list[str] = []
    size = 0
    for record in records:
        text = json.dumps(record)
        if part and size + len(text) > _MESSAGE:
            yield _message(part)
            part, size = [], 0
        part.append(text)
        size += len(text) + 1
    if part:
        yield _message(part)


def _message(records: list[str]) -> str:
    return f'{{"Records": [{",".join(records)}]}}'
