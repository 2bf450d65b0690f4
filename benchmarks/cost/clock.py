"""Virtual time: the measured processor time of the functions, and the assumed time of all that they call."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Gives unix seconds. While code of a function runs, each of its CPU seconds lets `cpu_factor` seconds
    pass. With a factor of 0, a measurement is the same each time."""

    def __init__(self, now: float, cpu_factor: float) -> None:
        self._now = now
        self._factor = cpu_factor
        self._since: float | None = None

    def __call__(self) -> float:
        """The time now."""
        if self._since is not None:
            used = time.process_time()
            self._now += (used - self._since) * self._factor
            self._since = used
        return self._now

    def set(self, now: float) -> None:
        """Let time pass until `now`, outside of a function."""
        self._now = now

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Code of a function runs."""
        self._since = time.process_time()
        try:
            yield
        finally:
            self()
            self._since = None

    @contextmanager
    def outside(self) -> Iterator[None]:
        """The code of the function waits, while fakes run whose CPU time does not count."""
        self()
        was_inside, self._since = self._since is not None, None
        try:
            yield
        finally:
            self._since = time.process_time() if was_inside else None
