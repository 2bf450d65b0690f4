"""The freshness check after Completed: only the `Age` header shows that an answer is stale."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from purging.imagekit import freshness
from purging.imagekit.freshness import Freshness

NOW = 1_000_000.0


class Cdn:
    """A CDN edge that gives every request the same answer, and records the requests."""

    url = ""
    status = 200
    headers: dict[str, str]
    requests: list[tuple[str, str, dict[str, str]]]

    def __init__(self) -> None:
        self.headers, self.requests = {}, []


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    class Handler(BaseHTTPRequestHandler):
        cdn = Cdn()

        def _serve(self) -> None:
            self.cdn.requests.append((self.command, self.path, dict(self.headers)))
            self.send_response(self.cdn.status)
            for name, value in {"Content-Length": "0", **self.cdn.headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_HEAD = _serve  # noqa: N815 - http.server's names

        # The signature is http.server's.
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cdn(server: ThreadingHTTPServer) -> Cdn:
    new = Cdn()
    new.url = f"http://127.0.0.1:{server.server_port}/demo/a%20b+c.jpg?tr=w-300"
    server.RequestHandlerClass.cdn = new  # type: ignore[attr-defined]
    return new


def stale_age(url: str, seconds_ago: float = 60.0) -> float | None:
    return Freshness(lambda: NOW).stale_age(url, NOW - seconds_ago)


@pytest.mark.parametrize(
    ("age", "stale"),
    [
        ("0", False),
        ("59", False),
        ("61", False),  # clocks and rounding
        ("62", True),
        ("86400", True),
        ("100.5", True),
        ("", False),
        ("soon", False),
        ("nan", False),
        ("-5", False),
    ],
)
def test_an_answer_older_than_the_purge_is_stale(cdn: Cdn, age: str, stale: bool) -> None:
    """It was cached before the purge, so it was not purged. An `Age` that is no number shows nothing."""
    cdn.headers = {"Age": age}
    assert stale_age(cdn.url) == (float(age) if stale else None)


@pytest.mark.parametrize("status", [200, 304, 403, 404, 500, 502])
def test_the_age_counts_whatever_the_status(cdn: Cdn, status: int) -> None:
    """The edge must answer a fresh 404 for a removed object. An old 200 and an old 404 are both stale."""
    cdn.status = status
    assert stale_age(cdn.url) is None, "no Age: it was not cached"
    cdn.headers = {"Age": "3600"}
    assert stale_age(cdn.url) == 3600


def test_the_request_is_that_of_a_visitor(cdn: Cdn) -> None:
    """It has the unchanged URL and no credentials, and it does not fetch the body."""
    stale_age(cdn.url)
    ((method, path, headers),) = cdn.requests
    assert (method, path) == ("HEAD", "/demo/a%20b+c.jpg?tr=w-300")
    assert not {"authorization", "cookie"} & {name.lower() for name in headers}


def test_redirects_are_not_followed(cdn: Cdn) -> None:
    """Only the configured endpoint is requested."""
    cdn.status, cdn.headers = 302, {"Location": "/elsewhere"}
    assert stale_age(cdn.url) is None
    assert len(cdn.requests) == 1


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/a.jpg", "https://[::1/a.jpg", "http://", "nonsense", f"http://{'a' * 300}.example/"],
)
def test_no_answer_is_not_stale(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """ImageKit says Completed. A failing network must not cause an alert."""
    monkeypatch.setattr(freshness, "_TIMEOUT", (0.3, 0.3))
    assert stale_age(url) is None
