"""Free ports of the loopback."""

import errno
import random
import socket
from types import TracebackType

from local.errors import LocalError

# Below what systems give to whoever asks for any port: Linux from 32768 on, macOS from 49152. On a busy
# machine a process takes seconds until it listens: somebody's connection might be given its port meanwhile.
_PORTS = range(20_000, 32_000)
_TRIES = 100


class Reservation:
    """A free port, kept from everybody else until it is released to the process that is to listen there.

    Raises LocalError if no port is found.
    """

    def __init__(self) -> None:
        for port in random.SystemRandom().sample(_PORTS, _TRIES):
            # Bound and not listening: nobody gets the port, and it can be bound again right after. Without
            # SO_REUSEADDR, which would let others with that option in.
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
        """Give the port up; it is returned for whoever listens there next."""
        self._socket.close()
        return self.port

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
