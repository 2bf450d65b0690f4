"""Repeated attempts with a deadline."""

import time
from collections.abc import Iterator


def attempts(seconds: float, interval: float) -> Iterator[None]:
    """Yields once for each attempt: at once, then every `interval` seconds, until `seconds` have passed.

    The last attempt starts after the deadline: on a busy machine the attempts before it may all be early.
    """
    deadline = time.monotonic() + seconds
    while True:
        last = time.monotonic() >= deadline
        yield
        if last:
            return
        time.sleep(interval)
