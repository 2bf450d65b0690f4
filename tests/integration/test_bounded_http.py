"""HTTP calls are bounded in time and in size on a real socket, however the server answers."""

import base64
import gzip
import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import certificate
from purging.errors import Unavailable, UnknownRequest
from purging.imagekit import bounded_http, freshness
from purging.imagekit import client as imagekit
from purging.imagekit.client import ImageKit
from purging.imagekit.freshness import Freshness
from purging.imagekit.private_key import PrivateKey
from tests.integration.harness import VirtualClock
from tests.integration.test_imagekit_client import KEY, URL, Secrets, shown

Script = Callable[[socket.socket], None]

# How long a call may take here, and how much longer on a busy machine, in seconds.
BOUND, GRACE = 1.0, 2.0
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
# The key in the form of HTTP Basic.
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
ACCEPTED = b'{"requestId": "aaaaaaaaaaaaaaaaaaaaaaaa"}'


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bounds as in production, but shorter."""
    monkeypatch.setattr(imagekit, "CALL_SECONDS", BOUND)
    monkeypatch.setattr(imagekit, "_CONNECT", BOUND / 4)
    monkeypatch.setattr(freshness, "_TIMEOUT", (BOUND / 4, BOUND))


@contextmanager
def server(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answers each connection by a script until the client closes it. Yields its address, `host:port`."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if tls:
                with tls.wrap_socket(connection, server_side=True) as wrapped:
                    script(wrapped)
            else:
                script(connection)

    def accept() -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.02)
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


def read_request(connection: socket.socket) -> None:
    """Reads a whole request, including the body of a POST."""
    received = b""
    while b"\r\n\r\n" not in received or (received.startswith(b"POST") and not received.endswith(b"}")):
        if not (more := connection.recv(4096)):
            raise ConnectionError
        received += more


def slow_answer(before: bytes, drop: bytes, *, every: float = 0.05) -> Script:
    """Answers `before` at once, then one `drop` after the other without end."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(before)
        while True:
            connection.sendall(drop)
            time.sleep(every)

    return script


