"""Questions of people: `{"status": true}`, `{"explain": "bucket/key"}`, `{"explain": {"bucket", "key"}}`.

They come only by direct invocation, and their answers change nothing.
"""

from typing import Any, NamedTuple

from purging.errors import InvalidRequest, MalformedEvent
from purging.events.fields import as_object, key_of, text_of
from purging.quoting import named, shown

QUESTION_FIELDS = frozenset({"status", "explain"})
"""An event that asks a question has one of these fields."""

_WRITE = 'write {"explain": "bucket/key"}, or {"explain": {"bucket": "...", "key": "..."}}'


class NamedObject(NamedTuple):
    """An object that a question names. It need not exist."""

    bucket: str
    key: str
    """Decoded."""


def is_question(event: object) -> bool:
    """Whether an event asks a question."""
    return isinstance(event, dict) and not QUESTION_FIELDS.isdisjoint(event)


def asked(event: dict[str, Any]) -> NamedObject | None:
    """Return the object that a question asks to explain; None if it asks for the status.

    Raises InvalidRequest or MalformedEvent, which name the wrong value and the remedy.
    """
    if len(event) > 1:
        raise InvalidRequest(f"a question is either status or explain, and nothing else: not {named(event)}")
    if "status" in event:
        if event["status"] is not True:
            raise InvalidRequest(f'status is {shown(event["status"])}: write {{"status": true}}')
        return None
    value = event["explain"]
    if isinstance(value, str):
        bucket, slash, key = value.removeprefix("s3://").partition("/")
        if not (bucket and slash and key):
            raise InvalidRequest(f"explain is {shown(value)}, which names no bucket and key: {_WRITE}")
        value = {"bucket": bucket, "key": key}
    elif not isinstance(value, dict):
        raise MalformedEvent(f"explain must be a text or a JSON object, not {shown(value)}: {_WRITE}")
    fields = as_object(value, "explain")
    if unknown := sorted(set(fields) - {"bucket", "key"}):
        raise InvalidRequest(
            f"explain has a bucket and a key, and nothing else: leave out {named(unknown)}; {_WRITE}"
        )
    return NamedObject(text_of(fields, "bucket"), key_of(fields, form_encoded=False))
