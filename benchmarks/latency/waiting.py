"""Waits for what the embedded stack does."""

from collections.abc import Callable
from typing import TypeVar

from local.observer import Observer
from local.polling import attempts
from local.stack import Stack

T = TypeVar("T")

_SECONDS = 900.0
_INTERVAL = 0.1


def awaited(observe: Callable[[], T | None], what: str) -> T:
    """Observe ten times a second, and return the first result that is not None. Raises TimeoutError."""
    for _ in attempts(_SECONDS, _INTERVAL):
        if (found := observe()) is not None:
            return found
    raise TimeoutError(f"{what}: not within {_SECONDS:g} seconds")


def idle(stack: Stack) -> None:
    """Wait until SubmitPurge has nothing to do. Raises TimeoutError."""
    observer = Observer(stack)
    awaited(lambda: observer.work().done or None, "an idle stack")
