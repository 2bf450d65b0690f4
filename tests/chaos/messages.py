"""Builds the messages that S3, an EventBridge rule and SNS send for a change."""

import json
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote_plus


class EventType(NamedTuple):
    """The names of an event: S3's, EventBridge's, and EventBridge's reason and type of a deletion."""

    s3_name: str
    eventbridge_name: str
    reason: str = ""
    deletion_type: str = ""


_EXPIRED = "Lifecycle Expiration"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
PUT = EventType("ObjectCreated:Put", "Object Created")
DELETED = EventType("ObjectRemoved:Delete", "Object Deleted", "DeleteObject", "Permanently Deleted")
MARKED = EventType(
    "ObjectRemoved:DeleteMarkerCreated", "Object Deleted", "DeleteObject", "Delete Marker Created"
)
EXPIRED = EventType("LifecycleExpiration:Delete", "Object Deleted", _EXPIRED, "Permanently Deleted")
EXPIRY_MARKED = EventType(
    "LifecycleExpiration:DeleteMarkerCreated", "Object Deleted", _EXPIRED, "Delete Marker Created"
)


def event_type_of(kind: str, *, by_lifecycle: bool, versioned: bool) -> EventType:
    """Returns the event for an object that is created, or removed by someone or by a lifecycle rule."""
    if kind == "created":
        return PUT
    if by_lifecycle:
        return EXPIRY_MARKED if versioned else EXPIRED
    return MARKED if versioned else DELETED


def message_body(
    event_type: EventType,
    key: str,
    message_format: str,
    *,
    event_time: float,
    version: str | None,
    number: int,
) -> str:
    """Returns the message of an event, as S3, an EventBridge rule or SNS sends it (`message_format`).

    `event_time` is unix seconds by S3's clock. EventBridge drops the fraction of a second.
    """
    time = datetime.fromtimestamp(event_time, UTC)
    entity: dict[str, str] = {"sequencer": f"{number:016X}"}
    if message_format == "eventbridge":
        entity |= {"key": key} | ({"version-id": version} if version else {})
        detail: dict[str, object] = {"bucket": {"name": "origin"}, "object": entity}
        if event_type.reason:
            detail |= {"reason": event_type.reason, "deletion-type": event_type.deletion_type}
        fields = {
            "source": "aws.s3",
            "detail-type": event_type.eventbridge_name,
            "time": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "detail": detail,
        }
        return json.dumps(fields)
    entity |= {"key": quote_plus(key, safe="/")} | ({"versionId": version} if version else {})
    record = {
        "eventSource": "aws:s3",
        "eventName": event_type.s3_name,
        "eventTime": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}Z",
        "s3": {"bucket": {"name": "origin"}, "object": entity},
    }
    body = json.dumps({"Records": [record]})
    return json.dumps({"Type": "Notification", "Message": body}) if message_format == "sns" else body
