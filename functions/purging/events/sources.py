"""Reads the object changes in events of every source.

Sources: S3 notifications (direct, in SQS, in SNS, in SNS in SQS), EventBridge events of S3 (direct and in
SQS), and the tick, which holds no change. `manual.py` reads manual purges.

A message holds the text of an event, an event holds records, and a record holds one change or a message. Each
part fails by itself: one bad record does not affect the others.
"""

import json
from typing import Any

from purging.errors import MalformedEvent
from purging.events.fields import (
    as_object,
    is_manual,
    key_of,
    list_of,
    object_of,
    optional_text_of,
    text_of,
    time_of,
)
from purging.events.model import Kind, ObjectChange
from purging.quoting import shown

# Messages around an event. AWS sends 2 at most: an SNS message in an SQS message.
_MAX_DEPTH = 3

_EVENTBRIDGE_KINDS: dict[str, Kind] = {"Object Created": "created", "Object Deleted": "removed"}
_NOTIFICATION_KINDS: dict[str, Kind] = {
    "ObjectCreated": "created",
    "ObjectRemoved": "removed",
    "LifecycleExpiration": "removed",
}
_EXPIRED_FOR_GOOD = ("Lifecycle Expiration", "Permanently Deleted")
"""`reason` and `deletion-type` of what the notification calls `LifecycleExpiration:Delete`."""

_Found = ObjectChange | MalformedEvent
"""What a part of an event holds: a change, or the reason why it cannot be read."""


def parse(event: dict[str, Any]) -> list[ObjectChange]:
    """Return the changes of an event in its order: none for a tick, an `s3:TestEvent` or an expired old
    version.

    Raises MalformedEvent, which names the wrong value, if any part of the event is malformed.
    """
    changes, problems = split(event)
    if problems:
        raise problems[0]
    return changes


def split(event: object) -> tuple[list[ObjectChange], list[MalformedEvent]]:
    """Return the changes of an event, and an error for each malformed part of it. Raises nothing."""
    found = _in_event(event, 0)
    changes = [each for each in found if isinstance(each, ObjectChange)]
    problems = [each for each in found if isinstance(each, MalformedEvent)]
    return changes, problems


def _in_event(event: object, depth: int) -> list[_Found]:
    """What an event holds that lies inside of `depth` messages."""
    try:
        return _open_event(event, depth)
    except MalformedEvent as problem:
        return [problem]


def _open_event(event: object, depth: int) -> list[_Found]:
    if depth > _MAX_DEPTH:
        raise MalformedEvent(f"an event nested more than {_MAX_DEPTH} deep: send the S3 event itself")
    fields = as_object(event, "an event")
    if fields.get("tick") is True or fields.get("Event") == "s3:TestEvent":
        return []
    if fields.get("Type") == "Notification" and "Message" in fields:
        return _in_message(fields["Message"], depth)
    if "Records" in fields:
        return [each for record in list_of(fields, "Records") for each in _in_record(record, depth)]
    if "detail-type" in fields:
        return _in_record(fields, depth)
    if is_manual(fields):
        raise _manual_in_a_message(fields)
    raise MalformedEvent(
        f"no S3, SQS, SNS or EventBridge event and no manual purge: {shown(event)}; see events/ for examples"
    )


def _in_message(text: object, depth: int) -> list[_Found]:
    try:
        event = _json(text)
    except MalformedEvent as problem:
        return [problem]
    return _in_event(event, depth + 1)


def _json(text: object) -> object:
    if not isinstance(text, str):
        raise MalformedEvent(f"a message body must be text that holds JSON, not {shown(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"a message body is not JSON ({error}): {shown(text)}") from error


def _in_record(record: object, depth: int) -> list[_Found]:
    try:
        fields = as_object(record, "a record")
        if fields.get("eventSource") == "aws:sqs":
            return _in_message(fields.get("body"), depth)
        if fields.get("EventSource") == "aws:sns":
            return _in_message(object_of(fields, "Sns").get("Message"), depth)
        change = _from_eventbridge(fields) if "detail-type" in fields else _from_notification(fields)
    except MalformedEvent as problem:
        return [problem]
    return [change] if change else []


def _from_notification(record: dict[str, Any]) -> ObjectChange | None:
    """Return the change of a record, whose key is form-encoded; None if no URL shows the changed version.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    if record.get("eventSource") != "aws:s3":
        raise MalformedEvent(f"a record of an unknown source: {shown(record)}; see events/ for examples")
    name = text_of(record, "eventName")
    family, _, action = name.removeprefix("s3:").partition(":")
    kind = _NOTIFICATION_KINDS.get(family)
    if kind is None:
        raise MalformedEvent(
            f"S3 event {name!r} changes no object: notify only of {', '.join(_NOTIFICATION_KINDS)}"
        )
    s3 = object_of(record, "s3")
    entity = object_of(s3, "object")
    change = ObjectChange(
        bucket=text_of(object_of(s3, "bucket"), "name"),
        key=key_of(entity, form_encoded=True),
        kind=kind,
        occurred_at=time_of(record, "eventTime"),
        sequencer=optional_text_of(entity, "sequencer") or "",
        version_id=optional_text_of(entity, "versionId"),
    )
    expired = (family, action) == ("LifecycleExpiration", "Delete")
    return None if expired and _names_a_version(change) else change


def _from_eventbridge(event: dict[str, Any]) -> ObjectChange | None:
    """Return the change of an event, whose key is not encoded; None if no URL shows the changed version.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    detail_type = event["detail-type"]
    kind = _EVENTBRIDGE_KINDS.get(detail_type) if isinstance(detail_type, str) else None
    if kind is None or event.get("source") != "aws.s3":
        if is_manual(event.get("detail")):
            raise _manual_in_a_message(event.get("detail"))
        raise MalformedEvent(
            f"EventBridge event {shown(detail_type)} of source {shown(event.get('source'))} changes no "
            f"object: match source aws.s3 and {' or '.join(_EVENTBRIDGE_KINDS)}"
        )
    detail = object_of(event, "detail")
    entity = object_of(detail, "object")
    change = ObjectChange(
        bucket=text_of(object_of(detail, "bucket"), "name"),
        key=key_of(entity, form_encoded=False),
        kind=kind,
        occurred_at=time_of(event, "time"),
        sequencer=optional_text_of(entity, "sequencer") or "",
        version_id=optional_text_of(entity, "version-id"),
    )
    expired = kind == "removed" and (detail.get("reason"), detail.get("deletion-type")) == _EXPIRED_FOR_GOOD
    return None if expired and _names_a_version(change) else change


def _names_a_version(change: ObjectChange) -> bool:
    """Whether the event is about one version of the object.

    A lifecycle rule deletes an old version for good, or a delete marker under which no version remains: no
    URL shows either. When the current version expires, S3 puts a delete marker, which has its own event:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-configure-notification.html
    `null` is the version of an object that was put while the bucket kept no versions: it counts as the object
    itself.
    """
    return change.version_id not in (None, "null")


def _manual_in_a_message(fields: object) -> MalformedEvent:
    """The error for a manual purge in a message, which may come more than once and gets no answer."""
    return MalformedEvent(
        f"a manual purge ({shown(fields)}) cannot come in a message or an event: invoke the function "
        "with it, as in `sam remote invoke SubmitPurge --event-file events/manual/keys.json`"
    )
