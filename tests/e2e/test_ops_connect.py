"""`python -m ops connect` with a bucket of the embedded stack that has notifications."""

import uuid
from pathlib import Path

import pytest

from local import environment
from local.stack import Stack
from ops import connection_record
from ops.connect import connect, disconnect


def test_a_connected_bucket_keeps_its_notifications(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic and its filter stay. A second run changes nothing. An undo leaves what was there before."""
    monkeypatch.setattr(connection_record, "FOLDER", tmp_path)
    for name, value in environment.aws(stack.endpoint, stack.certificate).items():
        monkeypatch.setenv(name, value)
    bucket = f"connected-{uuid.uuid4()}"
    stack.s3.create_bucket(Bucket=bucket)
    topic = stack.sns.create_topic(Name=bucket)["TopicArn"]
    other = {
        "Id": "audit",
        "TopicArn": topic,
        "Events": ["s3:ObjectRemoved:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}},
    }
    stack.s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"TopicConfigurations": [other]},  # type: ignore[list-item]
    )
    before = stack.s3.get_bucket_notification_configuration(Bucket=bucket)
    printed = connect(bucket, profile=None, region=None, dry_run=False)
    assert "1 other notification(s) stay as they are" in printed
    after = stack.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert after["EventBridgeConfiguration"] == {}
    assert [entry["TopicArn"] for entry in after["TopicConfigurations"]] == [topic]
    assert [*after["TopicConfigurations"][0]["Filter"]["Key"]["FilterRules"]] == [
        {"Name": "prefix", "Value": "raw/"}
    ]
    assert "already" in connect(bucket, profile=None, region=None, dry_run=False)
    assert "1 other notification(s) stay as they are" in disconnect(
        bucket, profile=None, region=None, dry_run=False
    )
    undone = stack.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert "EventBridgeConfiguration" not in undone
    assert undone["TopicConfigurations"] == before["TopicConfigurations"]
