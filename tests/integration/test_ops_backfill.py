"""`python -m ops backfill`: events for what a bucket's listing shows as changed."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from local.errors import BadInput
from ops import backfill as module
from ops.backfill import backfill
from purging import changes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "holiday-photos"
REGION = "us-east-1"
LONG_AGO = "2020-01-01T00:00:00"


@pytest.fixture
def s3() -> Iterator["S3Client"]:
    """An account with one bucket that keeps versions, and one queue."""
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def queue(s3: "S3Client") -> str:  # noqa: ARG001 - moto must be in force
    return boto3.client("sqs", region_name=REGION).create_queue(QueueName="changes")["QueueUrl"]


def _received(queue: str) -> list[dict[str, Any]]:
    sqs = boto3.client("sqs", region_name=REGION)
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def test_each_changed_object_has_one_event(s3: "S3Client", queue: str) -> None:
    """Written and deleted objects have one event each, which the functions understand."""
    for key in ("a b.jpg", "a b.jpg", "gone.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    s3.delete_object(Bucket=BUCKET, Key="gone.jpg")
    said = backfill(BUCKET, queue=queue, region=REGION, since=LONG_AGO)
    assert said == "2 objects changed since 2020-01-01T00:00:00+00:00: sent in 1 messages."
    (body,) = _received(queue)
    found, problems = changes.split(body)
    assert not problems
    assert sorted((change.key, change.kind) for change in found) == [
        ("a b.jpg", "created"),
        ("gone.jpg", "removed"),
    ]


def test_only_what_is_asked_for_is_sent(s3: "S3Client", queue: str) -> None:
    """It selects by prefix and time, and a dry run sends nothing."""
    for key in ("one/a.jpg", "two/a.jpg"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    assert backfill(BUCKET, queue=queue, region=REGION, since="9999-01-01").startswith("0 objects changed")
    said = backfill(BUCKET, queue=queue, region=REGION, since=LONG_AGO, prefix="two/", dry_run=True)
    assert said == "1 objects changed since 2020-01-01T00:00:00+00:00: would be sent in 1 messages."
    assert _received(queue) == []


def test_many_events_are_sent_in_several_messages(
    s3: "S3Client", queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No message is larger than SQS accepts, and no event is missing."""
    monkeypatch.setattr(module, "_MESSAGE_BYTES", 500)
    keys = {f"{number}.jpg" for number in range(5)}
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1")
    backfill(BUCKET, queue=queue, region=REGION, since=LONG_AGO)
    bodies = _received(queue)
    assert len(bodies) > 1
    assert all(len(json.dumps(body)) < 600 for body in bodies)
    assert {record["s3"]["object"]["key"] for body in bodies for record in body["Records"]} == keys


def test_a_bad_time_is_named_with_an_example() -> None:
    """The command checks it before it calls AWS."""
    with pytest.raises(BadInput, match=r"--since 'yesterday' is no ISO 8601 time; give, e.g., 20"):
        backfill(BUCKET, queue="https://queue", since="yesterday")


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_bad_input() -> None:
    """The message names the operation and the bucket."""
    since = f"{datetime.now(UTC):%Y-%m-%d}"
    with pytest.raises(BadInput, match="ListObjectVersions on no-such or"):
        backfill("no-such", queue="https://queue", since=since)
