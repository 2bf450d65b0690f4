"""Calls that end in time and in size on a real socket, however the other side answers."""

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

# What a call may take here, and how much later than that a busy machine may come to say so, in seconds.
BOUND, GRACE = 1.0, 2.0
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n"
# What HTTP Basic carries the key as.
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
ACCEPTED = b'{"requestId": "aaaaaaaaaaaaaaaaaaaaaaaa"}'


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bounds, only shorter."""
    monkeypatch.setattr(imagekit, "CALL_SECONDS", BOUND)
    monkeypatch.setattr(imagekit, "_CONNECT", BOUND / 4)
    monkeypatch.setattr(freshness, "_TIMEOUT", (BOUND / 4, BOUND))


@contextmanager
def server(script: Script, *, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Answers each connection by a script, until the client hangs up; its address, `host:port`."""
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
    """All of a request, which has a body if it says so."""
    received = b""
    while b"\r\n\r\n" not in received or (received.startswith(b"POST") and not received.endswith(b"}")):
        if not (more := connection.recv(4096)):
            raise ConnectionError
        received += more


def drips(before: bytes, drop: bytes, *, every: float = 0.05) -> Script:
    """Answers `before` at once, then one `drop` after the other, for ever."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(before)
        while True:
            connection.sendall(drop)
            time.sleep(every)

    return script


DRIPS = {
    "status line": drips(b"", b"H"),
    "header": drips(HEAD + b"X-Slow: ", b"x"),
    "header lines": drips(HEAD, b"X: y\r\n", every=0.2),
    "continue": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drips(HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
    "body without a length": drips(HEAD + b"Connection: close\r\n\r\n", b" "),
    "chunks": drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk length": drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "nothing": drips(b"", b""),
}


def client(address: str) -> ImageKit:
    return ImageKit(address, PrivateKey("arn:secret", Secrets()))  # type: ignore[arg-type]


@pytest.mark.parametrize("script", DRIPS.values(), ids=DRIPS)
@pytest.mark.parametrize("call", ["purge", "status"])
def test_an_answer_that_drips_ends_in_time(script: Script, call: str) -> None:
    """A time-out for each byte would never come. What was sent may have counted."""
    with server(script) as address:
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            getattr(client(f"http://{address}"), call)(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert caught.value.may_have_counted
    assert KEY not in shown(caught.value)


def test_an_answer_that_drips_through_tls_ends_in_time(tmp_path: Path) -> None:
    """TLS has reads of its own below those of HTTP."""
    files = certificate.make(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*files)
    with server(drips(HEAD + b"X-Slow: ", b"x"), tls=tls) as address:
        calls = client(f"https://{address}")
        calls._session.verify = str(files[0])
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            calls.purge(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert caught.value.may_have_counted


def test_a_repetition_with_another_key_is_within_the_same_bound() -> None:
    """A key that was read again does not double the time."""
    refusal = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
    answers = itertools.count()

    def script(connection: socket.socket) -> None:
        if next(answers):
            drips(HEAD, b"X: y\r\n")(connection)
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
    """A name may have eight of them, and none may answer: nothing was sent then."""
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        # A listener whose queue is full answers no further one.
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
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


def test_a_further_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that refuses is not the end."""

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


def test_tls_that_never_comes_is_within_the_time_to_connect() -> None:
    """Before its handshake is over nothing was sent."""
    with server(lambda _: time.sleep(5)) as address:
        began = time.monotonic()
        with pytest.raises(Unavailable, match="ImageKitApiUrl") as caught:
            client(f"https://{address}").purge(URL)
        assert time.monotonic() - began < BOUND + GRACE
    assert not caught.value.may_have_counted


def test_a_certificate_that_nobody_vouches_for_counts_nothing(tmp_path: Path) -> None:
    """An endpoint with a bad certificate must not empty the month."""
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
def test_an_address_that_leads_nowhere_counts_nothing(address: str) -> None:
    """No name, nobody there, no address at all: nothing was sent, and the remedy is named."""
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
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n%b\r\n" % (b" " * 65_536), every=0),
    ],
    ids=["length", "gzip", "chunks"],
)
def test_an_answer_without_measure_is_not_read(script: Script) -> None:
    """Its size is bounded, too, also that of what is packed; whether it counted, nobody knows."""
    with server(script) as address, pytest.raises(Unavailable, match="201 without a requestId") as caught:
        client(f"http://{address}").purge(URL)
    assert caught.value.may_have_counted


