"""Quotes values for messages: long values are cut, and credentials are masked."""

import re
from collections.abc import Iterable
from itertools import islice

_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*\]?|[^:]*)(:[0-9]*)?")


def named(fields: Iterable[str]) -> str:
    """Names of fields for a message: only the first 8, since an event may have very many fields."""
    return _short(", ".join(map(repr, islice(fields, 8))))


def shown(value: object) -> str:
    """A value for a message, cut to 120 characters. A list is shown by its length, an object by its names."""
    if isinstance(value, dict):
        # The values of an object stay out: they may be secret, or nested too deep for `repr`.
        text = f"an object with {named(value) or 'nothing'}"
    elif isinstance(value, list):
        text = f"a list of {len(value)}"
    else:
        text = repr(value)
    return _short(text)


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:117] + "..."


def shown_url(url: object) -> str:
    """A refused URL for a message, without its credentials. Other values are shown as by `shown`."""
    return quoted(without_credentials(url)) if isinstance(url, str) else shown(url)


def quoted(text: str) -> str:
    """A text in quotation marks, cut to 200 characters."""
    text = repr(text)
    return text if len(text) <= 200 else text[:197] + "..."


def without_query(url: str) -> str:
    """The URL with `***` instead of its query, which may have a signature that lets anybody see the image. A
    `*` at the end stays."""
    path, mark, query = url.partition("?")
    return (
        f"{path}?{'***' if query.removesuffix('*') else ''}{'*' if query.endswith('*') else ''}"
        if mark
        else url
    )


def without_credentials(url: str) -> str:
    """The URL with `***` instead of user and password. In an invalid URL, their place is a guess."""
    start = re.match(r"([a-z][a-z0-9+.-]*:)?//", url, re.IGNORECASE)
    scheme = start[0] if start else ""
    before, at, place = url[len(scheme) :].rpartition("@")
    if at and (":" in before or "/" not in before.partition("@")[0]):
        return f"{scheme}***@{place}"
    # A port that is no number may be the first half of a password with a comma, at which UrlMap was split.
    authority = re.split("[/?#]", url[len(scheme) :], maxsplit=1)[0]
    if scheme and not _HOST_AND_PORT.fullmatch(authority):
        return f"{scheme}{authority.partition(':')[0]}:***{url[len(scheme) + len(authority) :]}"
    return url
