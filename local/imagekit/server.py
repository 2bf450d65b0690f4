"""Serves the emulator on a socket, in a thread."""

import contextlib
import socket
import socketserver
import ssl
import struct
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import quote

from local.imagekit.answers import Answer, Request
from local.imagekit.emulator import Emulator

_LARGEST_BODY = 1_000_000  # bytes; a purge has a few hundred
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_LONGEST_STOP = 20.0  # seconds: longer than the origin client waits


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Listener"

    def _serve(self) -> None:
        body = self._read_body()
        if body is None:
            return
        request = Request(
            method=self.command,
            # Not self.path: http.server reduces leading slashes to one there.
            target=quote(self.requestline.split()[1].encode("latin-1"), safe=_PRINTABLE),
            host=self.headers.get("Host", ""),
            authorization=self.headers.get("Authorization"),
            body=body,
        )
        answer = self.server.emulator.handle(request)
        if answer.delay:
            self.server.stopping.wait(answer.delay)
        if answer.reset:
            self.close_connection = True
            self.server.to_reset.add(self.connection)
            return
        self._send(answer)

    # http.server calls these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = _serve  # noqa: N815

    def _read_body(self) -> bytes | None:
        """Returns the body; None if it sent an error, because the position in the stream is then unknown."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            self.send_error(411)
        elif not (length.isascii() and length.isdigit()):
            self.send_error(400, "Content-Length is no number")
        elif int(length) > _LARGEST_BODY:
            self.send_error(413)
        else:
            return self.rfile.read(int(length))
        self.close_connection = True
        return None

    def _send(self, answer: Answer) -> None:
        lines = [
            f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Error')}",
            f"Date: {self.date_time_string()}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            *(f"{name}: {value}" for name, value in answer.headers),
        ]
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        # One write, so that one packet carries head and body.
        self.wfile.write(head if self.command == "HEAD" else head + answer.body)

    # http.server's signature. It logs nothing: there are many requests, and their headers contain the key.
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections; with the default of 5 a burst of clients is refused

    def __init__(self, address: tuple[str, int], emulator: Emulator, tls: ssl.SSLContext | None) -> None:
        self.emulator = emulator
        self.stopping = threading.Event()
        self.to_reset: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__(address, _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def server_bind(self) -> None:
        # HTTPServer's own method looks up the host's name, which may take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = cast("tuple[str, int]", self.server_address)

    # socketserver calls it a request, since it may be a datagram; here it is always a connection.
    def process_request(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        if request in self.to_reset:
            self.to_reset.discard(request)
            # Close without a shutdown: a shutdown would end the connection in an orderly way.
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_request(request)
        else:
            super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Do not report clients that close their connection early.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """End the accept loop, wake delayed answers, close idle connections, and wait for other requests."""
        self.stopping.set()
        self.shutdown()
        with self._changed:
            for connection in self._open:
                with contextlib.suppress(OSError):  # the client has closed it
                    connection.shutdown(socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._open, _LONGEST_STOP)
        self.server_close()


class ImageKitServer:
    """Serves ``emulator`` over HTTP/1.1 in a ``with`` block, ready at once; port 0 takes a free port.

    ``with ImageKitServer(emulator) as server: requests.get(server.url + "/_control/health")``

    The end of the block closes idle connections and waits for the requests under way. Raises OSError if the
    port is in use. Use a loopback host only: the control endpoints need no key. With ``tls`` it serves HTTPS.
    """

    def __init__(
        self,
        emulator: Emulator,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.emulator = emulator
        self._address = (host, port)
        self._tls = tls
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._listener is None:
            raise RuntimeError("the ImageKit server is not running; enter it with `with`")
        return self._listener.server_port

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a trailing slash; with TLS ``https``."""
        return f"http{'s' if self._tls else ''}://{self._address[0]}:{self.port}"

    def start(self) -> None:
        """Start to listen. When this returns, the server answers requests."""
        self._listener = _Listener(self._address, self.emulator, self._tls)
        for host in {self._address[0], "localhost", "127.0.0.1"}:
            self.emulator.resolver.add_host(f"{host}:{self.port}")
        # The argument is the poll interval in seconds, and so the longest time that a stop takes.
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.02,), name="imagekit", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and free the port. Does nothing if it is not running."""
        if self._listener is not None and self._thread is not None:
            self._listener.stop()
            self._thread.join()
            self._listener = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