SLOW_ANSWERS = {
    "status line": slow_answer(b"", b"H"),
    "header": slow_answer(HEAD + b"X-Slow: ", b"x"),
    "header lines": slow_answer(HEAD, b"X: y\r\n", every=0.2),
    "continue": slow_answer(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": slow_answer(HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
    "body without a length": slow_answer(HEAD + b"Connection: close\r\n\r\n", b" "),
    "chunks": slow_answer(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk length": slow_answer(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "nothing": slow_answer(b"", b""),
}


def client(address: str) -> ImageKit:
    return ImageKit(address, PrivateKey("arn:secret", Secrets()))  # type: ignore[arg-type]


@pytest.mark.parametrize("script", SLOW_ANSWERS.values(), ids=SLOW_ANSWERS)
@pytest.mark.parametrize("call", ["purge", "status"])
def test_a_slow_answer_ends_in_time(script: Script, call: str) -> None:
    """A time-out for each byte would never expire. The call was sent, so it may have counted."""
    with server(script) as address:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            getattr(client(f"http://{address}"), call)(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert caught.value.may_have_counted
    assert KEY not in shown(caught.value)


def test_a_slow_answer_over_tls_ends_in_time(tmp_path: Path) -> None:
    """TLS reads from the socket below HTTP."""
    files = certificate.make(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    with server(slow_answer(HEAD + b"X-Slow: ", b"x"), tls=tls) as address:
        calls = client(f"https://{address}")
        calls._session.verify = str(files[0])
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            calls.purge(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert caught.value.may_have_counted


def test_a_repetition_with_another_key_is_within_the_same_bound() -> None:
    """A call that is repeated with a new key takes no longer than one call may."""
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    answers = itertools.count()

    def script(connection: socket.socket) -> None:
        if next(answers):
            slow_answer(HEAD, b"X: y\r\n")(connection)
        read_request(connection)
        connection.sendall(refusal)

    secrets = Secrets("old")
    with server(script) as address:
        calls = ImageKit(f"http://{address}", PrivateKey("arn:secret", secrets))  # type: ignore[arg-type]
        calls._private_key.value()
        secrets.text = "new"
        began = time.monotonic()
        with pytest.raises(Unavailable):
            calls.purge(URL)
        assert time.monotonic() - began < BOUND + GRACE


def test_many_addresses_share_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have many addresses, and none may answer. Nothing was sent then."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # A listener with a full queue answers no further connection.
        for pending in (first, second):
            pending.setblocking(False)
            pending.connect_ex(deaf.getsockname())
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", deaf.getsockname())]
        resolve = socket.getaddrinfo

        def resolved(host: str, *rest: object, **options: object) -> object:
            return found * 40 if host == "imagekit.test" else resolve(host, *rest, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            client(f"http://imagekit.test:{deaf.getsockname()[1]}").purge(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert not caught.value.may_have_counted


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address refuses the connection."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(ACCEPTED), ACCEPTED))

    with server(script) as address:
        resolve = socket.getaddrinfo

        def resolved(host: str, *rest: object, **options: object) -> object:
            names = ["127.0.0.2", "127.0.0.1"] if host == "imagekit.test" else [host]
            return [each for name in names for each in resolve(name, *rest, **options)]  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        assert client(f"http://imagekit.test:{address.partition(':')[2]}").purge(URL) == 24 * "a"


def test_a_tls_handshake_is_within_the_time_to_connect() -> None:
    """Nothing was sent before the end of the handshake."""
    with server(lambda _: time.sleep(5)) as address:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="ImageKitApiUrl") as caught:
            client(f"https://{address}").purge(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert not caught.value.may_have_counted


def test_an_untrusted_certificate_counts_nothing(tmp_path: Path) -> None:
    """An endpoint with a wrong certificate must not use up the month's quota."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate.make(tmp_path))
    remedy = r"CERTIFICATE_VERIFY_FAILED.*ImageKitApiUrl"
    with server(lambda _: None, tls=tls) as address, pytest.raises(Unavailable, match=remedy) as caught:
        client(f"https://{address}").purge(URL)
    assert not caught.value.may_have_counted


@pytest.mark.parametrize(
    "address",
    [
        "http://imagekit.invalid",
        "https://127.0.0.1:1",
        "http://[::1",
        "nonsense",
        f"https://{'a' * 300}.invalid",
    ],
)
def test_an_unreachable_address_counts_nothing(address: str) -> None:
    """The name is unknown, no server listens, or the address is invalid. The error names the remedy."""
    with pytest.raises(Unavailable, match="ImageKitApiUrl") as caught:
        client(address).purge(URL)
    assert not caught.value.may_have_counted


def answers_with(body: bytes, *headers: bytes) -> Script:
    def script(connection: socket.socket) -> None:
        read_request(connection)
        head = HEAD + b"".join(header + b"\r\n" for header in headers)
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    return script


@pytest.mark.parametrize(
    "script",
    [
        answers_with(b" " * 20_000_000 + ACCEPTED),
        answers_with(gzip.compress(b" " * 50_000_000 + ACCEPTED), b"Content-Encoding: gzip"),
        slow_answer(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n%b\r\n" % (b" " * 65_536), every=0
        ),
    ],
    ids=["length", "gzip", "chunks"],
)
def test_a_huge_answer_is_not_read(script: Script) -> None:
    """The size is limited, also after decompression. The purge may have counted."""
    with server(script) as address, pytest.raises(Unavailable, match="201 without a requestId") as caught:
        client(f"http://{address}").purge(URL)
    assert caught.value.may_have_counted


def test_a_definite_status_counts_although_the_body_never_ends() -> None:
    """The status arrives before the body."""
    no = slow_answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n", b"x")
    with server(no) as address, pytest.raises(Unavailable) as caught:
        client(f"http://{address}").purge(URL)
    assert not caught.value.may_have_counted
    unknown = slow_answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n", b"x")
    with server(unknown) as address, pytest.raises(UnknownRequest):
        client(f"http://{address}").status("ab12")


@pytest.mark.parametrize(
    "answer",
    [b"%b\r\n\r\n", HEAD + b"%b\r\n\r\n", HEAD + b"Content-Length: %b\r\n\r\n", b"HTTP/1.1 %b\r\n\r\n"],
    ids=["no status line", "no header", "no length", "no status"],
)
@pytest.mark.parametrize("text", [KEY, BASIC], ids=["raw", "basic"])
def test_an_invalid_answer_does_not_leak_the_key(
    text: str, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken server or proxy may repeat the request. The libraries quote it in errors and logs."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer % f"authorization {text}".encode())

    with server(script) as address, pytest.raises(Unavailable) as caught:
        client(f"http://{address}").purge(URL)
    assert caught.value.may_have_counted
    assert text not in shown(caught.value) + caplog.text
    assert text not in str([vars(record) for record in caplog.records])


def test_a_freshness_check_ends_in_time() -> None:
    """The CDN may answer slowly too."""
    with server(slow_answer(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")) as address:
        began = time.monotonic()
        assert Freshness(time.time).stale_age(f"http://{address}/a.jpg", time.time()) is None
        assert time.monotonic() - began < 1.25 * BOUND + GRACE


class IdleResettingServer:
    """A server, or a gateway, that resets each connection used again after `asleep` is set.

    `requests` counts the answered requests by connection.
    """

    def __init__(self) -> None:
        self.asleep = False
        self.requests: list[int] = []

    def __call__(self, connection: socket.socket) -> None:
        mine = len(self.requests)
        self.requests.append(0)
        asleep = self.asleep
        while True:
            read_request(connection)
            if self.asleep and not asleep:
                # Closing with a linger of 0 s sends a reset.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            self.requests[mine] += 1
            body = b'{"requestId": "aaaaaaaaaaaaaaaaaaaaaaaa", "status": "Pending"}'
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """The wall_clock clock. The monotonic clock does not show how long a function was frozen."""
    clock = VirtualClock()
    monkeypatch.setattr(bounded_http, "time", SimpleNamespace(time=clock, monotonic=time.monotonic))
    return clock


@pytest.mark.parametrize("seconds", [5, 60, 86_400, -0.5, -3600], ids="{} s".format)
@pytest.mark.parametrize("call", ["purge", "status"])
def test_an_idle_connection_is_not_used_again(wall_clock: VirtualClock, call: str, seconds: float) -> None:
    """After a freeze of the function, the server may have dropped the connection.

    The first call must not be lost, and no purge counted for nothing. If the clock was set back, the idle
    time is unknown.
    """
    peer = IdleResettingServer()
    with server(peer) as address:
        ask = getattr(client(f"http://{address}"), call)
        ask(URL)
        peer.asleep = True
        wall_clock.sleep(seconds)
        ask(URL)
        ask(URL)
    assert peer.requests == [1, 2]


def test_a_connection_in_use_is_kept(wall_clock: VirtualClock) -> None:
    """It is kept however long all calls take together: a handshake costs more than a call."""
    peer = IdleResettingServer()
    with server(peer) as address:
        calls = client(f"http://{address}")
        for _ in range(10):
            calls.purge(URL)
            wall_clock.sleep(3)
            calls.status("ab12")
    assert peer.requests == [20]


def test_a_freshness_check_uses_no_idle_connection(wall_clock: VirtualClock) -> None:
    """A reset gives no answer, and no answer counts as fresh."""
    answers = itertools.count()

    def script(connection: socket.socket) -> None:
        first = not next(answers)
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nAge: 900\r\n\r\n")
        if first:
            read_request(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with server(script) as address:
        looks = Freshness(wall_clock)
        assert looks.stale_age(f"http://{address}/a.jpg", wall_clock()) == 900
        wall_clock.sleep(60)
        assert looks.stale_age(f"http://{address}/a.jpg", wall_clock()) == 900
