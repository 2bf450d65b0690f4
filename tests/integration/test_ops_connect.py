"""`python -m ops connect`: a bucket keeps its other notifications."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.s3.models import s3_backends

from local.errors import BadInput
from ops import __main__ as command
from ops import connect as module
from ops import connection_record
from ops.connection_record import Place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "holiday-photos"
ACCOUNT = "123456789012"
PLACE = Place(ACCOUNT, "us-east-1", "https://s3.amazonaws.com")
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
def s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    """An account with one bucket and the destinations of its notifications.

    moto stores EventBridge, but does not answer it, so what the command reads is completed.
    """
    monkeypatch.setattr(connection_record, "FOLDER", tmp_path / "connected")
    read = module._configuration

    def completed(client: "S3Client", bucket: str) -> dict[str, Any]:
        return read(client, bucket) | ({"EventBridgeConfiguration": {}} if _event_bridge() == {} else {})

    monkeypatch.setattr(module, "_configuration", completed)
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


def _notify(s3: "S3Client", configuration: dict[str, Any]) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=BUCKET,
        NotificationConfiguration=configuration,  # type: ignore[arg-type] # literals of the stubs' own
    )


def _event_bridge() -> Any:
    """Returns what moto stores about EventBridge but does not answer: {} if it is on."""
    kept: Any = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].notification_configuration
    return kept.event_bridge if kept else None


def _connect(*, dry_run: bool = False, bucket: str = BUCKET) -> str:
    return module.connect(bucket, profile=None, region="us-east-1", dry_run=dry_run)


def _undo(*, dry_run: bool = False) -> str:
    return module.disconnect(BUCKET, profile=None, region="us-east-1", dry_run=dry_run)


def _at_look(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Has somebody else `act` right before the command looks at the bucket for the given time."""
    read, looks = module._configuration, count(1)

    def look(client: "S3Client", bucket: str) -> dict[str, Any]:
        if next(looks) == number:
            act()
        return read(client, bucket)

    monkeypatch.setattr(module, "_configuration", look)


def test_other_notifications_stay_with_their_filters(s3: "S3Client") -> None:
    """S3 replaces the whole configuration, so the new one must contain queue, topic and function."""
    _notify(s3, OTHERS)
    before = _notifications(s3)
    said = _connect()
    assert _notifications(s3) == before
    assert before == OTHERS
    assert _event_bridge() == {}
    assert "3 other notification(s) stay" in said
    assert f"OriginBuckets={BUCKET}" in said


def test_a_dry_run_shows_the_difference_and_changes_nothing(s3: "S3Client") -> None:
    """One line is added, and the whole configuration stands around it. So does that of an undo."""
    _notify(s3, OTHERS)
    before = _notifications(s3)
    said = _connect(dry_run=True).splitlines()
    assert _notifications(s3) == before
    assert _event_bridge() is None
    assert [line for line in said if line.startswith(("+", "-"))] == [
        "--- before",
        "+++ after",
        '+  "EventBridgeConfiguration": {},',
    ]
    assert any('"raw/"' in line for line in said)
    _connect()
    assert '-  "EventBridgeConfiguration": {},' in _undo(dry_run=True).splitlines()
    assert _event_bridge() == {}


def test_undo_restores_what_was_there(s3: "S3Client") -> None:
    """Once: a second undo, and one of a bucket that was never connected, find nothing to do."""
    _notify(s3, OTHERS)
    assert "Nothing to do" in _undo()
    _connect()
    assert "3 other notification(s) stay" in _undo()
    assert _event_bridge() is None
    assert _notifications(s3) == OTHERS
    assert "Nothing to do" in _undo()


def test_undo_leaves_alone_what_connect_did_not_switch_on(s3: "S3Client") -> None:
    """EventBridge was on already, so other rules may rely on it."""
    _notify(s3, {"EventBridgeConfiguration": {}})
    assert "already" in _connect()
    with pytest.raises(BadInput, match="others may rely on it"):
        _undo()
    assert _event_bridge() == {}


def test_undo_refuses_after_another_change(s3: "S3Client") -> None:
    """The notifications are not what connect left. The message has the difference and what to do."""
    _connect()
    _notify(s3, {**OTHERS, "EventBridgeConfiguration": {}})
    with pytest.raises(BadInput, match=r"not what connect left.*by hand(?s:.*)\+.*thumbnails"):
        _undo()
    assert _event_bridge() == {}
    assert _notifications(s3) == OTHERS


