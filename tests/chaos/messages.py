"""The messages that S3, an EventBridge rule and SNS make of a change."""

import json
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote_plus


class Told(NamedTuple):
    """What a message tells: S3's name of the event; EventBridge's of it; and why and how, of a deletion."""

    event: str
    detail: str
    reason: str = ""
    deletion: str = ""


_EXPIRED = "Lifecycle Expiration"
# Amazon S3 user guide, "Supported event types" and "EventBridge event message structure".
PUT = Told("ObjectCreated:Put", "Object Created")
DELETED = Told("ObjectRemoved:Delete", "Object Deleted", "DeleteObject", "Permanently Deleted")
MARKED = Told("ObjectRemoved:DeleteMarkerCreated", "Object Deleted", "DeleteObject", "Delete Marker Created")
EXPIRED = Told("LifecycleExpiration:Delete", "Object Deleted", _EXPIRED, "Permanently Deleted")
EXPIRY_MARKED = Told(
    "LifecycleExpiration:DeleteMarkerCreated", "Object Deleted", _EXPIRED, "Delete Marker Created"
)


def told_of(kind: str, *, by_lifecycle: bool, versioned: bool) -> Told:
    """What is told of an object that is created or removed: by someone or by a lifecycle rule."""
    if kind == "created":
        return PUT
    if by_lifecycle:
        return EXPIRY_MARKED if versioned else EXPIRED
    return MARKED if versioned else DELETED


def body_of(told: Told, key: str, shape: str, *, seen: float, version: str | None, number: int) -> str:
    """The message of what S3's clock has `seen` (unix seconds), by its `shape`: from S3, from an EventBridge
    rule (to the second), or through SNS."""
    time = datetime.fromtimestamp(seen, UTC)
    entity: dict[str, str] = {"sequencer": f"{number:016X}"}
    if shape == "eventbridge":
        entity |= {"key": key} | ({"version-id": version} if version else {})
        detail: dict[str, object] = {"bucket": {"name": "origin"}, "object": entity}
        if told.reason:
            detail |= {"reason": told.reason, "deletion-type": told.deletion}
        fields = {
            "source": "aws.s3",
            "detail-type": told.detail,
            "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "detail": detail,
        }
        return json.dumps(fields)
    entity |= {"key": quote_plus(key, safe="/")} | ({"versionId": version} if version else {})
    record = {
        "eventSource": "aws:s3",
        "eventName": told.event,
        "eventTime": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z",
        "s3": {"bucket": {"name": "origin"}, "object": entity},
    }
    body = json.dumps({"Records": [record]})
    return json.dumps({"Type": "Notification", "Message": body}) if shape == "sns" else body
