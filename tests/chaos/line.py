"""A connection to the emulator for the calls that nothing happens to: a fifth of the time of requests' own.

Calls that a fault hits go the whole way through requests, which has to make something of it.
"""

import socket
from collections.abc import Iterable

import requests


class Line:
    """Kept alive until `close`; HTTP/1.1 as far as the emulator speaks it."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")
        address, _, port = self._host.partition(":")
        self._socket = socket.create_connection((address, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """One call and its answer."""
        headers = {"Host": self._host, **request.headers}
        head = [f"{request.method} {request.path_url} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        self._socket.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + content_of(request))
        status = int(self._answers.readline().split()[1])
        fields: list[tuple[str, str]] = []
        while line := self._answers.readline().strip():
            name, _, value = line.decode("latin-1").partition(": ")
            fields.append((name, value))
        content = self._answers.read(int(dict(fields)["Content-Length"]))
        return response(request, status, fields, content)

    def close(self) -> None:
        """Hang up."""
        self._answers.close()
        self._socket.close()


def content_of(request: requests.PreparedRequest) -> bytes:
    """The body, empty if there is none."""
    return request.body if isinstance(request.body, bytes) else str(request.body or "").encode()


def response(
    request: requests.PreparedRequest, status: int, headers: Iterable[tuple[str, str]], content: bytes
) -> requests.Response:
    """What requests makes of an answer."""
    made = requests.Response()
    made.status_code, made._content = status, content
    made._content_consumed = True  # type: ignore[attr-defined] # as if it had been read from a socket
    made.headers.update(dict(headers))
    made.request, made.url = request, str(request.url)
    return made
