"""A pretended stack: it feeds the console with any number of objects and purges, without AWS."""

import time
from collections.abc import Iterable
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from local.console.app import Console
from local.console.feed import Feed
from local.console.looks import Look
from local.demo.drawing import draw
from local.stack import Stack
from local.workspace import Workspace

_CHANGED, _MOVED = 50, 20
"""Objects and purges that an update changes."""

_ETAG = '"0123456789abcdef0123456789abcdef"'
_STATES = ("accepted", "completed", "fresh")


class PretendedStack(Stack):
    """A stack whose bucket has one picture under every key."""

    @cached_property
    def s3(self) -> Any:
        """Answers `get_object` only."""
        return _Bucket()


class _Bucket:
    def __init__(self) -> None:
        self._picture = draw(1, 1, "png")

    def get_object(self, **_named: str) -> dict[str, Any]:
        return {"Body": BytesIO(self._picture.body), "ContentType": self._picture.content_type}


class _Answer(NamedTuple):
    content: bytes
    headers: dict[str, str]
    ok: bool = True


class _Edge:
    """Shows every URL as the origin has it."""

    def __init__(self) -> None:
        self._picture = draw(1, 1, "png")

    def look(self, urls: Iterable[str]) -> list[Look]:
        return [Look(url, 200, True, 60, _ETAG, time.time()) for url in urls]

    def get(self, _url: str) -> _Answer:
        return _Answer(self._picture.body, {"Content-Type": self._picture.content_type})


class _Watcher:
    def stored(self, _key: str) -> None:
        return None


def parts(feed: Feed) -> Console:
    """Return what the routes of a console need, with a feed."""
    stack = PretendedStack(
        "https://127.0.0.1:1",
        "http://127.0.0.1:1",
        Path("none"),
        Workspace(),
        outputs={"OriginBucketName": "my-bucket"},
    )
    anything = cast(Any, None)
    return Console(stack, anything, feed, cast(Any, _Edge()), cast(Any, _Watcher()), anything, anything)


def fill(feed: Feed, objects: int, purges: int) -> None:
    """Feed everything that a page shows first."""
    now = time.time()
    feed.replace("objects", {_key(number): _object(now, "") for number in range(objects)})
    feed.replace("purges", {f"{number:024x}": _purge(number, now, "fresh") for number in range(purges)})
    feed.set_value("bucket", "my-bucket")
    feed.set_value("events", [])
    feed.set_value("switches", [])
    feed.set_value("whereabouts", {"queue": 0, "ledger": 0, "dead": 0})


def update(feed: Feed, number: int, objects: int, purges: int) -> None:
    """Feed one update. Some of its objects and purges are those that a page shows without scrolling."""
    now = time.time()
    step = ("pending", "accepted", "completed")[number % 3]
    shown = list(range(10))
    others = [(number * 997 + each * 101) % objects for each in range(_CHANGED - len(shown))]
    state = _STATES[number % len(_STATES)]
    moved = [purges - 1 - each if each % 2 else (number * 31 + each * 7) % purges for each in range(_MOVED)]
    feed.set_rows("objects", {_key(each): _object(now, step) for each in (*shown, *others)})
    feed.set_rows(
        "purges",
        {f"{each:024x}": _purge(each, now, state) for each in moved}
        | {f"{purges + number:024x}": _purge(purges + number, now, "accepted")},
    )
    feed.set_value("whereabouts", {"queue": number, "ledger": number, "dead": 0})


def _key(number: int) -> str:
    return f"shop-{number % 20:02}/products-{number % 100:03}/picture-{number:05}.jpg"


def _object(at: float, step: str) -> dict[str, Any]:
    return {"etag": _ETAG, "at": at - 60, "step": step, "purge": ""}


def _purge(number: int, now: float, state: str) -> dict[str, Any]:
    path = quote(_key(number))
    at = now - 3600 + number
    reached = _STATES.index(state)
    return {
        "path": path,
        "wildcard": True,
        "shown": f"{path}*",
        "state": state,
        "planned": at,
        "accepted": at,
        "completed": at + 3 if reached >= 1 else None,
        "fresh": at + 4 if reached >= 2 else None,
        "changed": 1,
        "evicts": 0,
        "seen": True,
    }
