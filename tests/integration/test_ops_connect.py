"""`python -m ops connect`: a bucket keeps its other notifications."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.models import s3_backends

from local.errors import BadInput
from ops import __main__ as command
from ops.connect import connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "holiday-photos"
ACCOUNT = "123456789012"
OTHERS: dict[str, Any] = {
    "QueueConfigurations": [
        {
            "Id": "thumbnails",
            "QueueArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:thumbnails",
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}},
        }
    ],
    "TopicConfigurations": [
        {
            "Id": "audit",
            "TopicArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:audit",
            "Events": ["s3:ObjectRemoved:Delete"],
        }
    ],
    "LambdaFunctionConfigurations": [
        {
            "Id": "scan",
            "LambdaFunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:scan",
            "Events": ["s3:ObjectCreated:Put"],
            "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}},
        }
    ],
}


@pytest.fixture
def s3() -> Iterator["S3Client"]:
    """An account with one bucket and the destinations of its notifications."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        boto3.client("sqs", region_name="us-east-1").create_queue(QueueName="thumbnails")
        boto3.client("sns", region_name="us-east-1").create_topic(Name="audit")
        yield client


def _notifications(s3: "S3Client") -> dict[str, Any]:
    answer: dict[str, Any] = {**s3.get_bucket_notification_configuration(Bucket=BUCKET)}
    del answer["ResponseMetadata"]
    return answer


def _event_bridge() -> Any:
    """Returns what moto stores about EventBridge but does not answer: {} if it is on."""
    kept: Any = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].notification_configuration
    return kept.event_bridge if kept else None


def _connect(*, dry_run: bool = False, bucket: str = BUCKET) -> str:
    return connect(bucket, profile=None, region="us-east-1", dry_run=dry_run)


def test_other_notifications_stay_with_their_filters(s3: "S3Client") -> None:
    """S3 replaces the whole configuration, so the new one must contain queue, topic and function."""
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration=OTHERS,  # type: ignore[arg-type] # literals of the stubs' own
    )
    before = _notifications(s3)
    said = _connect()
    assert _notifications(s3) == before
    assert before == OTHERS
    assert _event_bridge() == {}
    assert "3 other notification(s) stay" in said
    assert f"OriginBuckets={BUCKET}" in said


def test_a_dry_run_shows_and_changes_nothing(s3: "S3Client") -> None:
    """It prints the complete configuration that it would write."""
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration=OTHERS,  # type: ignore[arg-type] # literals of the stubs' own
    )
    before = _notifications(s3)
    said = _connect(dry_run=True)
    assert _notifications(s3) == before
    assert _event_bridge() is None
    assert '"EventBridgeConfiguration": {}' in said
    assert '"raw/"' in said


@pytest.mark.usefixtures("s3")
def test_somebody_else_at_the_same_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 has no conditional write of notifications. The message shows what they were before."""
    answers = iter([OTHERS, {"QueueConfigurations": []}])
    monkeypatch.setattr("ops.connect._configuration", lambda *_: {**next(answers)})
    with pytest.raises(BadInput, match=r"somebody else changed .*(?s:.*)thumbnails"):
        _connect()


@pytest.mark.usefixtures("s3")
def test_once_connected_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set-up script can repeat the command. (moto does not answer what it stores about EventBridge.)"""
    monkeypatch.setattr("ops.connect._configuration", lambda *_: {"EventBridgeConfiguration": {}})
    assert "already" in _connect()
    assert _event_bridge() is None


@pytest.mark.usefixtures("s3")
def test_no_such_bucket_is_one_line_with_a_remedy() -> None:
    """The line names the bucket."""
    with pytest.raises(BadInput, match=r"^Bucket no-such: .* NoSuchBucket: there is no such bucket; check"):
        _connect(bucket="no-such")


def test_a_refusal_names_the_permissions_that_it_takes(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user can then request them."""
    assert _notifications(s3) == {}

    def denied(_self: object, operation: str, _arguments: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, operation)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", denied)
    with pytest.raises(BadInput, match="s3:GetBucketNotification and s3:PutBucketNotification"):
        _connect()


@pytest.mark.usefixtures("s3")
def test_the_command_line_exits_2_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is on standard error, without a stack trace. With a bucket that exists, it exits with 0."""
    monkeypatch.setattr("local.interruption.listen", lambda: None)
    monkeypatch.setattr("sys.argv", ["ops", "connect", "no-such", "--profile", "nobody"])
    assert command.main() == 2
    assert capsys.readouterr().err.splitlines() == [
        "Bucket no-such: The config profile (nobody) could not be found"
    ]
    monkeypatch.setattr("sys.argv", ["ops", "connect", BUCKET, "--region", "us-east-1", "--dry-run"])
    assert command.main() == 0
