"""What the eviction of a key costs: the setting EvictionWeights.

After an eviction, ImageKit transforms an object anew. That costs more for a video than for an icon.

A bucket may have millions of keys, so the patterns are sorted by extension first. For a key that ends in
`.mp4`, a pattern such as `*.gif` is out of the question, and `*.mp4` surely matches. Often one look-up of the
extension gives the weight. The patterns that it leaves open are matched by one regular expression.
"""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from typing import NamedTuple

from purging.errors import InvalidSetting
from purging.quoting import quoted

LEAST, MOST = 1, 10_000
"""A key that no pattern matches has the least weight."""


# In brackets: characters, and ranges of digits or of letters. A hyphen stands first or last.
_CLASS = r"\[(?!!\])!?(?:-|-?(?:[0-9]-[0-9]|[a-z]-[a-z]|[A-Z]-[A-Z]|[^\]=,;-])+-?)\]"
_PATTERN = re.compile(rf"(?:[^\[\]=,;]|{_CLASS})+")
_RANGE = re.compile(r"([0-9A-Za-z])-([0-9A-Za-z])")


class WeightedPattern(NamedTuple):
    """A glob pattern of keys, and what the eviction of such a key costs. `*` matches slashes, too."""

    pattern: str
    weight: int


def weighted_patterns(text: str) -> tuple[WeightedPattern, ...]:
    """Read a text such as `*.mp4=50 icons/*=1`. Raises InvalidSetting, which names the wrong entry.

    The parameter in template.yaml accepts the same patterns.
    """
    return tuple(map(_entry, text.split()))


def weight_by(patterns: Iterable[WeightedPattern]) -> Callable[[str], int] | None:
    """Return the function that gives the weight of a key: that of the first pattern that matches. None if
    each key has the weight 1."""
    patterns = tuple(patterns)
    if all(each.weight == LEAST for each in patterns):
        return None
    rules = {end: _rule(patterns, end) for end in {_extension(_tail(each.pattern)) for each in patterns}}
    others = _rule(patterns, "")

    def weight(key: str) -> int:
        search, weights, otherwise = rules.get(key[key.rfind(".") :], others)
        if search and (found := search(key)):
            return weights[(found.lastindex or 1) - 1]
        return otherwise

    return weight


class _Rule(NamedTuple):
    """How to find the weight of a key: the first group that matches has the weight in its place. If nothing
    matches, `otherwise` is the weight."""

    match: Callable[[str], re.Match[str] | None] | None
    weights: tuple[int, ...]
    otherwise: int


def _rule(patterns: Iterable[WeightedPattern], extension: str) -> _Rule:
    """The rule for keys with an extension; for all others if the extension is empty."""
    still_open: list[WeightedPattern] = []
    otherwise = LEAST
    for each in patterns:
        if each.pattern in ("*", f"*{extension}"):
            otherwise = each.weight
            break
        if _extension(_tail(each.pattern)) in ("", extension):
            still_open.append(each)
    expression = "|".join(f"({translate(each.pattern)})" for each in still_open)
    return _Rule(
        re.compile(expression).match if still_open else None,
        tuple(each.weight for each in still_open),
        otherwise,
    )


def _tail(pattern: str) -> str:
    """The text in which all keys end that match a pattern."""
    return re.split(r"[*?\[\]]", pattern)[-1]


def _extension(text: str) -> str:
    """The last dot and what follows it; empty without a dot."""
    return text[text.rfind(".") :] if "." in text else ""


def _entry(text: str) -> WeightedPattern:
    pattern, _, weight = text.rpartition("=")
    if not pattern:
        raise InvalidSetting(f"EVICTION_WEIGHTS entry {quoted(text)}: write PATTERN=WEIGHT, e.g. *.mp4=50")
    if "=" in pattern or "," in text or ";" in text:
        raise InvalidSetting(
            f"EVICTION_WEIGHTS entry {quoted(text)}: write spaces between entries, one = in each, "
            "and a ? for any =, comma or semicolon of a key"
        )
    if not _brackets_are_right(pattern):
        raise InvalidSetting(
            f"EVICTION_WEIGHTS entry {quoted(text)}: write brackets as in [abc], [!abc] or [a-f], "
            "with ranges of digits or letters in order, and a ? for any bracket of a key"
        )
    if not (weight.isascii() and weight.isdecimal() and len(weight) <= len(str(MOST))) or not (
        LEAST <= int(weight) <= MOST
    ):
        raise InvalidSetting(
            f"EVICTION_WEIGHTS entry {quoted(text)}: the weight is {quoted(weight)}; write a whole number "
            f"from {LEAST} to {MOST}"
        )
    return WeightedPattern(pattern, int(weight))


def _brackets_are_right(pattern: str) -> bool:
    ranges = _RANGE.findall("".join(re.findall(_CLASS, pattern)))
    return bool(_PATTERN.fullmatch(pattern)) and all(first <= last for first, last in ranges)