def test_a_definite_answer_counts_though_its_body_never_ends() -> None:
    """The status has been said by then."""
    no = drips(b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n", b"x")
    with server(no) as address, pytest.raises(Unavailable) as caught:
        client(f"http://{address}").purge(URL)
    assert not caught.value.may_have_counted
    unknown = drips(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n", b"x")
    with server(unknown) as address, pytest.raises(UnknownRequest):
        client(f"http://{address}").status("ab12")


@pytest.mark.parametrize(
    "answer",
    [b"%b\r\n\r\n", HEAD + b"%b\r\n\r\n", HEAD + b"Content-Length: %b\r\n\r\n", b"HTTP/1.1 %b\r\n\r\n"],
    ids=["no status line", "no header", "no length", "no status"],
)
@pytest.mark.parametrize("text", [KEY, BASIC], ids=["raw", "basic"])
def test_what_is_no_http_does_not_spread_the_key(
    text: str, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken server or proxy may repeat the request; the libraries quote it in their errors, and log it."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer % f"authorization {text}".encode())

    with server(script) as address, pytest.raises(Unavailable) as caught:
        client(f"http://{address}").purge(URL)
    assert caught.value.may_have_counted
    assert text not in shown(caught.value) + caplog.text
    assert text not in str([vars(record) for record in caplog.records])


def test_a_look_at_the_cdn_ends_in_time() -> None:
    """CheckPurges asks the CDN as well, which may drip as well."""
    with server(drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")) as address:
        began = time.monotonic()
        assert Freshness(time.time).stale_age(f"http://{address}/a.jpg", time.time()) is None
        assert time.monotonic() - began < 1.25 * BOUND + GRACE


class Forgetful:
    """A server, or a gateway before it, that resets a connection that is used again after `asleep` is set,
    without a word before. `requests` counts those that are answered, by connection."""

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
def wall(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """The clock on the wall. The monotonic one does not see that a function was frozen."""
    clock = VirtualClock()
    monkeypatch.setattr(bounded_http, "time", SimpleNamespace(time=clock, monotonic=time.monotonic))
    return clock


@pytest.mark.parametrize("seconds", [5, 60, 86_400, -0.5, -3600], ids="{} s".format)
@pytest.mark.parametrize("call", ["purge", "status"])
def test_a_connection_that_was_idle_is_not_used_again(wall: VirtualClock, call: str, seconds: float) -> None:
    """A function that was frozen meets a connection that its peer has dropped: the first call afterwards must
    not be lost, and a purge not be counted for nothing. If the clock was set back, nobody knows how long it
    was."""
    peer = Forgetful()
    with server(peer) as address:
        ask = getattr(client(f"http://{address}"), call)
        ask(URL)
        peer.asleep = True
        wall.sleep(seconds)
        ask(URL)
        ask(URL)
    assert peer.requests == [1, 2]


def test_a_connection_that_is_in_use_is_kept(wall: VirtualClock) -> None:
    """However long all calls take together: each handshake costs more than a call."""
    peer = Forgetful()
    with server(peer) as address:
        calls = client(f"http://{address}")
        for _ in range(10):
            calls.purge(URL)
            wall.sleep(3)
            calls.status("ab12")
    assert peer.requests == [20]


def test_a_look_at_the_cdn_uses_no_idle_connection_either(wall: VirtualClock) -> None:
    """A reset would be no answer, and no answer is taken for no sign of staleness."""
    answers = itertools.count()

    def script(connection: socket.socket) -> None:
        first = not next(answers)
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nAge: 900\r\n\r\n")
        if first:
            read_request(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with server(script) as address:
        looks = Freshness(wall)
        assert looks.stale_age(f"http://{address}/a.jpg", wall()) == 900
        wall.sleep(60)
        assert looks.stale_age(f"http://{address}/a.jpg", wall()) == 900
