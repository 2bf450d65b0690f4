"""Free ports of the loopback."""

import socket
from types import TracebackType


class Reservation:
    """A free port, kept from everybody else until it is released to the process that is to listen there."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Bound and not listening: nobody gets the port, and it can be bound again right after.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> int:
        """Give the port up; it is returned for whoever listens there next."""
        self._socket.close()
        return self.port

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
