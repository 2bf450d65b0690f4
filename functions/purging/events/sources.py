"""Reads the object changes in events of every source.

Sources: S3 notifications (direct, in SQS, in SNS, in SNS in SQS), EventBridge events of S3 (direct and in
SQS), and the tick, which holds no change. `manual.py` reads manual purges.

An event is opened step by step: a message holds the text of an event, an event holds records, a record holds
one change. Each step fails by itself: one bad record does not affect the others.
"""

import json
from typing import Any, NamedTuple

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


class _Message(NamedTuple):
    """A message whose `text` holds an event."""

    text: object
    depth: int


class _Event(NamedTuple):
    """An event, inside of `depth` messages."""

    value: object
    depth: int


class _Record(NamedTuple):
    """One record of an event."""

    value: object
    depth: int


_Part = _Message | _Event | _Record


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
    changes: list[ObjectChange] = []
    problems: list[MalformedEvent] = []
    # The last part is opened first: changes come out in the order of the event.
    unopened: list[_Part] = [_Event(event, depth=0)]
    while unopened:
        try:
            found = _open(unopened.pop())
        except MalformedEvent as problem:
            problems.append(problem)
        else:
            if isinstance(found, ObjectChange):
                changes.append(found)
            else:
                unopened += reversed(found)
    return changes, problems


def _open(part: _Part) -> ObjectChange | list[_Part]:
    """Return what a part holds: its change, or smaller parts. Raises MalformedEvent."""
    match part:
        case _Message(text, depth):
            return [_Event(_json(text), depth + 1)]
        case _Event(value, depth):
            return _parts_of_event(value, depth)
        case _Record(value, depth):
            return _open_record(as_object(value, "a record"), depth)


def _json(text: object) -> object:
    if not isinstance(text, str):
        raise MalformedEvent(f"a message body must be text that holds JSON, not {shown(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"a message body is not JSON ({error}): {shown(text)}") from error


def _parts_of_event(event: object, depth: int) -> list[_Part]:
    if depth > _MAX_DEPTH:
        raise MalformedEvent(f"an event nested more than {_MAX_DEPTH} deep: send the S3 event itself")
    fields = as_object(event, "an event")
    if fields.get("tick") is True or fields.get("Event") == "s3:TestEvent":
        return []
    if fields.get("Type") == "Notification" and "Message" in fields:
        return [_Message(fields["Message"], depth)]
    if "Records" in fields:
        return [_Record(record, depth) for record in list_of(fields, "Records")]
    if "detail-type" in fields:
        return [_Record(event, depth)]
    if is_manual(fields):
        raise _manual_in_a_message(fields)
    raise MalformedEvent(
        f"no S3, SQS, SNS or EventBridge event and no manual purge: {shown(event)}; see events/ for examples"
    )


def _open_record(record: dict[str, Any], depth: int) -> ObjectChange | list[_Part]:
    if record.get("eventSource") == "aws:sqs":
        return [_Message(record.get("body"), depth)]
    if record.get("EventSource") == "aws:sns":
        return [_Message(object_of(record, "Sns").get("Message"), depth)]
    return (_from_eventbridge(record) if "detail-type" in record else _from_notification(record)) or []


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