@pytest.mark.parametrize("command", [_connect, _undo])
def test_a_change_between_reading_and_writing_stops_the_command(
    s3: "S3Client", monkeypatch: pytest.MonkeyPatch, command: Callable[[], str]
) -> None:
    """Otherwise the put would overwrite it. The command looks for a second time right before the put."""
    connected = command is _undo
    if connected:
        _connect()
    others = {**OTHERS, "EventBridgeConfiguration": {}} if connected else OTHERS
    _at_look(monkeypatch, 2, lambda: _notify(s3, others))
    with pytest.raises(BadInput, match=r"nothing was changed(?s:.*)\+.*thumbnails"):
        command()
    assert _notifications(s3) == OTHERS
    assert (_event_bridge() == {}) == connected


def test_a_change_right_after_the_put_is_reported(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 has no conditional write of notifications. The message shows what they were before."""
    _notify(s3, OTHERS)
    _at_look(monkeypatch, 3, lambda: _notify(s3, {"QueueConfigurations": OTHERS["QueueConfigurations"]}))
    with pytest.raises(BadInput, match=r"somebody else changed .*(?s:.*)before:(?s:.*)audit"):
        _connect()


@pytest.mark.usefixtures("s3")
def test_an_old_answer_after_the_put_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3's configurations are eventually consistent, and its lists have no order."""
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    topics = [{**OTHERS["TopicConfigurations"][0], "Id": name, "Events": events} for name in ("a", "b")]
    reverse = [{**topic, "Events": events[::-1]} for topic in reversed(topics)]
    answers = iter({"TopicConfigurations": each} for each in (topics, reverse, reverse))
    monkeypatch.setattr(module, "_configuration", lambda *_: {**next(answers)})
    assert "now" in _connect()


@pytest.mark.usefixtures("s3")
def test_a_record_that_cannot_be_written_or_read_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket is connected all the same, and undo does not guess."""
    monkeypatch.setattr(connection_record, "FOLDER", tmp_path / "file")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"is connected, but .* cannot be written"):
        _connect()
    with pytest.raises(BadInput, match="cannot be read"):
        _undo()
    assert _event_bridge() == {}


@pytest.mark.usefixtures("s3")
def test_undo_refuses_the_bucket_of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket of that name in another account, region or emulator was not connected by this folder. There,
    it can be connected beside the first one, and undone."""
    _connect()
    for other in (
        PLACE._replace(account="999999999999"),
        PLACE._replace(region="eu-central-1"),
        PLACE._replace(endpoint="http://127.0.0.1:4566"),
    ):
        with monkeypatch.context() as there:
            there.setattr(module, "_place", lambda *_, other=other: other)
            with pytest.raises(BadInput) as caught:
                _undo()
            assert f"switched EventBridge on in {PLACE}" in str(caught.value)
            assert f"lead to {other}, so nothing was changed" in str(caught.value)
            assert "--profile and --region" in str(caught.value)
    assert _event_bridge() == {}
    connection_record.write(BUCKET, PLACE._replace(account="999999999999"), {})
    assert "any more" in _undo()


@pytest.mark.usefixtures("s3")
def test_a_record_of_an_earlier_version_is_not_trusted(tmp_path: Path) -> None:
    """It does not say which account it is of. The message says how to go on by hand."""
    _connect()
    connection_record.forget(BUCKET, PLACE)
    (tmp_path / "connected" / f"{BUCKET}.json").write_text("{}")
    with pytest.raises(BadInput, match=r"earlier version of connect.*off by hand.*delete the file"):
        _undo()
    assert _event_bridge() == {}


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    "text",
    [
        "[]", "null", "7", "{}", '{"before": {}}', "not JSON", "\udcff",
        '{"account": "1", "region": "r", "endpoint": "e", "before": []}',
        '{"account": 1, "region": "r", "endpoint": "e", "before": {}}',
    ],
)  # fmt: skip
def test_a_record_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    """Somebody edited the file, or the disk was full. The line names the file."""
    _connect()
    (path,) = (tmp_path / "connected").glob("*/*/*")
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=r"holiday-photos\.json (cannot be read|is no record)"):
        _undo()
    assert _event_bridge() == {}


def test_once_connected_nothing_is_written(s3: "S3Client", monkeypatch: pytest.MonkeyPatch) -> None:
    """A set-up script can repeat the command."""
    _connect()
    monkeypatch.setattr(module, "_put", lambda *_: pytest.fail("nothing is to be written"))
    assert "already" in _connect()
    assert _notifications(s3) == {}


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
