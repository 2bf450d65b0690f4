"""A connection that delivers its answer a byte at a time, in virtual time."""

import io
from collections.abc import Callable
from typing import Any


class VirtualConnection:
    """The part of a socket that an HTTP client uses.

    Before each byte of the `answer`, `seconds_per_byte` pass, or the time-out if it is shorter. `wait` makes
    virtual time pass.
    """

    def __init__(self, answer: bytes, seconds_per_byte: float, wait: Callable[[float], None]) -> None:
        self._answer = io.BytesIO(answer)
        self._seconds_per_byte = seconds_per_byte
        self._wait = wait
        self._timeout: float | None = None

    def settimeout(self, seconds: float | None) -> None:
        """Sets how long one read may take."""
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        """Returns how long one read may take."""
        return self._timeout

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        """Returns the file from which the client reads the answer."""
        return io.BufferedReader(_ByteReader(self))

    def sendall(self, _data: Any) -> None:
        """Does nothing: the request has already been handled."""

    def read(self) -> bytes:
        """Returns the next byte. Raises TimeoutError if it does not come in time."""
        if self._timeout is not None and self._timeout < self._seconds_per_byte:
            self._wait(self._timeout)
            raise TimeoutError("timed out")
        self._wait(self._seconds_per_byte)
        return self._answer.read(1)

    def close(self) -> None:
        """Does nothing."""


class _ByteReader(io.RawIOBase):
    def __init__(self, connection: VirtualConnection) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        byte = self._connection.read()
        buffer[: len(byte)] = byte
        return len(byte)
