"""The emulator's CDN edge over a real socket, in front of moto's S3."""

import http.client
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import boto3
import pytest
import requests
from moto import mock_aws

from local.imagekit import Bucket, Emulator, ImageKitServer, S3Origin, Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "private_test"
EDGE_ORIGINS = {
    "demo": Bucket("photos"),
    "sub": Bucket.parse("photos/public/"),
    "demo/shop": Bucket("photos", "shop"),
    "lost": Bucket("no-such-bucket"),
}


class Clock:
    """A clock that moves only when a test moves it. Unix seconds."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def s3() -> Iterator["S3Client"]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="photos")
        yield client


@pytest.fixture(scope="module")
def origin(s3: "S3Client") -> S3Origin:  # noqa: ARG001 # moto must be in force before the client is made
    return S3Origin(None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(origin: S3Origin, s3: "S3Client", clock: Clock) -> Iterator[ImageKitServer]:
    emulator = Emulator(
        Settings(KEY, delay=5),
        origins=EDGE_ORIGINS,
        fetch=origin,
        domains={"images.test": "demo"},
        clock=clock,
    )
    with ImageKitServer(emulator) as server:
        yield server
    for item in s3.list_objects_v2(Bucket="photos").get("Contents", []):
        s3.delete_object(Bucket="photos", Key=item["Key"])


def put(s3: "S3Client", key: str, body: bytes) -> str:
    return s3.put_object(Bucket="photos", Key=key, Body=body, ContentType="image/png")["ETag"]


def get(server: ImageKitServer, target: str, method: str = "GET", host: str = "") -> requests.Response:
    """Send ``target`` unchanged; requests alone would normalise it."""
    request = requests.Request(method, server.url, headers={"Host": host} if host else {}).prepare()
    request.url = server.url + target
    with requests.Session() as session:
        return session.send(request, timeout=60)


def purge(server: ImageKitServer, url: str) -> None:
    answer = requests.post(f"{server.url}/v1/files/purge", json={"url": url}, auth=(KEY, ""), timeout=60)
    assert answer.status_code == 201, answer.text


def hit(server: ImageKitServer, target: str) -> bool:
    return get(server, target).headers["X-Cache"] == "Hit"


def test_miss_then_hit(server: ImageKitServer, s3: "S3Client", clock: Clock) -> None:
    """The first answer comes from the bucket, the next one from the cache, with its Age in whole seconds."""
    etag = put(s3, "a.png", b"one")
    miss = get(server, "/demo/a.png")
    assert (miss.status_code, miss.content) == (200, b"one")
    assert {"X-Cache": "Miss", "Age": "0", "Content-Type": "image/png"}.items() <= miss.headers.items()
    assert (miss.headers["ETag"], miss.headers["Content-Length"]) == (etag, "3")
    put(s3, "a.png", b"two")
    clock.now += 7.9
    cached = get(server, "/demo/a.png")
    assert (cached.content, cached.headers["X-Cache"], cached.headers["Age"]) == (b"one", "Hit", "7")
    assert cached.headers["ETag"] == etag


def test_head(server: ImageKitServer, s3: "S3Client") -> None:
    """HEAD answers as GET does, without the body, and fills the same cache entry."""
    put(s3, "a.png", b"one")
    head = get(server, "/demo/a.png", "HEAD")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "3")
    assert hit(server, "/demo/a.png")


def test_not_found_is_cached(server: ImageKitServer, s3: "S3Client", clock: Clock) -> None:
    """While a 404 is cached, a new object stays invisible until a purge."""
    assert get(server, "/demo/new.png").status_code == 404
    put(s3, "new.png", b"new")
    assert (get(server, "/demo/new.png").status_code, hit(server, "/demo/new.png")) == (404, True)
    purge(server, f"{server.url}/demo/new.png")
    clock.now += 5
    assert get(server, "/demo/new.png").content == b"new"


def test_empty_path_is_not_found(server: ImageKitServer) -> None:
    """S3 has no object without a key."""
    assert get(server, "/demo/").status_code == 404


def test_variants_are_entries_of_their_own(server: ImageKitServer, s3: "S3Client") -> None:
    """Path transformations and query strings show the same object, each from its own entry."""
    put(s3, "dir/a.png", b"one")
    variants = [
        "/demo/dir/a.png",
        "/demo/tr:w-300/dir/a.png",
        "/demo/tr:w-300,h-20/tr:rt-90/dir/a.png",
        "/demo/dir/a.png?tr=w-300",
        "/demo/dir/a.png?v=1",
    ]
    answers = [get(server, variant) for variant in variants]
    assert {answer.content for answer in answers} == {b"one"}
    assert {answer.headers["X-Cache"] for answer in answers} == {"Miss"}
    shown = [answer.headers.get("X-Transformation") for answer in answers]
    assert shown == [None, "tr:w-300", "tr:w-300,h-20/tr:rt-90", None, None]
    assert all(hit(server, variant) for variant in variants)


ODD_KEYS = [
    "my photo+1.jpg",
    "100%.jpg",
    "50%25.jpg",
    "a&b=c.jpg",
    "why?.jpg",
    "#1.jpg",
    "star*.jpg",
    "~tilde~.jpg",
    "'quotes'\".jpg",
    "back\\slash.jpg",
    "comma,semi;at@colon:dollar$.jpg",
    "[brackets]{braces}|^`<>.jpg",
    unicodedata.normalize("NFC", "café.jpg"),
    unicodedata.normalize("NFD", "café.jpg"),
    "写真/日本語 🖼.jpg",
    "/leading.jpg",
    "//two-leading.jpg",
    "in//side.jpg",
    "folder/",
    "long/" + 1019 * "k",
    "tab\there.jpg",
]


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("endpoint", ["/demo/", "/demo/tr:w-1/"])
def test_odd_keys(server: ImageKitServer, s3: "S3Client", clock: Clock, key: str, endpoint: str) -> None:
    """Each key is found under its encoded path and purged by its URL. No two keys share an entry."""
    put(s3, key, key.encode())
    target = endpoint + quote(key, safe="/:@!$&'()+,;=-._~")
    fully = endpoint + "".join(f"%{byte:02x}" for byte in key.encode())
    assert get(server, target).content == key.encode()
    assert hit(server, fully)
    purge(server, server.url + target)
    clock.now += 5
    assert not hit(server, target)


def test_nfc_and_nfd_are_two_objects(server: ImageKitServer, s3: "S3Client") -> None:
    """Keys that look the same are two objects."""
    forms = [unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD")]
    for form in forms:
        put(s3, form, form.encode())
    assert [get(server, f"/demo/{quote(form)}").content for form in forms] == [
        form.encode() for form in forms
    ]


def test_folders_patterns_and_domains(server: ImageKitServer, s3: "S3Client") -> None:
    """A folder of the bucket, a URL pattern and a custom domain each lead to the right key."""
    for key in ("a.png", "public/a.png", "shop/a.png", "/slash.png"):
        put(s3, key, key.encode())
    assert get(server, "/sub/a.png").content == b"public/a.png"
    assert get(server, "/demo/shop/a.png").content == b"shop/a.png"
    assert get(server, "/a.png", host="images.test").content == b"a.png"
    assert get(server, "//slash.png", host="images.test").content == b"/slash.png"
    assert get(server, "/v1/files/purge", host="images.test").status_code == 404


def test_missing_bucket_is_not_cached(server: ImageKitServer) -> None:
    """A bucket that does not exist is a mistake in the set-up, and is not cached as a 404."""
    answer = get(server, "/lost/a.png")
    assert (answer.status_code, "no-such-bucket/a.png: NoSuchBucket" in answer.text) == (502, True)
    assert server.emulator.state.cache.keys() == []


def test_refused_requests(server: ImageKitServer) -> None:
    """Unknown ids, other methods and paths that are not UTF-8 have different answers."""
    assert "known ids: demo" in get(server, "/other/a.png").text
    assert get(server, "/other/a.png").status_code == 404
    assert get(server, "/demo/a.png", "DELETE").status_code == 405
    assert get(server, "/demo/%FF.png").status_code == 400


def test_raw_bytes_in_the_target(server: ImageKitServer, s3: "S3Client") -> None:
    """A client that does not encode the path still gets its object."""
    put(s3, "é.png", b"one")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection._encode_request = str.encode  # type: ignore[attr-defined] # http.client refuses otherwise
    connection.request("GET", "/demo/é.png")
    assert connection.getresponse().read() == b"one"
    connection.close()
