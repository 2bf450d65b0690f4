"""The API client on a real socket: every documented answer is a typed error, and the key stays secret."""

import base64
import json
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from purging.errors import (
    KeyRefused,
    PurgeError,
    QuotaExhausted,
    Throttled,
    Unavailable,
    UnknownRequest,
    UrlRefused,
)
from purging.imagekit import client as imagekit
from purging.imagekit.client import ImageKit
from purging.imagekit.private_key import PrivateKey

KEY = "private_do-not-show-me"
ODD_KEY = "private_do+not/show'\\me="
URL = "https://ik.imagekit.io/demo/a.jpg"
HELP = "For support kindly contact us at support@imagekit.io."


@dataclass
class Reply:
    """An answer of the stub. With status 0, the stub closes the connection."""

    status: int = 201
    body: object = field(default_factory=lambda: {"requestId": 24 * "a"})
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass
class Stub:
    """A scripted ImageKit: it gives `replies` in turn, and repeats the last one."""

    url: str
    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    calls: list[tuple[str, str, str | None, bytes]] = field(default_factory=list)
    connections: int = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stub: Stub

    def setup(self) -> None:
        super().setup()
        self.stub.connections += 1

    def _serve(self) -> None:
        stub = self.stub
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        stub.calls.append((self.command, self.path, self.headers.get("Authorization"), body))
        reply = stub.replies.pop(0) if len(stub.replies) > 1 else stub.replies[0]
        time.sleep(reply.delay)
        if not reply.status:
            self.close_connection = True
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(content)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _serve  # noqa: N815 - http.server's names

    # The signature is http.server's.
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def stub() -> Iterator[Stub]:
    handler = type("Handler", (_Handler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        handler.stub = Stub(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield handler.stub
        finally:
            server.shutdown()
            thread.join()


class Secrets:
    """A Secrets Manager with one secret. It counts how often the secret is read."""

    def __init__(self, text: str = KEY) -> None:
        self.text = text
        self.reads = 0

    def get_secret_value(self, **_wanted: str) -> dict[str, str]:
        self.reads += 1
        return {"SecretString": self.text}


def client(stub: Stub, secrets: Secrets | None = None) -> ImageKit:
    return ImageKit(stub.url, PrivateKey("arn:secret", secrets or Secrets()))  # type: ignore[arg-type]


def refusal(status: int, message: str = "", **headers: str) -> Reply:
    return Reply(status, {"message": message, "help": HELP}, headers)


def shown(error: BaseException) -> str:
    """Returns everything that a log could show of an error."""
    return "".join(traceback.format_exception(error)) + str(error)


def test_a_purge_as_documented(stub: Stub) -> None:
    """One URL in a JSON body, the key as the user name of HTTP Basic, and 201 with a request id:

    https://imagekit.io/docs/api-reference/caching/purge-cache
    """
    assert client(stub).purge(URL) == 24 * "a"
    ((method, path, authorization, body),) = stub.calls
    assert (method, path, json.loads(body)) == ("POST", "/v1/files/purge", {"url": URL})
    # base64 of "private_do-not-show-me:"
    assert authorization == "Basic cHJpdmF0ZV9kby1ub3Qtc2hvdy1tZTo="


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_with_a_request_id_is_accepted(stub: Stub, status: int) -> None:
    """Older documentation says 200."""
    stub.replies = [Reply(status)]
    assert client(stub).purge(URL) == 24 * "a"


ACCOUNT_REFUSALS = [
    (401, "Your request does not contain private API key."),
    (403, "Your account cannot be authenticated."),
    (403, "Your request contains expired private API key."),
    (403, "Your account is disabled."),
]
RESET = {"X-RateLimit-Limit": "20", "X-RateLimit-Reset": "1500", "X-RateLimit-Interval": "1000"}

PURGE_ANSWERS: list[tuple[Reply, type[PurgeError]]] = [
    (refusal(400, "Your request is missing URL parameter."), UrlRefused),
    (refusal(400, "The URL is not valid for cache purging."), UrlRefused),
    *((refusal(status, message), KeyRefused) for status, message in ACCOUNT_REFUSALS),
    (refusal(429, "Too many requests", **RESET), Throttled),
    (refusal(429, "You have exceeded the monthly limit"), QuotaExhausted),
    (refusal(429, "You have exceeded the monthly limit", **RESET), Throttled),
    (refusal(429, "", **{"X-RateLimit-Reset": "0"}), Throttled),
    (refusal(429, "", **(RESET | {"X-RateLimit-Reset": "0"})), Throttled),
    (refusal(429, "", **{"X-RateLimit-Reset": "soon"}), Throttled),
    (refusal(429, "", **{"X-RateLimit-Interval": "2592000000"}), QuotaExhausted),
    (refusal(429, "", **{"X-RateLimit-Reset": "3600001"}), QuotaExhausted),
    (refusal(403, "Your account has reached its monthly purge limit."), QuotaExhausted),
    (refusal(500), Unavailable),
    (refusal(502), Unavailable),
    (refusal(503, "limit"), Unavailable),
    *((refusal(status), Unavailable) for status in (404, 405, 407, 408, 409, 410, 418, 431, 451)),
    *((refusal(status), UrlRefused) for status in (413, 414, 422)),
    (Reply(0), Unavailable),
    (Reply(201, {}), Unavailable),
    (Reply(201, {"requestId": ""}), Unavailable),
    (Reply(201, {"requestId": 7}), Unavailable),
    (Reply(201, [24 * "a"]), Unavailable),
    (Reply(201, b"<html>"), Unavailable),
    (Reply(201, b"\xff\xfe{"), Unavailable),
    (Reply(201, b"[" * 100_000), Unavailable),
    (Reply(204, b""), Unavailable),
    (Reply(201, b"{}", {"Content-Encoding": "gzip"}), Unavailable),
]


@pytest.mark.parametrize(("reply", "error"), PURGE_ANSWERS)
def test_each_answer_to_a_purge_is_a_typed_error(stub: Stub, reply: Reply, error: type[PurgeError]) -> None:
    """The type says whether the error is permanent. The message is ImageKit's, and never has the key."""
    stub.replies = [reply]
    with pytest.raises(PurgeError) as caught:
        client(stub).purge(URL)
    assert caught.type is error
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize(
    "reply",
    [refusal(404), refusal(405), refusal(408), refusal(451), refusal(301), refusal(302), refusal(308)],
    ids=lambda reply: str(reply.status),
)
def test_a_definite_refusal_is_not_counted_and_names_the_remedy(stub: Stub, reply: Reply) -> None:
    """A wrong ImageKitApiUrl must not use up the month's quota unnoticed."""
    stub.replies = [reply]
    with pytest.raises(Unavailable, match=f"answered {reply.status} .*check ImageKitApiUrl") as caught:
        client(stub).purge(URL)
    assert not caught.value.may_have_counted


@pytest.mark.parametrize(
    "reply",
    [refusal(500), refusal(503), refusal(599), Reply(0), Reply(201, {}), Reply(204, b"")],
    ids=lambda reply: str(reply.status),
)
def test_an_unclear_answer_may_have_counted(stub: Stub, reply: Reply) -> None:
    """A purge that may have been accepted is counted, so that the quota is never exceeded."""
    stub.replies = [reply]
    with pytest.raises(Unavailable) as caught:
        client(stub).purge(URL)
    assert caught.value.may_have_counted


STATUS_ANSWERS: list[tuple[Reply, type[PurgeError]]] = [
    (refusal(400, "No request found for this requestId."), UnknownRequest),
    *((refusal(status, message), KeyRefused) for status, message in ACCOUNT_REFUSALS),
    (refusal(429, "", **RESET), Throttled),
    (refusal(429), Throttled),
    (refusal(429, "", **{"X-RateLimit-Interval": "2592000000"}), Throttled),
    (refusal(403, "You have reached a limit."), Unavailable),
    *((refusal(status), Unavailable) for status in (404, 405, 413, 414, 422)),
    (refusal(500), Unavailable),
    (Reply(0), Unavailable),
    (Reply(200, {"status": "Failed"}), Unavailable),
    (Reply(200, {}), Unavailable),
    (Reply(302, {"status": "Completed"}), Unavailable),
]


@pytest.mark.parametrize(("reply", "error"), STATUS_ANSWERS)
def test_each_answer_to_a_status_call_is_a_typed_error(
    stub: Stub, reply: Reply, error: type[PurgeError]
) -> None:
    """An unknown id gets 400, not 404. A rate limit never counts as the exhausted quota of purges."""
    stub.replies = [reply]
    with pytest.raises(PurgeError) as caught:
        client(stub).status("ab12")
    assert caught.type is error
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize("status", ["Pending", "Completed"])
def test_the_status_of_a_purge_is_returned(stub: Stub, status: str) -> None:
    """There are only two states."""
    stub.replies = [Reply(200, {"status": status})]
    assert client(stub).status("ab12") == status
    assert stub.calls[0][:2] == ("GET", "/v1/files/purge/ab12")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Reset": "1500"}, 1.5),
        ({"Reset": "1"}, 0.001),
        ({"Reset": "3.2e3"}, 3.2),
        ({"Reset": "3600000", "Interval": "3600000"}, 3600),
        ({"Reset": "0", "Interval": "1000"}, 60),
        ({"Reset": "-5"}, 60),
        ({"Reset": "nan"}, 60),
        ({}, 60),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(stub: Stub, headers: dict[str, str], seconds: float) -> None:
    """The reset is in milliseconds. If it is unusable, the wait is a minute."""
    stub.replies = [refusal(429, **{f"X-RateLimit-{name}": value for name, value in headers.items()})]
    with pytest.raises(Throttled) as caught:
        client(stub).purge(URL)
    assert caught.value.retry_after == pytest.approx(seconds)


DAY = 86_400


@pytest.mark.parametrize(
    ("status", "headers", "resumes_in"),
    [
        (429, {"Reset": str(9 * DAY * 1000), "Interval": str(30 * DAY * 1000), "Limit": "1000"}, 9 * DAY),
        (429, {"Reset": "5000", "Interval": str(30 * DAY * 1000)}, 5),
        (429, {"Reset": "0", "Interval": str(30 * DAY * 1000)}, None),
        (429, {"Interval": str(30 * DAY * 1000)}, None),
        (429, {"Reset": str(7200 * 1000)}, 7200),
        (429, {"Reset": "1795321334963"}, 31 * DAY),
        (429, {}, None),
        (403, {"Reset": str(9 * DAY * 1000), "Interval": str(30 * DAY * 1000)}, 9 * DAY),
        (403, {"Reset": "200", "Interval": "1000"}, None),
        (403, {}, None),
    ],
)
def test_an_exhausted_quota_says_when_it_resumes(
    stub: Stub, status: int, headers: dict[str, str], resumes_in: float | None
) -> None:
    """A wrongly sent timestamp must not stop all purges for decades, so the wait is at most 31 days."""
    named = {f"X-RateLimit-{name}": value for name, value in headers.items()}
    stub.replies = [refusal(status, "You have exceeded the monthly limit", **named)]
    with pytest.raises(QuotaExhausted) as caught:
        client(stub).purge(URL)
    assert caught.value.resumes_in == resumes_in


@pytest.mark.parametrize("reply", [Reply(headers=RESET), refusal(429, **RESET), refusal(500, **RESET)])
def test_the_rate_limit_of_every_purge_answer_is_logged(
    stub: Stub, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    """The log shows what ImageKit answers when the quota is used up. It has no other header and no key."""
    reply.headers = reply.headers | {"Set-Cookie": "secret", "Authorization": "secret"}
    stub.replies = [reply]
    with suppress(PurgeError):
        client(stub).purge(URL)
    (line,) = (record for record in caplog.records if record.message == "rate limit")
    assert (line.status, line.headers) == (reply.status, RESET)  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(stub: Stub, status: int) -> None:
    """No other server may get the key. A redirect is no acceptance, whatever its body says."""
    stub.replies = [Reply(status, headers={"Location": f"{stub.url}/elsewhere"})]
    with pytest.raises(Unavailable):
        client(stub).purge(URL)
    assert [path for _, path, _, _ in stub.calls] == ["/v1/files/purge"]


def test_one_connection_serves_all_calls(stub: Stub) -> None:
    """A new connection would cost a TCP and a TLS handshake. Refusals and errors do not close it."""
    stub.replies = [
        Reply(),
        refusal(400),
        refusal(429, **RESET),
        refusal(500),
        Reply(200, {"status": "Pending"}),
    ]
    imagekit = client(stub)
    imagekit.purge(URL)
    for error in (UrlRefused, Throttled, Unavailable):
        with pytest.raises(error):
            imagekit.purge(URL)
    for _ in range(20):
        imagekit.status("ab12")
    assert (len(stub.calls), stub.connections) == (24, 1)


def test_a_missing_answer_times_out(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The purge may still have been accepted."""
    monkeypatch.setattr(imagekit, "CALL_SECONDS", 0.4)
    monkeypatch.setattr(imagekit, "_CONNECT", 0.2)
    stub.replies = [Reply(delay=600)]
    with pytest.raises(Unavailable) as caught:
        client(stub).purge(URL)
    assert caught.value.may_have_counted
    assert KEY not in shown(caught.value)


def test_a_broken_connection_may_have_counted_and_a_refused_one_has_not(stub: Stub) -> None:
    """A purge that was surely not made is given back to the quota. Every other purge counts."""
    stub.replies = [Reply(0)]
    with pytest.raises(Unavailable) as broken:
        client(stub).purge(URL)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = Stub(f"http://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(Unavailable) as refused:
            client(nobody).purge(URL)
    assert (broken.value.may_have_counted, refused.value.may_have_counted) == (True, False)


@pytest.mark.parametrize(("status", "message"), ACCOUNT_REFUSALS)
def test_a_refused_key_is_read_again_once(stub: Stub, status: int, message: str) -> None:
    """If the key has changed, the call is repeated with it. If not, one refused call is enough."""
    secrets = Secrets("old")
    imagekit = client(stub, secrets)
    stub.replies = [Reply(), refusal(status, message), Reply(), refusal(status, message)]
    imagekit.purge(URL)
    secrets.text = json.dumps({"private_key": "new"})
    imagekit.purge(URL)
    assert (len(stub.calls), secrets.reads) == (3, 2)
    with pytest.raises(KeyRefused):
        imagekit.purge(URL)
    assert (len(stub.calls), secrets.reads) == (4, 3)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "{}", '{"private_key": ""}', '{"private_key": 7}', "“private_x”", "a\tb"],
)
def test_a_secret_without_a_usable_key_is_refused(stub: Stub, text: str) -> None:
    """It is not filled in yet, or has typographic quotes. The error names the remedy, and nothing is sent."""
    secrets = Secrets(text)
    with pytest.raises(KeyRefused, match="holds no private key: put"):
        client(stub, secrets).purge(URL)
    assert stub.calls == []


@pytest.mark.parametrize(
    "text", ["private_x", " private_x\n", '{"private_key": "private_x", "placeholder": "?"}']
)
def test_a_secret_may_be_a_bare_key_or_json(stub: Stub, text: str) -> None:
    """It is read once."""
    secrets = Secrets(text)
    imagekit = client(stub, secrets)
    imagekit.purge(URL)
    imagekit.purge(URL)
    assert {call[2] for call in stub.calls} == {"Basic cHJpdmF0ZV94Og=="}
    assert secrets.reads == 1


def test_the_key_is_not_in_the_repr_of_objects_that_have_it(stub: Stub) -> None:
    """A debugger, a log line or an assertion may print any object."""
    key = PrivateKey("arn:secret", Secrets())  # type: ignore[arg-type]
    assert key.value() == KEY
    assert KEY not in repr(key) + repr(ImageKit(stub.url, key))


def forms_of(key: str) -> list[str]:
    """Returns the forms in which an answer may repeat a key."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    return [key, f"Basic {basic}", basic.rstrip("="), quote(key, safe=""), repr(key), f"{290 * '.'}{key}"]


def has_no_part_of(key: str, text: str) -> bool:
    """Whether a text has not even half of a key, in any form."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    return not any(part[: len(part) // 2] in text for part in (key, basic, quote(key, safe=""), repr(key)))


ECHOES = [400, 401, 403, 404, 413, 422, 429, 500, 503, 301, 201]


@pytest.mark.parametrize("status", ECHOES)
@pytest.mark.parametrize("call", ["purge", "status"])
@pytest.mark.parametrize("key", [KEY, ODD_KEY])
def test_an_answer_that_repeats_the_key_does_not_leak_it(
    stub: Stub, key: str, call: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors reach logs, alerts and execution histories. They have the key in no form, field or header.

    A message that is cut does not end with half of a key.
    """
    imagekit = client(stub, Secrets(key))
    # Some answers with a monthly limit raise QuotaExhausted.
    for form in [*forms_of(key), f"{key} monthly limit"]:
        headers = {"X-RateLimit-Limit": form, f"X-RateLimit-{key if key == KEY else ''}x": "1"}
        stub.replies = [Reply(status, {"message": form, "requestId": 7, "status": form}, headers)]
        with pytest.raises(PurgeError) as caught:
            getattr(imagekit, call)(URL)
        assert has_no_part_of(key, shown(caught.value))
    assert has_no_part_of(key, str([vars(record) for record in caplog.records]))


def test_a_request_id_never_has_the_key(stub: Stub) -> None:
    """Request ids are stored in the ledger and in execution histories."""
    stub.replies = [Reply(201, {"requestId": f"for {KEY}"})]
    assert client(stub).purge(URL) == "for ***"


def test_proxies_and_netrc_of_the_environment_are_ignored(
    stub: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """They could change where the key is sent, or replace it."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert client(stub).purge(URL) == 24 * "a"
    assert stub.calls[0][2] == "Basic cHJpdmF0ZV9kby1ub3Qtc2hvdy1tZTo="
