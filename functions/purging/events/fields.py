"""Reads the fields of an event. An event may come from any sender.

Every function raises MalformedEvent, which names the field and its value, if a field is not as described.
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from purging.errors import MalformedEvent
from purging.quoting import shown

MANUAL_FIELDS = frozenset({"urls", "keys"})
"""An event that asks for a manual purge has one of these fields."""

MAX_KEY_BYTES = 1024
"""The longest key in S3, in bytes of UTF-8:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

# Characters of the longest key if each of its bytes is percent-encoded.
_MAX_TEXT = 3 * MAX_KEY_BYTES


def is_manual(event: object) -> bool:
    """Whether an event asks for a manual purge."""
    return isinstance(event, dict) and not MANUAL_FIELDS.isdisjoint(event)


def key_of(holder: dict[str, Any], *, form_encoded: bool) -> str:
    """An object's key, decoded. `form_encoded` is true for S3's own events, where a space is a `+`:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    key = text_of(holder, "key")
    try:
        if form_encoded:
            key = unquote_plus(key, errors="strict")
        size = len(key.encode())
    except UnicodeError as error:
        raise MalformedEvent(f"key {shown(key)} is not UTF-8, as every S3 key is") from error
    if size > MAX_KEY_BYTES:
        raise MalformedEvent(f"key {shown(key)} has {size} bytes, more than S3's {MAX_KEY_BYTES}")
    return key


def time_of(holder: dict[str, Any], field: str) -> datetime:
    """An ISO 8601 time, as an aware time in UTC. A time without an offset counts as UTC."""
    text = text_of(holder, field)
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedEvent(f"{field} {shown(text)} is not an ISO 8601 time") from error


def text_of(holder: dict[str, Any], field: str) -> str:
    """A text that is present, not empty, valid UTF-8, and of at most 3,072 characters."""
    value = holder.get(field)
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"{field} must be a text, not {shown(value)}")
    # JSON can contain half a surrogate pair, which cannot be written as UTF-8.
    if len(value) > _MAX_TEXT or not (value.isascii() or _is_utf8(value)):
        raise MalformedEvent(f"{field} {shown(value)} is not a UTF-8 text of at most {_MAX_TEXT} characters")
    return value


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def optional_text_of(holder: dict[str, Any], field: str) -> str | None:
    """A text as `text_of` reads it; None if the field is absent or null."""
    return None if holder.get(field) is None else text_of(holder, field)


def object_of(holder: dict[str, Any], field: str) -> dict[str, Any]:
    """A JSON object that is present."""
    return as_object(holder.get(field), field)


def as_object(value: object, name: str) -> dict[str, Any]:
    """The value if it is a JSON object. An error calls it `name`."""
    if not isinstance(value, dict):
        raise MalformedEvent(f"{name} must be a JSON object, not {shown(value)}")
    return value


def list_of(holder: dict[str, Any], field: str) -> list[object]:
    """A list in a field that is present. Raises KeyError if the field is absent."""
    value = holder[field]
    if not isinstance(value, list):
        raise MalformedEvent(f"{field} must be a list, not {shown(value)}")
    return value
