"""HTTP with time-outs that limit a whole step instead of each byte.

A time-out of requests starts again with every address of a host and with every byte that arrives, so a slow
answer may never end: https://requests.readthedocs.io/en/latest/user/advanced/#timeouts
Here the first time-out limits the connection (all addresses of the host and TLS together), and the second one
limits the answer (header and body together). Looking up the name counts, but Python cannot interrupt it: the
resolver has its own limit, a few seconds for each name server of `resolv.conf`.

A connection that was idle for longer than a moment is not used again. Lambda freezes a function between two
invocations: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
and the use of an idle connection then fails: https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html
(an example: aws/aws-sdk-js-v3#1196). A frozen function does not notice that the server closes the connection,
or that a gateway drops it. The next request is then reset or never answered, and nobody knows whether
ImageKit counted it.
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

# urllib3 warns about a header that it cannot parse, and quotes it. If the answer repeats a secret, the log
# would have it. The warning is not needed: the answer is used as it is.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

# Seconds that an idle connection is kept. Among common servers, Apache and Node.js close it first, after 5
# seconds by default.
_IDLE = 4.0


def bounded_session() -> requests.Session:
    """A session whose time-outs limit a whole step. It keeps idle connections for a moment."""
    session = _Session()
    # The environment's proxy and netrc file must not decide where a call goes, or with which key.
    session.trust_env = False
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter())
    return session


def body_of(answer: requests.Response, most: int) -> bytes:
    """The body of an answer that was requested with `stream=True`.

    It is empty if the body has more than `most` bytes, breaks off or takes too long. Then the connection is
    closed, and the caller has only the status of the answer.
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
    """Whether a call failed before anything was sent: no address, no connection, no TLS or no valid URL."""
    cause = error.args[0] if error.args else None
    # For a URL or a header that it cannot use, requests raises an error that is also a ValueError.
    return isinstance(error, requests.ConnectTimeout | ValueError) or isinstance(
        getattr(cause, "reason", None), NewConnectionError
    )


class _Session(requests.Session):
    """Opens a new connection if the last one was idle for longer than _IDLE."""

    _used_at = 0.0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # The wall clock decides: a monotonic clock may stand still while the function is frozen. A negative
        # difference means that the clock was set back, and that the idle time is unknown.
        if not 0 <= time.time() - self._used_at <= _IDLE:
            self.close()  # closes the connections; the session opens new ones
        try:
            return super().send(request, **options)
        finally:
            self._used_at = time.time()


class _InTime(io.RawIOBase):
    """Reads from a socket until the socket's time-out has passed since this reader was made. Raises
    TimeoutError after that."""

    def __init__(self, raw: Any, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        self._due = time.monotonic() + (connection.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        self._connection.settimeout(_remaining(self._due))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """Reads header and body together within the time-out that the socket has when this is made."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp = io.BufferedReader(_InTime(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    """Connects within one time-out."""

    response_class = _Answer

    def connect(self) -> None:
        """Connect. Raises NewConnectionError for every failure, which proves that nothing was sent."""
        try:
            super().connect()
        except NewConnectionError:
            raise
        except Exception as error:
            raise NewConnectionError(self, f"no connection: {error}") from error

    # urllib3's own method gives each address the whole time-out. Its SOCKS support overrides the same method.
    def _new_conn(self) -> socket.socket:
        due = time.monotonic() + float(self.timeout or 0.0)
        failure: OSError | None = None
        for *_, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            try:
                connection = create_connection(
                    (str(address[0]), self.port), _remaining(due), socket_options=self.socket_options
                )
                # TLS may take the remaining time.
                connection.settimeout(_remaining(due))
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


def _remaining(due: float) -> float:
    """Seconds until `due`, a time of the monotonic clock. Raises TimeoutError if it has passed."""
    remaining = due - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("time-out")
    return remaining
