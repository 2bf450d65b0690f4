"""Canonical URLs: two URLs are equal if their canonical texts are equal.

This does not share code with the encoding in functions/, so that each one shows the mistakes of the other.
"""

import re
from urllib.parse import quote, unquote_to_bytes

# What ImageKit's SDKs do not encode in a path, without the star. A canonical path has no raw star, so %2A can
# only be a star in a key.
_PATH_SAFE = "/:@!$&'()+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_CHARACTER = re.compile("%[0-9A-Fa-f]{2}|.", re.DOTALL)


def canonical_path(raw: str) -> str:
    """Returns a path, decoded once and encoded again. ``+`` stays ``+``; a single ``%`` becomes ``%25``."""
    return quote(unquote_to_bytes(raw), safe=_PATH_SAFE)


def canonical_query(raw: str) -> str:
    """Does the same for a query, but keeps encoded delimiters: ``a=1%26b`` is not ``a=1&b``."""
    return _CHARACTER.sub(_canonical_character, raw)


def _canonical_character(match: re.Match[str]) -> str:
    text = match[0]
    if len(text) == 1:
        return quote(text, safe=_QUERY_SAFE)
    character = chr(int(text[1:], 16))
    return character if character in _UNRESERVED else text.upper()


def decoded(path: str) -> str:
    """Returns the text of a canonical path. Raises UnicodeDecodeError if it is not UTF-8."""
    return unquote_to_bytes(path).decode()
