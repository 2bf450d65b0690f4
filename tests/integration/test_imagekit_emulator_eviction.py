"""What a completed purge evicts from the emulator's edge, over a real socket."""

from collections.abc import Iterator

import pytest
import requests

from local.imagekit import Bucket, Emulator, Fetched, ImageKitServer, Settings

KEY = "private_test"


class Clock:
    """A clock that moves only when a test moves it. Unix seconds."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[ImageKitServer]:
    emulator = Emulator(
        Settings(KEY, delay=5),
        origins={"demo": Bucket("photos"), "sub": Bucket("photos", "public")},
        fetch=lambda _bucket, key: Fetched(200, key.encode(), "image/png", '"e"'),
        clock=clock,
    )
    with ImageKitServer(emulator) as server:
        yield server


def hit(server: ImageKitServer, target: str) -> bool:
    return requests.get(server.url + target, timeout=60).headers["X-Cache"] == "Hit"


def purge(server: ImageKitServer, url: str) -> None:
    answer = requests.post(f"{server.url}/v1/files/purge", json={"url": url}, auth=(KEY, ""), timeout=60)
    assert answer.status_code == 201, answer.text


EVERY_ENTRY = [
    "/demo/dir/a.png",
    "/demo/dir/a.png.bak",
    "/demo/dir/a.png?v=1",
    "/demo/dir/a.png?v=12",
    "/demo/dir/a.png%3Fv=1",
    "/demo/dir/a.pn",
    "/demo/dir/b.png",
    "/demo/tr:w-300/dir/a.png",
    "/demo/tr:w-300/dir/a.png?v=1",
    "/sub/dir/a.png",
]


@pytest.mark.parametrize(
    ("purged", "gone"),
    [
        ("/demo/dir/a.png", [0]),
        ("/demo/dir/a.png*", [0, 1, 2, 3, 4]),
        ("/demo/dir/a.png?*", [2, 3]),
        ("/demo/dir/a.png?v=1", [2]),
        ("/demo/dir/a.png?v=1*", [2, 3]),
        ("/demo/dir/a.png%3Fv=1", [4]),
        ("/demo/dir/a.pn%67", [0]),
        ("/demo/dir/a*", [0, 1, 2, 3, 4, 5]),
        ("/demo/dir/a%2A", []),
        ("/demo/tr:w-300/dir/a.png", [7]),
        ("/demo/tr:w-300/dir/a*", [7, 8]),
        ("/sub/dir/a.png*", [9]),
    ],
)
def test_purge_evicts_exactly_what_it_covers(
    server: ImageKitServer, clock: Clock, purged: str, gone: list[int]
) -> None:
    """Nothing is evicted before the purge completes. Then exactly the entries go that the URL covers."""
    for target in EVERY_ENTRY:
        assert not hit(server, target)
    purge(server, f"https://ik.imagekit.io{purged}")
    clock.now += 4.9
    assert all(hit(server, target) for target in EVERY_ENTRY)
    clock.now += 0.1
    assert [n for n, target in enumerate(EVERY_ENTRY) if not hit(server, target)] == gone
