"""Any event shape to object changes.

Sources understood: S3 notifications (direct, in SQS, in SNS, in SNS in SQS), EventBridge events of S3
(direct and in SQS), and the tick, which holds no change. Manual purges are not: see `manual.py`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from purging.errors import MalformedEvent
from purging.events.fields import (
    MANUAL_FIELDS,
    as_object,
    key_of,
    list_of,
    object_of,
    optional_text_of,
    text_of,
    time_of,
)
from purging.events.model import Kind, ObjectChange
from purging.quoting import shown

# SQS holds SNS holds S3: nothing legitimate nests deeper.
_MAX_DEPTH = 3

_EVENTBRIDGE_KINDS: dict[str, Kind] = {"Object Created": "created", "Object Deleted": "removed"}
_NOTIFICATION_KINDS: dict[str, Kind] = {
    "ObjectCreated": "created",
    "ObjectRemoved": "removed",
    "LifecycleExpiration": "removed",
}
_EXPIRED_FOR_GOOD = ("Lifecycle Expiration", "Permanently Deleted")
"""`reason` and `deletion-type` of what the notification calls `LifecycleExpiration:Delete`."""


def parse(event: dict[str, Any]) -> list[ObjectChange]:
    """The changes of an event, in its order; none for a tick, an `s3:TestEvent` or an expired old version.

    Raises MalformedEvent, naming the value at fault, if any part of the event is no change.
    """
    changes, problems = split(event)
    if problems:
        raise problems[0]
    return changes


def split(event: object) -> tuple[list[ObjectChange], list[MalformedEvent]]:
    """Like `parse`, but one bad part spoils nothing else: (changes, what could not be understood)."""
    changes: list[ObjectChange] = []
    problems: list[MalformedEvent] = []
    for found in _walk(event, depth=0):
        if isinstance(found, MalformedEvent):
            problems.append(found)
        else:
            changes.append(found)
    return changes, problems


@dataclass(frozen=True, slots=True)
class _Nested:
    """An event in the text of another one."""

    text: object


def _walk(event: object, depth: int) -> Iterator[ObjectChange | MalformedEvent]:
    try:
        for part in _parts(event, depth):
            yield from _opened(part, depth)
    except MalformedEvent as problem:
        yield problem


def _parts(event: object, depth: int) -> list[object]:
    """What an envelope holds: raw changes, or further envelopes."""
    if depth > _MAX_DEPTH:
        raise MalformedEvent(f"an event nested more than {_MAX_DEPTH} deep: send the S3 event itself")
    fields = as_object(event, "an event")
    if fields.get("tick") is True or fields.get("Event") == "s3:TestEvent":
        return []
    if fields.get("Type") == "Notification" and "Message" in fields:
        return [_Nested(fields["Message"])]
    if "Records" in fields:
        return list_of(fields, "Records")
    if "detail-type" in fields:
        return [event]
    _refuse_manual(fields)
    raise MalformedEvent(
        f"no S3, SQS, SNS or EventBridge event and no manual purge: {shown(event)}; see events/ for examples"
    )


def _refuse_manual(fields: object) -> None:
    """A message that asks for a purge is delivered more than once, and nobody is there to read the answer."""
    if isinstance(fields, dict) and not MANUAL_FIELDS.isdisjoint(fields):
        raise MalformedEvent(
            f"a manual purge ({shown(fields)}) in a message or an event is not taken: invoke the function "
            "with it, as in `sam remote invoke SubmitPurge --event-file events/manual/keys.json`"
        )


def _opened(part: object, depth: int) -> Iterator[ObjectChange | MalformedEvent]:
    """One part of an envelope, on its own: what is wrong with it ends here."""
    try:
        if isinstance(part, _Nested):
            yield from _walk(_json(part.text), depth + 1)
        else:
            fields = as_object(part, "a record")
            if fields.get("eventSource") == "aws:sqs":
                yield from _opened(_Nested(fields.get("body")), depth)
            elif fields.get("EventSource") == "aws:sns":
                yield from _opened(_Nested(object_of(fields, "Sns").get("Message")), depth)
            elif "detail-type" in fields:
                yield from _from_eventbridge(fields)
            else:
                yield from _from_notification(fields)
    except MalformedEvent as problem:
        yield problem


def _json(text: object) -> object:
    if not isinstance(text, str):
        raise MalformedEvent(f"a message body must be text that holds JSON, not {shown(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"a message body is not JSON ({error}): {shown(text)}") from error


def _from_notification(record: dict[str, Any]) -> Iterator[ObjectChange]:
    """Amazon S3 user guide, "Event message structure": the key is form-encoded."""
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
    if not (family == "LifecycleExpiration" and action == "Delete" and _names_a_version(change)):
        yield change


def _names_a_version(change: ObjectChange) -> bool:
    """Whether the event is about one version of the object.

    A lifecycle rule deletes an old version for good, or a delete marker that hides nothing any more: no URL
    shows either. When the current version expires, a delete marker takes its place and has its own event
    (Amazon S3 user guide, "Configuring S3 Lifecycle event notifications", "Expiring objects"). `null` is the
    version of an object that was put while the bucket kept no versions: it counts as the object itself.
    """
    return change.version_id not in (None, "null")


def _from_eventbridge(event: dict[str, Any]) -> Iterator[ObjectChange]:
    """Amazon S3 user guide, "EventBridge event message structure": the key is verbatim."""
    detail_type = event["detail-type"]
    kind = _EVENTBRIDGE_KINDS.get(detail_type) if isinstance(detail_type, str) else None
    if kind is None or event.get("source") != "aws.s3":
        _refuse_manual(event.get("detail"))
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
    expired = (detail.get("reason"), detail.get("deletion-type")) == _EXPIRED_FOR_GOOD
    if not (kind == "removed" and expired and _names_a_version(change)):
        yield change
