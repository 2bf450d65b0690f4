"""What the emulator's edge sends to S3, byte for byte, and how it handles S3's errors."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
import requests

from local.imagekit import Bucket, Emulator, ImageKitServer, OriginError, S3Origin, Settings

ODD_KEYS = [
    "a b+c.jpg",
    "100%.jpg",
    "50%25.jpg",
    "why?#&*~.jpg",
    "/slash.jpg",
    "a//b.jpg",
    "./../dots.jpg",
    "é 写.jpg",
]


class S3Stub(BaseHTTPRequestHandler):
    """Answers each object with its key, and a key that starts with the name of an error with that error."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, bucket, key = unquote(self.requestline.split()[1].partition("?")[0]).split("/", 2)
        status, body = 200, f"{bucket}:{key}".encode()
        for code, number in (("AccessDenied", 403), ("InternalError", 500), ("NoSuchKey", 404)):
            if key.startswith(code):
                status, body = number, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        self.send_response(status)
        self.send_header("ETag", '"e"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # http.server's name
        pass


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Origin]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    stub = ThreadingHTTPServer(("127.0.0.1", 0), S3Stub)
    thread = threading.Thread(target=stub.serve_forever, args=(0.05,))
    thread.start()
    yield S3Origin(f"http://127.0.0.1:{stub.server_port}")
    stub.shutdown()
    thread.join()
    stub.server_close()


@pytest.mark.parametrize("key", ODD_KEYS)
def test_keys_reach_s3_unchanged(origin: S3Origin, key: str) -> None:
    """The client uses path-style addressing, and normalises no key."""
    fetched = origin("photos", key)
    assert fetched.body.decode() == f"photos:{key}"
    assert (fetched.status, fetched.etag) == (200, '"e"')


def test_not_found_is_an_answer(origin: S3Origin) -> None:
    """A missing object is no error."""
    assert origin("photos", "NoSuchKey.jpg").status == 404


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_other_refusals_are_errors(origin: S3Origin, code: str) -> None:
    """The edge answers 502, names the object and the cause, and asks S3 again the next time."""
    emulator = Emulator(Settings("private_test"), origins={"demo": Bucket("photos")}, fetch=origin)
    with ImageKitServer(emulator) as server:
        answer = requests.get(f"{server.url}/demo/{code}.jpg", timeout=60)
        assert answer.status_code == 502
        assert f"s3://photos/{code}.jpg: {code}" in answer.text
        assert len(emulator.state.cache) == 0


def test_unreachable_s3_is_an_error(origin: S3Origin) -> None:  # noqa: ARG001 # for the credentials
    """No process listens at that address."""
    with pytest.raises(OriginError, match="s3://photos/a"):
        S3Origin("http://127.0.0.1:1")("photos", "a.jpg")
