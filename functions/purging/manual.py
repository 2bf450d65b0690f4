"""Manual purges: what people ask for by `{"urls": [...]}` or `{"keys": [{"bucket": ..., "key": ...}]}`."""

from datetime import UTC, datetime
from typing import Any

from purging import changes
from purging.changes import Change, UrlChange
from purging.errors import InvalidRequest
from purging.urls import UrlMap

MAX_AT_ONCE = 100
"""As many as ImageKit's dashboard takes in one request (documentation, "Purge cache")."""


def is_manual(event: object) -> bool:
    """Whether an event asks for a manual purge."""
    return isinstance(event, dict) and ("urls" in event or "keys" in event)


def requested(event: dict[str, Any], url_map: UrlMap) -> list[Change]:
    """The changes that a manual purge stands for.

    Raises InvalidRequest or MalformedEvent, naming the value at fault, and then nothing is purged: whoever
    asks is there to correct it.
    """
    if set(event) not in ({"urls"}, {"keys"}):
        raise InvalidRequest(f"a manual purge has either urls or keys, not {', '.join(sorted(event))}")
    ((name, entries),) = event.items()
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_AT_ONCE:
        count = len(entries) if isinstance(entries, list) else "no list"
        raise InvalidRequest(f"{name} must list 1 to {MAX_AT_ONCE} entries, not {count}: split the request")
    if name == "urls":
        now = datetime.now(UTC)
        return [UrlChange(url_map.check(url), now) for url in entries]
    found = changes.parse(event)
    for change in found:
        if not url_map.targets(change):
            raise InvalidRequest(f"UrlMap serves no key {change.key!r} of bucket {change.bucket!r}")
    return list(found)
