"""Manual purges: requests of people, `{"urls": [...]}` or `{"keys": [{"bucket": ..., "key": ...}]}`.

They come only by direct invocation. A caller that gets no answer in time repeats the call:
`sam remote invoke` and the AWS CLI wait 60 seconds, and call 3 to 5 times in all:
https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html (`read_timeout`),
https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html (modes `standard` and `legacy`).
So the answer comes sooner, and an equal body within 5 minutes counts as the same request: its changes keep
the time of the first call, and their purges are not repeated. A request may have a `token`: any text that
makes it differ from an otherwise equal request.
"""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from purging.errors import InvalidRequest
from purging.events.fields import as_object, key_of, text_of
from purging.events.model import Change, ObjectChange, UrlChange
from purging.quoting import named, shown_url
from purging.urls import UrlMap

MAX_AT_ONCE = 100
"""The most entries of a request, as many as ImageKit's dashboard accepts at once:
https://imagekit.io/docs/cdn-caching-and-purging"""

ANSWER_SECONDS = 45.0
"""The longest time from the call to the answer: clearly less than the 60 seconds of the caller's SDK."""

REPEATED_SECONDS = 300.0
"""How long an equal request counts as the same request: 5 calls of 60 seconds each."""


def identity(event: dict[str, Any]) -> str:
    """64 hexadecimal digits that only equal requests share. The order of the fields does not matter."""
    return sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()


def requested(event: dict[str, Any], url_map: UrlMap, asked_at: float) -> list[Change]:
    """The changes that a request means. Their time is `asked_at` (unix seconds).

    Raises InvalidRequest or MalformedEvent, which name the wrong value. One wrong entry refuses the whole
    request, since its caller can correct it.
    """
    names = set(event) - {"token"}
    if names not in ({"urls"}, {"keys"}):
        raise InvalidRequest(
            f"a manual purge has either urls or keys, perhaps a token, and nothing else: not {named(event)}"
        )
    if "token" in event:
        text_of(event, "token")
    (name,) = names
    entries = _entries(name, event[name])
    time = datetime.fromtimestamp(asked_at, UTC)
    if name == "urls":
        return [UrlChange(url_map.validated(url), time) for url in entries]
    return [_of_key(as_object(entry, "an entry of keys"), url_map, time) for entry in entries]


def _entries(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise InvalidRequest(
            f'{name} must be a list, even of one entry: write {{"{name}": [...]}}, not {shown_url(value)}'
        )
    if not value:
        raise InvalidRequest(f"{name} is an empty list: name what to purge, 1 to {MAX_AT_ONCE} entries")
    if len(value) > MAX_AT_ONCE:
        raise InvalidRequest(f"{name} has {len(value)} entries, more than {MAX_AT_ONCE}: split the request")
    return value


def _of_key(entry: dict[str, Any], url_map: UrlMap, time: datetime) -> ObjectChange:
    if unknown := sorted(set(entry) - {"bucket", "key"}):
        # A caller who names a version, for example, expects more than a purge can do.
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
