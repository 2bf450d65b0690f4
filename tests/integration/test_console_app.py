"""The routes of the console on a real socket, with a pretended stack behind them."""

import json
from collections.abc import Iterator

import pytest
import requests

from benchmarks.console import pretended
from local.console.app import STATIC, application
from local.console.feed import Feed
from local.console.month import MOST_BYTES
from local.console.server import listening

_SECONDS = 60.0


@pytest.fixture
def feed() -> Feed:
    """A feed with a few objects and purges."""
    feed = Feed()
    pretended.fill(feed, 3, 2)
    return feed


@pytest.fixture
def url(feed: Feed) -> Iterator[str]:
    """The address of a console."""
    parts = pretended.parts(feed)
    with listening(lambda port: application(parts, port), feed) as address:
        yield address


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
        ("simulate", b'{"quota": 0}', "The quota is 0"),
        ("simulate", b'{"quota": 5}', "first"),
        ("look", b" " * 1_000_001, "give at most 1,000,000"),
    ],
)
def test_bad_input_is_explained(url: str, path: str, body: bytes, problem: str) -> None:
    """With status 400, and the value and the remedy."""
    answer = requests.post(f"{url}api/{path}", data=body, headers=_own(url), timeout=_SECONDS)
    assert answer.status_code == 400
    assert problem in answer.json()["problem"]


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
