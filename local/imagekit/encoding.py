"""One spelling for every URL, so that comparing strings compares URLs.

Written apart from the encoding in functions/ on purpose: each is to catch the other's mistakes.
"""

import re
from urllib.parse import quote, unquote_to_bytes

# What ImageKit's SDKs leave unencoded in a path, less the star: a raw star is never part of a
# canonical path, so that %2A can only be a star in a key.
_PATH_SAFE = "/:@!$&'()+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PIECE = re.compile("%[0-9A-Fa-f]{2}|.", re.DOTALL)


def canonical_path(raw: str) -> str:
    """Decoded once and encoded again. ``+`` stays ``+``; a stray ``%`` counts as itself."""
    return quote(unquote_to_bytes(raw), safe=_PATH_SAFE)


def canonical_query(raw: str) -> str:
    """Like canonical_path, but an encoded delimiter stays encoded: ``a=1%26b`` is not ``a=1&b``."""
    return _PIECE.sub(_canonical_piece, raw)


def _canonical_piece(match: re.Match[str]) -> str:
    piece = match[0]
    if len(piece) == 1:
        return quote(piece, safe=_QUERY_SAFE)
    character = chr(int(piece[1:], 16))
    return character if character in _UNRESERVED else piece.upper()


def decoded(path: str) -> str:
    """The text of a canonical path. Raises UnicodeDecodeError where it is not UTF-8."""
    return unquote_to_bytes(path).decode()
