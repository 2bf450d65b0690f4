"""Replays an event file: one of `events/`, or one that the page uploads."""

from pathlib import Path
from typing import Any

from local.console.watcher import Watcher
from local.errors import BadInput
from local.replay.event import Event
from local.stack import Stack
from local.workspace import PROJECT

_EVENTS = PROJECT / "events"


def names() -> list[str]:
    """Return the files of `events/`, relative to it."""
    return sorted(path.relative_to(_EVENTS).as_posix() for path in _EVENTS.rglob("*.json"))


def named(name: str) -> bytes:
    """Return a file of `events/`. Raises BadInput for any other name."""
    if name not in names():
        raise BadInput(f"events/ has no file {name!r}: choose one of the list.")
    return (_EVENTS / name).read_bytes()


def replay(name: str, body: bytes, stack: Stack, watcher: Watcher) -> dict[str, Any]:
    """Deliver an event to the deployed function. Returns its answer.

    Raises BadInput if the event is not understood, and LocalError if the function fails on it.
    """
    event = Event.parse(Path(Path(name).name or "the file"), body)
    return watcher.question(event.on_stack(stack.url_endpoint).body)
