"""A connection on which an answer comes a byte at a time, in virtual time."""

import io
from collections.abc import Callable
from typing import Any


class Dripping:
    """As much of a socket as an HTTP client uses. `gap` seconds pass before each byte of the `answer`, unless
    the time-out is shorter; `wait` lets them."""

    def __init__(self, answer: bytes, gap: float, wait: Callable[[float], None]) -> None:
        self._answer = io.BytesIO(answer)
        self._gap = gap
        self._wait = wait
        self._timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        """The longest that one read may take."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """The same."""
        return self._timeout

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        """What the answer is read from."""
        return io.BufferedReader(_Drops(self))

    def sendall(self, _data: Any) -> None:
        """The request has been handled already."""

    def read(self) -> bytes:
        """The next byte. Raises TimeoutError if it does not come in time."""
        if self._timeout is not None and self._timeout < self._gap:
            self._wait(self._timeout)
            raise TimeoutError("timed out")
        self._wait(self._gap)
        return self._answer.read(1)

    def setsockopt(self, *_args: Any) -> None:
        """Nothing to set."""

    def shutdown(self, *_args: Any) -> None:
        """Nothing to shut."""

    def close(self) -> None:
        """Nothing to close."""


class _Drops(io.RawIOBase):
    def __init__(self, connection: Dripping) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        byte = self._connection.read()
        buffer[: len(byte)] = byte
        return len(byte)
