"""The routes of the console on a real socket, with a pretended stack behind them."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from benchmarks.console import pretended
from local.console.app import STATIC, application
from local.console.feed import Feed
from local.console.histories import MOST_BYTES
from local.console.reading import MOST_FILES
from local.console.server import listening
from local.errors import LocalError

_SECONDS = 60.0


def _own(url: str) -> dict[str, str]:
    return {"Origin": url.removesuffix("/")}


def test_the_page_and_all_its_files_are_its_own(url: str) -> None:
    """No file loads anything from elsewhere, and the page holds no script of its own."""
    page = requests.get(url, timeout=_SECONDS).text
    assert "<script>" not in page
    assert "style=" not in page
    for file in STATIC.iterdir():
        answer = requests.get(f"{url}static/{file.name}", timeout=_SECONDS)
        assert answer.status_code == 200
        # Names of XML's vocabularies are no addresses.
        text = answer.text.replace("http://www.w3.org/", "")
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
        if file.suffix == ".js" and file.name != "app.js":
            assert f'href="/static/{file.name}"' in page


@pytest.mark.parametrize("host", ["", "evil.example"])
def test_every_answer_has_the_headers_of_security(url: str, host: str) -> None:
    """Refusals too: nothing is loaded from elsewhere, and no script stands in the page."""
    answer = requests.get(url, headers={"Host": host} if host else {}, timeout=_SECONDS)
    assert answer.status_code == (421 if host else 200)
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_stream_begins_with_everything_and_goes_on_with_what_changes(url: str, feed: Feed) -> None:
    """As server-sent events, in JSON."""
    with requests.get(f"{url}events", headers=_own(url), stream=True, timeout=_SECONDS) as stream:
        updates = (json.loads(line[5:]) for line in stream.iter_lines() if line.startswith(b"data:"))
        first = next(updates)
        assert (len(first["objects"]), len(first["purges"])) == (3, 2)
        feed.set_rows("objects", {"<b>": {"etag": None}})
        assert next(updates) == {"objects": {"<b>": {"etag": None}}}


def test_a_picture_can_run_no_script(url: str) -> None:
    """Even as a page of its own: an SVG of the bucket is not ours."""
    answer = requests.get(f"{url}picture/origin?key=a.png", headers=_own(url), timeout=_SECONDS)
    assert answer.headers["Content-Type"] == "image/png"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("path", "body", "problem"),
    [
        ("look", b"no JSON", "no JSON"),
        ("look", b"[]", "no JSON object"),
        ("look", b'{"keys": "a"}', "keys is no list"),
        ("look", json.dumps({"keys": ["a"] * 500}).encode(), "at most 120"),
        ("delete", b'{"key": 1}', "key is 1: give a text"),
        ("weather", b'{"name": "slow", "on": 1}', "on is 1: give true or false"),
        ("simulate", b'{"quota": "many"}', "quota is 'many': give a whole number"),
        ("simulate", b'{"quota": 0, "versioned": true}', "The quota is 0"),
        ("simulate", b'{"quota": 5, "versioned": true}', "first"),
        ("simulate", b'{"quota": 5}', "versioned is None: give true or false"),
        ("look", b" " * 1_000_001, "give at most 1,000,000"),
        ("look", b'{"keys": ["a\\ud800"]}', "holds half a character, U+D800"),
        ("delete", b'{"key": "\\udfff.png"}', "holds half a character, U+DFFF"),
        ("delete", b'{"key": ""}', "The key is empty"),
        ("overwrite", b'{"key": ""}', "The key is empty"),
        ("overwrite", b'{"key": "a/../b.png"}', "has a dot segment"),
        ("form", b'{"urls": "\\ud800"}', "holds half a character, U+D800"),
    ],
)
def test_bad_input_is_explained(url: str, path: str, body: bytes, problem: str) -> None:
    """With status 400, and the value and the remedy."""
    answer = requests.post(f"{url}api/{path}", data=body, headers=_own(url), timeout=_SECONDS)
    assert answer.status_code == 400
    assert problem in answer.json()["problem"]


@pytest.mark.parametrize("path", ["picture/edge?key=", "picture/origin", "api/object?key=", "api/object"])
def test_a_question_without_a_key_is_explained(url: str, path: str) -> None:
    """It is no failure of the stack."""
    answer = requests.get(f"{url}{path}", headers=_own(url), timeout=_SECONDS)
    assert answer.status_code == 400
    assert "key" in answer.json()["problem"]


class _Bucket:
    """Keeps what is put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes, _content_type: str) -> tuple[None, float]:
        self.objects[key] = body
        return None, 0.0


