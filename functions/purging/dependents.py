"""URLs that show an object without containing its key: the setting Dependents.

A watermark, a font or a default image is part of other images. When it changes, their URLs show the old one:
https://imagekit.io/docs/add-overlays-on-images
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import NamedTuple

from purging.errors import InvalidRequest, InvalidSetting
from purging.quoting import quoted, without_credentials


class Dependent(NamedTuple):
    """A glob pattern of keys, and a URL to purge when such a key changes. `*` in a pattern matches slashes,
    too. The URL is exact, or ends in one `*`."""

    pattern: str
    url: str


@dataclass(frozen=True)
class Dependents:
    """All dependents of a stack, in their order."""

    all: tuple[Dependent, ...] = ()

    @cached_property
    def _matching(self) -> list[tuple[Callable[[str], object], str]]:
        return [(re.compile(translate(each.pattern)).match, each.url) for each in self.all]

    def of(self, key: str) -> list[str]:
        """The URLs to purge when a key changes, without repeats."""
        if not self.all:
            return []
        return list(dict.fromkeys(url for matches, url in self._matching if matches(key)))


def dependents(
    text: str, under_each: Callable[[str], Iterable[str]], validated: Callable[[str], str]
) -> Dependents:
    """Read a text such as `overlays/logo.png=https://ik.imagekit.io/demo/shop/products/*`.

    Entries are separated by blanks. A path instead of a URL stands for the URLs that `under_each` returns,
    one under each endpoint. `validated` returns a URL that can be purged, or raises InvalidRequest. Raises
    InvalidSetting, which names the wrong entry and the remedy.
    """
    found: list[Dependent] = []
    for entry in text.split():
        pattern, _, target = entry.partition("=")
        if not pattern or not target:
            raise InvalidSetting(
                f"{_named(entry)}: write PATTERN=URL, e.g. overlays/logo.png=/shop/products/*, and a ? for "
                "any blank or = of a key"
            )
        for url in under_each(target) if target.startswith("/") else [target]:
            try:
                found.append(Dependent(pattern, validated(url)))
            except InvalidRequest as error:
                raise InvalidSetting(f"{_named(entry)}: {error}") from None
    return Dependents(tuple(dict.fromkeys(found)))


def _named(entry: str) -> str:
    """A refused entry, for a message, without the credentials that it may contain."""
    pattern, equals, target = entry.partition("=")
    return f"Dependents entry {quoted(pattern + equals + without_credentials(target))}"
