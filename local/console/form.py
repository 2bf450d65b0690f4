"""ImageKit's own form: up to 100 URLs, one a line. Says what is wrong with a line, and what to write. Pure.

The form of ImageKit's dashboard: https://imagekit.io/docs/cache-purge
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote

from local.domain import InvalidRequest, UrlMap, wildcard_allowed

MOST = 100
"""Lines that the form takes at once."""

_SAFE = "/:@!$&'()+,;=-._~%?"
_IMAGEKIT = ("https://ik.imagekit.io/", "http://ik.imagekit.io/")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the form. `problem` is empty if it can be purged; `instead` is what can be purged in its
    place, empty if that is not clear."""

    number: int
    text: str
    problem: str = ""
    instead: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it as the page has it."""
        return {"number": self.number, "text": self.text, "problem": self.problem, "instead": self.instead}


def checked(text: str, url_map: UrlMap) -> list[Line]:
    """Return the lines of a text that are not blank, each with what is wrong with it.

    Lines beyond the first 100 are refused, and repeats too.
    """
    lines: list[Line] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line:
            continue
        if len(lines) >= MOST:
            lines.append(
                Line(number, line, f"The form takes {MOST} URLs at once: send this one with the next.")
            )
        elif line in seen:
            lines.append(Line(number, line, f"It is the same URL as in line {seen[line]}: leave it out."))
        else:
            lines.append(_checked(number, line, url_map))
        seen.setdefault(line, number)
    return lines


def _checked(number: int, line: str, url_map: UrlMap) -> Line:
    try:
        url_map.validated(line)
    except InvalidRequest as refusal:
        endpoint = url_map.roots[0].endpoint
        repairs = [repaired for repaired in _repairs(line, endpoint) if repaired]
        instead = next((each for each in repairs if not _problem(each, url_map)), "")
        problem = str(refusal)
        if not instead and repairs[0] != line:
            problem += f". Under the endpoint of this stack: {_problem(repairs[0], url_map)}"
        return Line(number, line, problem, instead)
    return Line(number, line)


def _problem(url: str, url_map: UrlMap) -> str:
    """Return why a URL cannot be purged; empty if it can."""
    try:
        url_map.validated(url)
    except InvalidRequest as refusal:
        return str(refusal)
    return ""


def _repairs(line: str, endpoint: str) -> Iterator[str]:
    whole = _with_endpoint(line, endpoint)
    encoded = quote(whole.replace("#", "%23"), safe=f"{_SAFE}*")
    yield encoded
    path = encoded.removeprefix(endpoint)
    if "/." in unquote(path):
        yield endpoint + _without_dots(path)
    first, star, rest = path.partition("*")
    if star and rest:
        # A star in the middle: what stands before it may be a wildcard, and else it may be a literal star.
        if wildcard_allowed(first):
            yield f"{endpoint}{first}*"
        yield endpoint + path[:-1].replace("*", "%2A") + path[-1:]
        yield endpoint + path.replace("*", "%2A")
    elif star:
        yield f"{endpoint}{first}" if not first.endswith("/") else ""


def _with_endpoint(line: str, endpoint: str) -> str:
    """The line under the endpoint: its URL may be that of an account at ImageKit, or the path alone."""
    for host in _IMAGEKIT:
        if line.startswith(host):
            return f"{endpoint}/{line.removeprefix(host).partition('/')[2]}"
    without_scheme = endpoint.partition("://")[2]
    for start in (f"https://{without_scheme}/", f"http://{without_scheme}/", f"{without_scheme}/"):
        if line.startswith(start):
            return f"{endpoint}/{line.removeprefix(start)}"
    return line if "://" in line else f"{endpoint}/{line.removeprefix('/')}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if unquote(segment) == "..":
            kept = kept[:-1] or [""]
        elif unquote(segment) != ".":
            kept.append(segment)
    return "/".join(kept)
