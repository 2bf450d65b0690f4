"""Reserves free ports of the loopback address."""

import errno
import random
import socket
from types import TracebackType

from local.errors import LocalError

# Below the ports that systems choose for other processes: Linux begins at 32768, macOS at 49152. On a busy
# machine it takes seconds until a process listens, and its port must stay free until then.
_PORTS = range(20_000, 32_000)
_TRIES = 100


class Reservation:
    """A free port that no other process can take until it is released.

    The constructor raises LocalError if it finds no free port.
    """

    def __init__(self) -> None:
        for port in random.SystemRandom().sample(_PORTS, _TRIES):
            # The socket is bound and does not listen: no other process gets the port, and it is free right
            # after the close. With SO_REUSEADDR, others with that option could bind it too.
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                self._socket.bind(("127.0.0.1", port))
            except OSError as error:
                self._socket.close()
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
            else:
                self.port = port
                return
        raise LocalError(f"None of {_TRIES} ports from {_PORTS.start} to {_PORTS.stop - 1} is free.")

    def release(self) -> int:
        """Free the port, and return it for the process that will listen there."""
        self._socket.close()
        return self.port

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
