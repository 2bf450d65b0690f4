"""Why a line of the form is refused, and what to write instead. Pure.

A line is read as a browser reads an address: https://url.spec.whatwg.org/#url-parsing
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from local.domain import InvalidRequest, UrlMap, wildcard_allowed

_SAFE = "/:@!$&'()+,;=-._~%?"
_IMAGEKIT = "ik.imagekit.io"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}(:\d+)?")
_FILE = re.compile(r"[^/]*[^/.]\.[A-Za-z0-9]{1,10}$")


class _Elsewhere(ValueError):
    """A line names nothing under the endpoint. The message says why."""


class Remedy(NamedTuple):
    """`why` a line is refused, and what to write `instead`; empty if that is not clear."""

    why: str
    instead: str = ""


def remedy(line: str, url_map: UrlMap) -> Remedy:
    """Return why a line that `url_map` refuses is refused, and a URL that it takes."""
    endpoint = url_map.roots[0].endpoint
    try:
        path, why = _path(line, endpoint)
    except _Elsewhere as error:
        return Remedy(str(error))
    path, cut = _without_fragment(path)
    place, question, query = path.partition("?")
    if place in ("", "/"):
        only = (
            "It has only a query" if question else "It has only a fragment" if cut else "It names no object"
        )
        return Remedy(f"{only}: {_example(endpoint)}")
    reasons = [each for each in (why, cut) if each]
    if "*" in query:
        # `photo.jpg*` evicts all queries of a picture, and what stands in the query does not matter.
        reasons.append("A * in the query does not cover all queries: it stands behind the path")
        path = f"{place}*" if wildcard_allowed(_encoded(place)) else place
    else:
        resolved = _without_dots(place)
        if resolved is None:
            return Remedy(". ".join([*reasons, f"Its ../ leads out of {endpoint}/: write the path in full"]))
        if resolved != place:
            reasons.append("A browser resolves dot segments before it asks: write the path in full")
        path = f"{resolved}{question}{query}"
    if not re.fullmatch("[!-~]+", path):
        reasons.append("Percent-encode blanks, and all characters beyond ASCII")
    instead = next((each for each in _proposals(_encoded(path), endpoint) if not _refusal(each, url_map)), "")
    if not instead or not reasons:
        reasons.append(_refusal(line if not reasons else f"{endpoint}{_encoded(path)}", url_map))
    return Remedy(". ".join(reasons), instead)


def _path(line: str, endpoint: str) -> tuple[str, str]:
    """(the path under the endpoint, with its slash; what is wrong with what stands before it). Raises
    _Elsewhere if the line names nothing under the endpoint."""
    if line == endpoint or line.startswith((f"{endpoint}/", f"{endpoint}?", f"{endpoint}#")):
        return line.removeprefix(endpoint), ""
    scheme = _SCHEME.match(line)
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise _Elsewhere(
            f"It begins with the scheme {scheme[0]!r}, and only http and https are purged. If it is a key, "
            f"write the whole URL: {endpoint}/ and the key"
        )
    rest = line[scheme.end() :] if scheme else line
    if scheme and not rest.startswith("//"):
        raise _Elsewhere(f"Two slashes and a host must follow {scheme[0]!r}: {_example(endpoint)}")
    host, _, after = rest.removeprefix("//").partition("/")
    if (found := _under(host, after, endpoint)) is not None:
        here = f"Here, URLs begin with {endpoint}/"
        return f"/{found}", here if scheme else f"The scheme is missing. {here}"
    if rest.startswith("//") or (after and _HOST.fullmatch(host)):
        folder = "" if rest.startswith("//") else f". If {host!r} is a folder, write {endpoint}/ before it"
        raise _Elsewhere(f"{host!r} is not the host of this stack. Here, URLs begin with {endpoint}/{folder}")
    if "://" in line:
        raise _Elsewhere("Something stands before the URL: write one URL a line, and nothing else")
    return f"/{line.removeprefix('/')}", f"It is a path and no URL: write {endpoint}/ before it"


def _under(host: str, after: str, endpoint: str) -> str | None:
    """The path under the endpoint that a host and what follows it stand for; None if for nothing there."""
    if host.lower() == _IMAGEKIT:
        return after.partition("/")[2]  # behind the id of the account
    own = urlsplit(endpoint)
    if host.lower() != own.netloc.lower():
        return None
    folder = f"{own.path.strip('/')}/".removeprefix("/")
    if not after.startswith(folder):
        raise _Elsewhere(f"It lies beside the endpoint of this stack: URLs begin with {endpoint}/")
    return after[len(folder) :]


def _example(endpoint: str) -> str:
    return f"write a URL such as {endpoint}/products/shoe.jpg"


def _without_fragment(path: str) -> tuple[str, str]:
    """(the path as it is meant, what is wrong with its #). Behind the name of a file, or a query, # begins a
    fragment; elsewhere it belongs to the key."""
    before, mark, after = path.partition("#")
    if not mark:
        return path, ""
    if "?" in before or not after or before in ("", "/") or _FILE.search(before):
        return before, "A fragment (#…) stays in the browser, so no copy at the edge has one: leave it out"
    return path.replace("#", "%23"), "A # begins a fragment: in a key, write it as %23"


def _without_dots(path: str) -> str | None:
    """The path as a browser resolves its dot segments; None if they lead out of the endpoint."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if unquote(segment) == "..":
            if not kept:
                return None
            kept.pop()
        elif unquote(segment) != ".":
            kept.append(segment)
    return "/" + "/".join(kept)


def _encoded(path: str) -> str:
    return quote(path, safe=f"{_SAFE}*")


def _proposals(path: str, endpoint: str) -> Iterator[str]:
    yield endpoint + path
    first, star, rest = path.partition("*")
    if star and rest:
        # A star in the middle: what stands before it may be a wildcard, and else it may be a literal star.
        if wildcard_allowed(first):
            yield f"{endpoint}{first}*"
        yield endpoint + path[:-1].replace("*", "%2A") + path[-1:]
        yield endpoint + path.replace("*", "%2A")
    elif star and not first.endswith("/"):
        yield f"{endpoint}{first}"


def _refusal(url: str, url_map: UrlMap) -> str:
    """Return why a URL cannot be purged; empty if it can."""
    try:
        url_map.validated(url)
    except InvalidRequest as refusal:
        return str(refusal)
    return ""
