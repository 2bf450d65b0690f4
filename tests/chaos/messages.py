"""The messages that S3, an EventBridge rule and SNS make of a change."""

import json
from datetime import UTC, datetime
from urllib.parse import quote_plus

from tests.chaos.schedule import Step


def body_of(step: Step, seen: float, version: str | None, number: int) -> str:
    """The message of a change that S3's clock has `seen` (unix seconds): from S3, from
    an EventBridge rule (to the second), or through SNS."""
    time = datetime.fromtimestamp(seen, UTC)
    entity: dict[str, str] = {"sequencer": f"{number:016X}"}
    if step.shape == "eventbridge":
        entity |= {"key": step.key} | ({"version-id": version} if version else {})
        kind = "Object Created" if step.kind == "created" else "Object Deleted"
        detail = {"bucket": {"name": "origin"}, "object": entity}
        fields = {
            "source": "aws.s3",
            "detail-type": kind,
            "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "detail": detail,
        }
        return json.dumps(fields)
    entity |= {"key": quote_plus(step.key, safe="/")} | ({"versionId": version} if version else {})
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put" if step.kind == "created" else "ObjectRemoved:Delete",
        "eventTime": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z",
        "s3": {"bucket": {"name": "origin"}, "object": entity},
    }
    body = json.dumps({"Records": [record]})
    return json.dumps({"Type": "Notification", "Message": body}) if step.shape == "sns" else body