class _Watcher:
    """Takes every change in. Its function fails."""

    def changed(self, *_change: Any) -> None:
        return

    def tick(self) -> None:
        raise LocalError("SubmitPurge failed: AccessDenied")


class _Weather:
    """Every switch can be turned."""

    def turn(self, _name: str, **_on: bool) -> None:
        return


@pytest.fixture
def bucket() -> _Bucket:
    """An empty bucket."""
    return _Bucket()


@pytest.fixture
def changing(feed: Feed, bucket: _Bucket) -> Iterator[str]:
    """The address of a console that puts objects into the bucket, and turns the weather."""
    doings: dict[str, Any] = {"bucket": bucket, "watcher": _Watcher(), "weather": _Weather()}
    parts = replace(pretended.parts(feed), **doings)
    with listening(lambda port: application(parts, port), feed) as address:
        yield address


def test_a_switch_can_be_turned_off_while_the_function_fails(changing: str) -> None:
    """While AWS calls fail, the function cannot go on at once. The switch is off all the same."""
    answer = requests.post(
        f"{changing}api/weather", json={"name": "slow", "on": False}, headers=_own(changing), timeout=_SECONDS
    )
    assert (answer.status_code, answer.json()) == (200, {"on": False})


def _upload(url: str, names: list[str], **fields: str) -> requests.Response:
    files = [("files", (f"part-{number}", b"x")) for number in range(len(names))]
    data = {"names": json.dumps(names), **fields}
    return requests.post(f"{url}api/upload", data=data, files=files, headers=_own(url), timeout=_SECONDS)


def test_files_keep_their_names(changing: str, bucket: _Bucket) -> None:
    """Browsers encode some characters of the names, and others not. So the page sends the names as a text."""
    names = ['a "quote".png', "a%22.png", "a\nb.png", "a\\b.png", "\u00fc.png"]
    answer = _upload(changing, names, folder="new/")
    assert answer.json() == {"keys": [f"new/{name}" for name in names]}
    assert set(bucket.objects) == {f"new/{name}" for name in names}


@pytest.mark.parametrize(
    ("names", "folder", "problem"),
    [
        (["a.png", "b\ud800.png"], "", "holds half a character, U+D800"),
        (["a.png", "a.png"], "", "Two files have the name 'a.png'"),
        (["a.png", "b" * 1025], "", "give at most 1024"),
        (["a.png"], "../", "has a dot segment"),
        ([f"{number}.png" for number in range(MOST_FILES + 1)], "", f"Give at most {MOST_FILES} files"),
    ],
)
def test_files_that_cannot_be_put_are_explained(
    changing: str, bucket: _Bucket, names: list[str], folder: str, problem: str
) -> None:
    """With status 400. None of the others is put then."""
    answer = _upload(changing, names, folder=folder)
    assert answer.status_code == 400
    assert problem in answer.json()["problem"]
    assert bucket.objects == {}


def test_a_browser_that_goes_away_is_no_error(feed: Feed, capfd: pytest.CaptureFixture[str]) -> None:
    """Somebody closes the page in the middle of an upload: the server logs no traceback."""
    parts = pretended.parts(feed)
    with listening(lambda port: application(parts, port), feed) as url:
        address = urlsplit(url)
        lines = (
            "POST /api/upload HTTP/1.1",
            f"Host: {address.netloc}",
            f"Origin: http://{address.netloc}",
            "Content-Type: multipart/form-data; boundary=b",
            "Content-Length: 1000",
            "Expect: 100-continue",
            "",
            "",
        )
        with socket.create_connection((address.hostname, address.port), _SECONDS) as visitor:
            visitor.sendall("\r\n".join(lines).encode())
            assert b"100 Continue" in visitor.recv(1000)  # the route reads the body now
    # The server ended, and with it every request.
    assert "Traceback" not in capfd.readouterr().err


def test_an_upload_without_a_file_puts_nothing(url: str) -> None:
    """A browser sends an empty input as a part without a name. It would empty the object of that key."""
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--b--\r\n'
    headers = {**_own(url), "Content-Type": "multipart/form-data; boundary=b"}
    answer = requests.post(f"{url}api/upload", data=part, headers=headers, timeout=_SECONDS)
    assert (answer.status_code, answer.json()["problem"]) == (400, "No file came: choose one or more.")


def test_files_that_are_too_large_are_refused_before_they_are_read(url: str) -> None:
    """By their length alone."""
    request = requests.Request("POST", f"{url}api/month", headers=_own(url), data=b"x").prepare()
    request.headers["Content-Length"] = str(MOST_BYTES + 1)
    with requests.Session() as session:
        answer = session.send(request, timeout=_SECONDS)
    assert answer.status_code == 400
    assert "at most" in answer.json()["problem"]
