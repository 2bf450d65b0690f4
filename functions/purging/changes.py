"""Any event shape to object changes.

Sources understood: S3 notifications (direct, in SQS, in SNS, in SNS in SQS), EventBridge events of S3
(direct and in SQS), manual purges by key, and the tick, which holds no change.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal
from urllib.parse import unquote_plus

from purging.errors import MalformedEvent

Kind = Literal["created", "removed"]

MAX_KEY_BYTES = 1024
"""The longest key S3 has, in bytes of UTF-8 (Amazon S3 user guide, "Creating object key names")."""

# A key of the longest, each byte of it percent-encoded.
_MAX_TEXT = 3 * MAX_KEY_BYTES

# SQS holds SNS holds S3: nothing legitimate nests deeper.
_MAX_DEPTH = 3

_EVENTBRIDGE_KINDS: dict[str, Kind] = {"Object Created": "created", "Object Deleted": "removed"}
_NOTIFICATION_KINDS: dict[str, Kind] = {
    "ObjectCreated": "created",
    "ObjectRemoved": "removed",
    "LifecycleExpiration": "removed",
}


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One S3 object created or removed.

    `key` is decoded. `occurred_at` is S3's clock, aware, UTC. `sequencer` orders changes of one key; empty
    where the source gives none. `version_id` is None on buckets without versions.
    """

    bucket: str
    key: str
    kind: Kind
    occurred_at: datetime
    sequencer: str = ""
    version_id: str | None = None

    @property
    def subject(self) -> tuple[str, str]:
        """What changed: changes of one subject need one purge between them."""
        return (self.bucket, self.key)

    @property
    def identity(self) -> bytes:
        """8 bytes that a redelivery of this change, by whichever way, has too."""
        moment = self.sequencer or f"{self.kind} {self.occurred_at.isoformat()}"
        return _digest(self.bucket, self.key, moment)


@dataclass(frozen=True, slots=True)
class UrlChange:
    """A URL that someone asked to purge, exact or ending in `*`: a manual purge. `occurred_at`: when, UTC."""

    url: str
    occurred_at: datetime

    @property
    def subject(self) -> tuple[str, str]:
        """What changed: changes of one subject need one purge between them."""
        return ("", self.url)

    @property
    def identity(self) -> bytes:
        """8 bytes that a redelivery of this change has too."""
        return _digest(self.url, self.occurred_at.isoformat())


Change = ObjectChange | UrlChange


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=8).digest()


