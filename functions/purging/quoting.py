"""Quotes values in messages: enough to recognise each, never the whole of it, and no credentials."""

import re
from collections.abc import Iterable
from itertools import islice

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*\]?|[^:]*)(:[0-9]*)?")


def named(fields: Iterable[str]) -> str:
    """Names of fields for a message: the first ones, since anybody may have made them up."""
    return _short(", ".join(map(repr, islice(fields, 8))))


def shown(value: object) -> str:
    """A value for a message: enough to recognise it, never the whole of it."""
    if isinstance(value, dict):
        # Not the values: they may be secret, and nested too deep to print.
        text = f"an object with {named(value) or 'nothing'}"
    elif isinstance(value, list):
        text = f"a list of {len(value)}"
    else:
        text = repr(value)
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."


def shown_url(url: object) -> str:
    """A refused URL, or what stands in its place, for a message: without the credentials it may carry."""
    return quoted(without_credentials(url)) if isinstance(url, str) else shown(url)


def quoted(text: str) -> str:
    text = repr(text)
    return text if len(text) <= 200 else text[:197] + "..."


def without_credentials(url: str) -> str:
    """Without user and password, even where it is no valid URL and what they are is a guess."""
    start = re.match(r"([a-z][a-z0-9+.-]*:)?//", url, re.IGNORECASE)
    scheme = start[0] if start else ""
    before, at, place = url[len(scheme) :].rpartition("@")
    if at and (":" in before or "/" not in before.partition("@")[0]):
        return f"{scheme}***@{place}"
    # A port that is no number may be a password whose other half, behind a comma, is elsewhere.
    authority = re.split("[/?#]", url[len(scheme) :], maxsplit=1)[0]
    if scheme and not _HOST_AND_PORT.fullmatch(authority):
        return f"{scheme}{authority.partition(':')[0]}:***{url[len(scheme) + len(authority) :]}"
    return url
