"""The emulator's purge and status API on a real socket, compared with ImageKit's documentation."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from local.imagekit import Bucket, Emulator, ImageKitServer, Settings

KEY = "private_test"
HELP = "For support kindly contact us at support@imagekit.io."
GOOD_URL = "https://ik.imagekit.io/demo/a.jpg"


@pytest.fixture
def server() -> Iterator[ImageKitServer]:
    emulator = Emulator(
        Settings(KEY, delay=0), origins={"demo": Bucket("photos")}, domains={"images.example.com": "demo"}
    )
    with ImageKitServer(emulator) as server:
        yield server


def purge(server: ImageKitServer, url: object = GOOD_URL, **more: Any) -> requests.Response:
    options = {"json": {"url": url}, "auth": (KEY, "")} | more
    return requests.post(f"{server.url}/v1/files/purge", timeout=60, **options)


def status(server: ImageKitServer, request_id: str, **more: Any) -> requests.Response:
    options = {"auth": (KEY, "")} | more
    return requests.get(f"{server.url}/v1/files/purge/{request_id}", timeout=60, **options)


def control(server: ImageKitServer, name: str, body: object = None) -> Any:
    url = f"{server.url}/_control/{name}"
    answer = requests.get(url, timeout=60) if body is None else requests.post(url, json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


def test_accepted(server: ImageKitServer) -> None:
    """A purge is answered with 201 and an id of 24 hexadecimal digits, which the status API accepts."""
    answer = purge(server)
    assert answer.status_code == 201
    assert list(answer.json()) == ["requestId"]
    request_id = answer.json()["requestId"]
    assert len(bytes.fromhex(request_id)) == 12
    followed = status(server, request_id)
    assert (followed.status_code, followed.json()) == (200, {"status": "Completed"})


def test_pending_until_the_delay_is_over(server: ImageKitServer) -> None:
    """A purge that has not completed is Pending, also in the list of purges."""
    control(server, "settings", {"delay": 3600})
    request_id = purge(server).json()["requestId"]
    assert status(server, request_id).json() == {"status": "Pending"}
    (entry,) = control(server, "purges")
    assert (entry["requestId"], entry["url"], entry["completedAt"]) == (request_id, GOOD_URL, None)


@pytest.mark.parametrize("password", ["", "do_not_set", "a:b"])
def test_password_is_ignored(server: ImageKitServer, password: str) -> None:
    """The password of the Basic credentials has no effect."""
    assert purge(server, auth=(KEY, password)).status_code == 201


@pytest.mark.parametrize(
    ("more", "expected", "message"),
    [
        ({"json": {}}, 400, "Your request is missing URL parameter."),
        ({"json": {"url": ""}}, 400, "Your request is missing URL parameter."),
        ({"json": {"url": 7}}, 400, "Your request is missing URL parameter."),
        ({"json": [GOOD_URL]}, 400, "Your request is missing URL parameter."),
        ({"json": None}, 400, "Your request is missing URL parameter."),
        ({"json": None, "data": b'{"url": "htt'}, 400, "Your request is missing URL parameter."),
        ({"json": None, "data": b"\xff"}, 400, "Your request is missing URL parameter."),
        ({"json": {"url": "a.jpg"}}, 400, "The URL is not valid for cache purging."),
        ({"json": {"url": f"{GOOD_URL}\ud800"}}, 400, "The URL is not valid for cache purging."),
        (
            {"json": {"url": "https://ik.imagekit.io/demo/a/*"}},
            400,
            "The URL is not valid for cache purging.",
        ),
        ({"auth": None}, 401, "Your request does not contain private API key."),
        ({"auth": ("", "x")}, 401, "Your request does not contain private API key."),
        (
            {"auth": None, "headers": {"Authorization": "Bearer x"}},
            401,
            "Your request does not contain private API key.",
        ),
        (
            {"auth": None, "headers": {"Authorization": "Basic %%%"}},
            401,
            "Your request does not contain private API key.",
        ),
        ({"auth": ("private_other", "")}, 403, "Your account cannot be authenticated."),
    ],
)
def test_refused_purges(server: ImageKitServer, more: dict[str, Any], expected: int, message: str) -> None:
    """Each documented refusal has its status and text, and does not count for the quota."""
    answer = purge(server, **more)
    assert (answer.status_code, answer.json()) == (expected, {"message": message, "help": HELP})
    assert control(server, "state")["purgesUsed"] == 0


def test_refused_status_calls(server: ImageKitServer) -> None:
    """An unknown id is answered with 400, not 404. Status calls need the key too."""
    unknown = status(server, 24 * "0")
    assert unknown.status_code == 400
    assert unknown.json() == {"message": "No request found for this requestId.", "help": HELP}
    assert status(server, 24 * "0", auth=None).status_code == 401
    assert status(server, 24 * "0", auth=("x", "")).status_code == 403
    assert requests.put(f"{server.url}/v1/files/purge", timeout=60).status_code == 404


@pytest.mark.parametrize("host", ["own", "https://ik.imagekit.io/demo", "https://images.example.com"])
def test_hosts(server: ImageKitServer, host: str) -> None:
    """The edge's own address, ImageKit's host and a custom domain can be purged."""
    endpoint = f"{server.url}/demo" if host == "own" else host
    assert purge(server, f"{endpoint}/a.jpg").status_code == 201


@pytest.mark.parametrize("api", ["write", "read"])
def test_rate_limit(server: ImageKitServer, api: str) -> None:
    """Over the burst the answer is 429 with three headers, in milliseconds. The quota does not count it."""
    control(server, "settings", {f"{api}Rate": 0.01, f"{api}Burst": 2})
    answers = [purge(server) if api == "write" else status(server, "x") for _ in range(3)]
    assert (
        [answer.status_code for answer in answers] == [201, 201, 429] if api == "write" else [400, 400, 429]
    )
    headers = answers[2].headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Interval"]) == ("1", "100000")
    assert 0 < int(headers["X-RateLimit-Reset"]) <= 100_000
    assert answers[2].json()["help"] == HELP
    assert control(server, "state")["purgesUsed"] == (2 if api == "write" else 0)


@pytest.mark.parametrize("code", [429, 403])
def test_quota(server: ImageKitServer, code: int) -> None:
    """Over the quota the answer has the chosen status, and headers with limit and end of the month."""
    control(server, "settings", {"quota": 1, "quotaAnswer": code})
    assert [purge(server).status_code for _ in range(2)] == [201, code]
    answer = purge(server)
    assert "limit" in answer.json()["message"]
    headers = {name: int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Interval", "Reset")}
    assert headers["Limit"] == 1
    assert headers["Interval"] in {days * 86_400_000 for days in (28, 29, 30, 31)}
    end = datetime.fromtimestamp(time.time() + headers["Reset"] / 1000, UTC)
    # Rounded, for the answer took some milliseconds.
    assert (end - timedelta(minutes=1)).month != (end + timedelta(minutes=1)).month
    assert control(server, "state")["purgesUsed"] == 1


@pytest.mark.parametrize("code", [429, 403])
def test_quota_without_headers(server: ImageKitServer, code: int) -> None:
    """The other guess: the answer has no headers that say how long to wait."""
    control(server, "settings", {"quota": 0, "quotaAnswer": code, "quotaHeaders": False})
    answer = purge(server)
    assert answer.status_code == code
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


def test_quota_holds_under_concurrency(server: ImageKitServer) -> None:
    """Eight threads that purge at once never exceed the quota."""
    control(server, "settings", {"quota": 50, "writeRate": 1e6, "writeBurst": 1000000})
    barrier = threading.Barrier(8)

    def work(_: int) -> list[int]:
        with requests.Session() as session:
            barrier.wait()
            url = f"{server.url}/v1/files/purge"
            return [session.post(url, json={"url": GOOD_URL}, auth=(KEY, "")).status_code for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        codes = [code for batch in pool.map(work, range(8)) for code in batch]
    assert (codes.count(201), codes.count(429)) == (50, 110)
    assert len({entry["requestId"] for entry in control(server, "purges")}) == 50


def test_state_counts_and_reset_restores(server: ImageKitServer) -> None:
    """The state has the calls by outcome, and never the key. A reset restores the initial settings."""
    control(server, "settings", {"quota": 1, "privateKey": "private_new"})
    assert purge(server).status_code == 403
    assert [purge(server, auth=("private_new", "")).status_code for _ in range(2)] == [201, 429]
    state = control(server, "state")
    assert state["calls"]["purge"] == {"wrong-key": 1, "accepted": 1, "over-quota": 1}
    assert state["settings"]["quota"] == 1
    assert "private" not in str(state)
    control(server, "reset", {})
    state = control(server, "state")
    assert (state["calls"], state["purgesUsed"], state["settings"]["quota"]) == ({}, 0, 1000)
    assert control(server, "purges") == []
    assert purge(server).status_code == 201


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("settings", b'{"quoter": 1}', "quoter"),
        ("settings", b'{"quota": "many"}', "many"),
        ("settings", b"{", "JSON"),
        ("settings", b"[]", "object"),
        ("faults", b'{"api": "purge", "kind": "fire"}', "fire"),
    ],
)
def test_bad_control_orders(server: ImageKitServer, name: str, body: bytes, message: str) -> None:
    """A request that makes no sense is answered with 400, and the message says why."""
    answer = requests.post(f"{server.url}/_control/{name}", data=body, timeout=60)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_faults_can_be_taken_back(server: ImageKitServer) -> None:
    """A fault that is removed hits no later call."""
    control(server, "faults", {"api": "purge", "kind": "5xx", "times": 9})
    assert purge(server).status_code == 500
    answer = requests.delete(f"{server.url}/_control/faults", timeout=60)
    assert (answer.status_code, answer.json()) == (200, {"faults": []})
    assert purge(server).status_code == 201


def test_health_and_unknown_controls(server: ImageKitServer) -> None:
    """Health is 200 at once. An unknown control lists the known ones."""
    assert control(server, "health") == {"status": "ok"}
    answer = requests.get(f"{server.url}/_control/purge", timeout=60)
    assert answer.status_code == 404
    assert "GET purges" in answer.json()["message"]


def test_bodies_that_cannot_be_read(server: ImageKitServer) -> None:
    """A body of unknown or too large length is refused, and the connection is closed."""
    chunked = purge(server, json=None, data=iter([b"{}"]))
    assert (chunked.status_code, chunked.headers["Connection"]) == (411, "close")
    assert purge(server, json=None, headers={"Content-Length": "x"}).status_code == 400
    assert purge(server, json=None, headers={"Content-Length": "99999999"}).status_code == 413


def test_connections_are_kept_alive(server: ImageKitServer) -> None:
    """Many calls share one connection, and the server does not wait until the client closes it."""
    with requests.Session() as session:
        ports = set()
        for _ in range(5):
            with session.get(f"{server.url}/_control/health", timeout=60, stream=True) as answer:
                ports.add(answer.raw.connection.sock.getsockname()[1])
                answer.json()
        assert len(ports) == 1
        server.stop()
    server.start()
