"""HTTP whose time-outs hold for a whole step, not for each byte of it.

What requests calls a time-out begins anew with every address that a name has and with every byte that comes:
an answer that drips never ends. Here the first one bounds connecting (name, all addresses and TLS together),
the second one the answer, its header and its body. Only the resolver keeps a bound of its own: nothing in
Python can interrupt it, and a few seconds for each name server is what `resolv.conf` has it take.

A connection that was idle for longer than a moment is not used again. Lambda freezes a function between two
calls (developer guide, "Understanding the Lambda execution environment lifecycle"), and says of connections
that were idle meanwhile that using them fails (the same, "Best practices"); aws/aws-sdk-js-v3#1196 shows it.
The frozen side hears neither of a peer that hangs up nor of a gateway that forgets: what it sends next is
reset or never answered, and nobody knows then whether it counted.
"""

import http.client
import io
import logging
import socket
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.util.connection import create_connection

# It warns of a header that it cannot parse, and quotes it: a secret that the answer repeats would be
# in the log. Nobody misses the warning: the answer counts as it is.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

# Seconds that a connection is kept without use. Of servers in wide use, Apache and Node.js hang up the
# soonest: after 5 seconds by default.
_IDLE = 4.0


def bounded_session() -> requests.Session:
    """A session whose time-outs hold for a whole step. It keeps connections alive, for a moment."""
    session = _Session()
    # Neither a proxy nor a netrc of the environment has a say in where a call goes, and with which key.
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def body_of(answer: requests.Response, most: int) -> bytes:
    """The body of an answer that was asked for with `stream=True`; empty if it has more than `most` bytes.

    Empty as well if it breaks off or takes too long: then its status has to do. An answer that was not read
    to its end closes its connection.
    """
    body = b""
    try:
        for chunk in answer.iter_content(4096):
            body += chunk
            if len(body) > most:
                answer.close()
                return b""
    except requests.RequestException:
        answer.close()
        return b""
    return body


def never_connected(error: requests.RequestException) -> bool:
    """Whether a call failed before any of it was sent: no address, no connection, no TLS, or no valid URL."""
    cause = error.args[0] if error.args else None
    # The errors of requests about a URL or a header that it cannot use are ValueErrors.
    return isinstance(error, requests.ConnectTimeout | ValueError) or isinstance(
        getattr(cause, "reason", None), NewConnectionError
    )


class _Session(requests.Session):
    """Uses no connection again that was idle for longer than _IDLE."""

    _used_at = 0.0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # By the clock on the wall: a monotonic one may stand still while the function is frozen. It may be
        # set back, too; then how long the connection was idle is unknown.
        if not 0 <= time.time() - self._used_at <= _IDLE:
            self.close()  # only the connections: the session goes on with new ones
        try:
            return super().send(request, **options)
        finally:
            self._used_at = time.time()


class _InTime(io.RawIOBase):
    """Reads from a socket until it is due, counted from its making; then raises TimeoutError."""

    def __init__(self, raw: Any, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        self._due = time.monotonic() + (connection.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        self._connection.settimeout(_left(self._due))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Reads everything, the header first, in the time that the socket has when this is made."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    """Connects in one time-out, whatever it takes to. What fails there is a NewConnectionError."""

    response_class = _Answer

    def connect(self) -> None:
        """Raises NewConnectionError, of which one knows that nothing was sent."""
        try:
            super().connect()
        except NewConnectionError:
            raise
        except Exception as error:
            raise NewConnectionError(self, f"no connection: {error}") from error

    # urllib3's own gives each address the whole time-out. It is what urllib3's SOCKS support overrides, too.
    def _new_conn(self) -> socket.socket:
        due = time.monotonic() + float(self.timeout or 0.0)
        failure: OSError | None = None
        for *_, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            try:
                connection = create_connection(
                    (str(address[0]), self.port), _left(due), socket_options=self.socket_options
                )
                # TLS has what is left.
                connection.settimeout(_left(due))
            except OSError as error:
                failure = error
            else:
                return connection
        raise failure or OSError(f"{self.host} has no address")


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _left(due: float) -> float:
    left = due - time.monotonic()
    if left <= 0:
        raise TimeoutError("time-out")
    return left
