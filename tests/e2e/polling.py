"""Polling: how these tests wait for anything asynchronous."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 300.0
"""Longer than anything takes on a busy machine, including the lease of a killed drain."""

_POLL = 0.1
_SHOWN = 2_000  # characters of the last value


def until(
    observe: Callable[[], T],
    what: str,
    holds: Callable[[T], object] = bool,
    *,
    seconds: float = DEADLINE_SECONDS,
) -> T:
    """Calls `observe` until `holds` is true for its value, and returns that value.

    Raises AssertionError after `seconds`. It names `what` was awaited and shows the last value, so `observe`
    should return everything worth seeing, and `holds` should judge it.
    """
    deadline = time.monotonic() + seconds
    while True:
        # Checked before observing: however long this process was paused, it observes once more.
        late = time.monotonic() >= deadline
        observed = observe()
        if holds(observed):
            return observed
        if late:
            raise AssertionError(
                f"{what}: not within {seconds:g} seconds; last seen: {repr(observed)[:_SHOWN]}"
            )
        time.sleep(_POLL)
