"""Waiting for what happens elsewhere."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first answer of `look` that is true. Fails, saying `what` was waited for, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {seconds:g} seconds; the last look saw {seen!r}")
        time.sleep(0.1)
    return seen


def until_equal(expected: T, look: Callable[[], T], what: str, seconds: float = 60.0) -> None:
    """Wait until `look` answers `expected`. Fails, saying `what` was waited for and what came instead."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != expected:
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {seconds:g} seconds; {seen!r}, not {expected!r}")
        time.sleep(0.1)