def parse(event: dict[str, Any]) -> list[ObjectChange]:
    """The changes of an event, in its order; none for a tick or an `s3:TestEvent`.

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


@dataclass(frozen=True, slots=True)
class _ManualKey:
    """One entry of the `keys` of a manual purge."""

    entry: object


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
    fields = _object(event, "an event")
    if fields.get("tick") is True or fields.get("Event") == "s3:TestEvent":
        return []
    if fields.get("Type") == "Notification" and "Message" in fields:
        return [_Nested(fields["Message"])]
    if "Records" in fields:
        return _list(fields, "Records")
    if "keys" in fields:
        return [_ManualKey(entry) for entry in _list(fields, "keys")]
    if "detail-type" in fields:
        return [event]
    raise MalformedEvent(
        f"no S3, SQS, SNS or EventBridge event and no manual purge: {_show(event)}; see events/ for examples"
    )


def _opened(part: object, depth: int) -> Iterator[ObjectChange | MalformedEvent]:
    """One part of an envelope, on its own: what is wrong with it ends here."""
    try:
        if isinstance(part, _Nested):
            yield from _walk(_json(part.text), depth + 1)
        elif isinstance(part, _ManualKey):
            yield _from_manual(_object(part.entry, "an entry of keys"))
        else:
            fields = _object(part, "a record")
            if fields.get("eventSource") == "aws:sqs":
                yield from _opened(_Nested(fields.get("body")), depth)
            elif fields.get("EventSource") == "aws:sns":
                yield from _opened(_Nested(_inner(fields, "Sns").get("Message")), depth)
            elif "detail-type" in fields:
                yield _from_eventbridge(fields)
            else:
                yield _from_notification(fields)
    except MalformedEvent as problem:
        yield problem


def _json(text: object) -> object:
    if not isinstance(text, str):
        raise MalformedEvent(f"a message body must be text that holds JSON, not {_show(text)}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(f"a message body is not JSON ({error}): {_show(text)}") from error


def _from_manual(entry: dict[str, Any]) -> ObjectChange:
    return ObjectChange(
        bucket=_text(entry, "bucket"),
        key=_key(entry, form_encoded=False),
        kind="created",
        occurred_at=datetime.now(UTC),
    )


def _from_notification(record: dict[str, Any]) -> ObjectChange:
    """Amazon S3 user guide, "Event message structure": the key is form-encoded."""
    if record.get("eventSource") != "aws:s3":
        raise MalformedEvent(f"a record of an unknown source: {_show(record)}; see events/ for examples")
    name = _text(record, "eventName")
    kind = _NOTIFICATION_KINDS.get(name.removeprefix("s3:").partition(":")[0])
    if kind is None:
        raise MalformedEvent(
            f"S3 event {name!r} changes no object: notify only of {', '.join(_NOTIFICATION_KINDS)}"
        )
    s3 = _inner(record, "s3")
    entity = _inner(s3, "object")
    return ObjectChange(
        bucket=_text(_inner(s3, "bucket"), "name"),
        key=_key(entity, form_encoded=True),
        kind=kind,
        occurred_at=_time(record, "eventTime"),
        sequencer=_optional(entity, "sequencer") or "",
        version_id=_optional(entity, "versionId"),
    )


def _from_eventbridge(event: dict[str, Any]) -> ObjectChange:
    """Amazon S3 user guide, "EventBridge event message structure": the key is verbatim."""
    detail_type = event["detail-type"]
    kind = _EVENTBRIDGE_KINDS.get(detail_type) if isinstance(detail_type, str) else None
    if kind is None or event.get("source") != "aws.s3":
        raise MalformedEvent(
            f"EventBridge event {_show(detail_type)} of source {_show(event.get('source'))} changes no "
            f"object: match source aws.s3 and {' or '.join(_EVENTBRIDGE_KINDS)}"
        )
    detail = _inner(event, "detail")
    entity = _inner(detail, "object")
    return ObjectChange(
        bucket=_text(_inner(detail, "bucket"), "name"),
        key=_key(entity, form_encoded=False),
        kind=kind,
        occurred_at=_time(event, "time"),
        sequencer=_optional(entity, "sequencer") or "",
        version_id=_optional(entity, "version-id"),
    )


def _key(holder: dict[str, Any], *, form_encoded: bool) -> str:
    key = _text(holder, "key")
    try:
        if form_encoded:
            key = unquote_plus(key, errors="strict")
        size = len(key.encode())
    except UnicodeError as error:
        raise MalformedEvent(f"key {_show(key)} is not UTF-8, as every S3 key is") from error
    if size > MAX_KEY_BYTES:
        raise MalformedEvent(f"key {_show(key)} has {size} bytes, more than S3's {MAX_KEY_BYTES}")
    return key


def _time(holder: dict[str, Any], field: str) -> datetime:
    text = _text(holder, field)
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"{field} {_show(text)} is no ISO 8601 time") from error


def _text(holder: dict[str, Any], field: str) -> str:
    value = holder.get(field)
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"{field} must be a text, not {_show(value)}")
    # JSON can carry half a surrogate pair, which nothing further on could write or compare.
    if len(value) > _MAX_TEXT or not _is_utf8(value):
        raise MalformedEvent(f"{field} {_show(value)} is no UTF-8 text of at most {_MAX_TEXT} characters")
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _optional(holder: dict[str, Any], field: str) -> str | None:
    return None if holder.get(field) is None else _text(holder, field)


def _inner(holder: dict[str, Any], field: str) -> dict[str, Any]:
    return _object(holder.get(field), field)


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedEvent(f"{name} must be a JSON object, not {_show(value)}")
    return value


def _list(holder: dict[str, Any], field: str) -> list[object]:
    value = holder[field]
    if not isinstance(value, list):
        raise MalformedEvent(f"{field} must be a list, not {_show(value)}")
    return value


def _show(value: object) -> str:
    """A value for a message: enough to recognise it, never the whole of it."""
    if isinstance(value, dict):
        # Not the values: they may be secret, and nested too deep to print.
        text = f"an object with {', '.join(map(repr, islice(value, 8))) or 'nothing'}"
    elif isinstance(value, list):
        text = f"a list of {len(value)}"
    else:
        text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
