"""ImageKit's own form: up to 100 URLs, one a line. Says what is wrong with a line, and what to write. Pure.

The form of ImageKit's dashboard: https://imagekit.io/docs/cache-purge
"""

from dataclasses import dataclass

from local.console.remedies import remedy
from local.domain import InvalidRequest, UrlMap

MOST = 100
"""Lines that the form takes at once."""


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

    Only a line feed ends a line, as in the text field of the page. Lines beyond the first 100 are refused,
    and repeats too.
    """
    lines: list[Line] = []
    seen: dict[str, int] = {}
    for number, raw in enumerate(text.split("\n"), 1):
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
    except InvalidRequest:
        return Line(number, line, *remedy(line, url_map))
    return Line(number, line)
