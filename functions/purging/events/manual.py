"""Manual purges: what people ask for by `{"urls": [...]}` or `{"keys": [{"bucket": ..., "key": ...}]}`.

They come in by direct invocation alone. A caller that waits too long for the answer repeats the call without
being told to: `sam remote invoke` and the AWS CLI wait 60 seconds, and call 3 to 5 times (botocore's
`read_timeout`; its retry modes `standard` and `legacy`). So the answer comes sooner, and the same body within
5 minutes is the same request: its changes happened when it was first asked, and a purge that was made for
them is not made again. An optional `token`, any text, tells a request from an equal one.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from purging.changes import Change, ObjectChange, UrlChange
from purging.errors import InvalidRequest
from purging.events.fields import MANUAL_FIELDS, as_object, key_of, text_of
from purging.purges import AcceptedPurge
from purging.quoting import named, shown_url
from purging.urls import UrlMap

MAX_AT_ONCE = 100
"""As many as ImageKit's dashboard takes in one request (documentation, "Purge cache")."""

ANSWER_SECONDS = 45.0
"""From the call to the answer at most: well below the 60 seconds after which the caller's SDK calls again."""

REPEATED_SECONDS = 300.0
"""How long an equal request is the same one: 5 calls of 60 seconds each."""


def is_manual(event: object) -> bool:
    """Whether an event asks for a manual purge."""
    return isinstance(event, dict) and not MANUAL_FIELDS.isdisjoint(event)


def identity(event: dict[str, Any]) -> str:
    """What only equal requests have in common, whatever the order of their fields: 64 hexadecimal digits."""
    return sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()


def requested(event: dict[str, Any], url_map: UrlMap, asked_at: float) -> list[Change]:
    """The changes that a manual purge stands for. They happened when it was asked, in unix seconds.

    Raises InvalidRequest or MalformedEvent, naming the value at fault, and then nothing is purged: whoever
    asks is there to correct it.
    """
    names = set(event) - {"token"}
    if names not in ({"urls"}, {"keys"}):
        raise InvalidRequest(
            f"a manual purge has either urls or keys, may have a token, and nothing else: not {named(event)}"
        )
    if "token" in event:
        text_of(event, "token")
    (name,) = names
    entries = _entries(name, event[name])
    time = datetime.fromtimestamp(asked_at, UTC)
    if name == "urls":
        return [UrlChange(url_map.check(url), time) for url in entries]
    return [_of_key(as_object(entry, "an entry of keys"), url_map, time) for entry in entries]


def _entries(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise InvalidRequest(
            f'{name} must be a list, also of one: write {{"{name}": [...]}}, not {shown_url(value)}'
        )
    if not value:
        raise InvalidRequest(f"{name} is an empty list: name what to purge, 1 to {MAX_AT_ONCE} entries")
    if len(value) > MAX_AT_ONCE:
        raise InvalidRequest(f"{name} has {len(value)} entries, more than {MAX_AT_ONCE}: split the request")
    return value


def _of_key(entry: dict[str, Any], url_map: UrlMap, time: datetime) -> ObjectChange:
    if unknown := sorted(set(entry) - {"bucket", "key"}):
        # Whoever names a version, say, expects something else than what a purge does.
        raise InvalidRequest(
            f"an entry of keys has a bucket and a key, and nothing else: leave out {named(unknown)}"
        )
    change = ObjectChange(text_of(entry, "bucket"), key_of(entry, form_encoded=False), "created", time)
    if not url_map.serves(change):
        raise InvalidRequest(
            f"UrlMap serves no key {change.key!r} of bucket {change.bucket!r}: correct them, or add the "
            "bucket or folder to UrlMap"
        )
    return change


def repetition(asked_at: float, served: Iterable[AcceptedPurge]) -> dict[str, Any]:
    """What the answer to a repeated request says besides: when it was first asked, and what `served` it."""
    return {
        "first_asked_at": datetime.fromtimestamp(asked_at, UTC).isoformat(timespec="seconds"),
        "purges": [{"url": purge.url, "request_id": purge.request_id} for purge in served],
        "help": "The same request came less than 5 minutes ago. The purges that are listed here served it, "
        'and none is bought twice. To purge the same again now, add a new "token": "any text".',
    }
