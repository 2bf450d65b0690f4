"""Waiting for what happens elsewhere: the one way to do it here."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 300.0
"""Longer than anything takes on a busy machine, the lease of a drain that was killed included."""

_POLL = 0.1
_SHOWN = 2_000  # characters of what was seen


def until(
    look: Callable[[], T],
    what: str,
    holds: Callable[[T], object] = bool,
    *,
    seconds: float = DEADLINE_SECONDS,
) -> T:
    """Look again and again until what is seen holds; what was seen then.

    Raises AssertionError after `seconds`: it names `what` was waited for, and shows what was last seen. So
    let `look` give all that there is to see, and let `holds` judge it.
    """
    deadline = time.monotonic() + seconds
    while True:
        # Judged before the look: however long this process was kept waiting, it looks once more.
        late = time.monotonic() >= deadline
        seen = look()
        if holds(seen):
            return seen
        if late:
            raise AssertionError(f"{what}: not within {seconds:g} seconds; last seen: {repr(seen)[:_SHOWN]}")
        time.sleep(_POLL)
