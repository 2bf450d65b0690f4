"""The emulator with a virtual clock and without a socket: quota, rates, completion, pending fetches."""

import base64
import json
from calendar import timegm
from collections.abc import Callable

import pytest

from local.imagekit import BadSetting, Bucket, Emulator, Fetched, Settings
from local.imagekit.answers import Answer, Request
from local.imagekit.faults import BadFault, Fault
from local.imagekit.rate_limit import TokenBucket

KEY = "private_test"
LAST_SECOND_OF_JANUARY = timegm((2026, 1, 31, 23, 59, 59)) + 0.5


class Clock:
    """A clock that moves only when a test moves it. Unix seconds."""

    def __init__(self, now: float = LAST_SECOND_OF_JANUARY) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Bench:
    """An emulator whose origin is a dictionary, with its clock."""

    def __init__(self, **settings: object) -> None:
        self.clock = Clock()
        self.objects: dict[str, bytes] = {}
        self.on_fetch: Callable[[], None] = lambda: None
        self.emulator = Emulator(
            Settings(KEY).changed(settings),
            origins={"demo": Bucket("photos")},
            fetch=self.fetch,
            clock=self.clock,
        )

    def fetch(self, _bucket: str, key: str) -> Fetched:
        body = self.objects.get(key)
        self.on_fetch()
        return Fetched(404, b"", "text/plain") if body is None else Fetched(200, body, "image/png", '"e"')

    def get(self, target: str) -> Answer:
        return self.emulator.handle(Request("GET", target))

    def purge(self, path: str) -> Answer:
        body = json.dumps({"url": f"https://ik.imagekit.io/demo{path}"}).encode()
        token = base64.b64encode(f"{KEY}:".encode()).decode()
        return self.emulator.handle(Request("POST", "/v1/files/purge", "", f"Basic {token}", body))


def test_quota_follows_the_calendar_month_in_utc() -> None:
    """The quota is full again in the first second of February, not a month after the first purge."""
    bench = Bench(quota=2, writeBurst=100)
    assert [bench.purge("/a.jpg").status for _ in range(3)] == [201, 201, 429]
    bench.clock.now += 0.4
    assert bench.purge("/a.jpg").status == 429
    bench.clock.now += 0.1
    assert [bench.purge("/a.jpg").status for _ in range(3)] == [201, 201, 429]


def test_quota_can_be_raised() -> None:
    """After the quota is raised, the emulator accepts purges at once."""
    bench = Bench(quota=0)
    assert bench.purge("/a.jpg").outcome == "over-quota"
    bench.emulator.state.apply(bench.emulator.state.settings.changed({"quota": 1}))
    assert bench.purge("/a.jpg").outcome == "accepted"


def test_purge_evicts_when_it_completes_and_not_before() -> None:
    """Until a purge completes, the edge serves the old answer, with a growing Age."""
    bench = Bench(delay=10)
    bench.objects["a.jpg"] = b"old"
    bench.get("/demo/a.jpg")
    bench.objects["a.jpg"] = b"new"
    bench.purge("/a.jpg")
    bench.clock.now += 9.9
    assert bench.get("/demo/a.jpg").body == b"old"
    assert ("Age", "9") in bench.get("/demo/a.jpg").headers
    bench.clock.now += 0.1
    assert bench.get("/demo/a.jpg").body == b"new"
    assert ("X-Cache", "Hit") in bench.get("/demo/a.jpg").headers


@pytest.mark.parametrize("purged", ["/a.jpg", "/a.jpg*"])
def test_fetch_overtaken_by_a_purge_is_not_stored(purged: str) -> None:
    """A fetch that started before a purge completed is answered, but not cached."""
    bench = Bench(delay=1)
    bench.objects["a.jpg"] = b"old"

    def change_and_purge() -> None:
        bench.objects["a.jpg"] = b"new"
        bench.purge(purged)
        bench.clock.now += 1
        bench.on_fetch = lambda: None

    bench.on_fetch = change_and_purge
    assert bench.get("/demo/a.jpg").body == b"old"
    assert len(bench.emulator.state.cache) == 0
    assert bench.get("/demo/a.jpg").body == b"new"


def test_fetch_beside_a_purge_of_something_else_is_stored() -> None:
    """Only a purge that covers the fetch prevents that it is cached."""
    bench = Bench(delay=0)
    bench.on_fetch = lambda: bench.purge("/b.jpg") and None
    bench.get("/demo/a.jpg")
    bench.get("/demo/a.jpg?v=1")
    assert bench.emulator.state.cache.keys() == ["/demo/a.jpg", "/demo/a.jpg?v=1"]


def test_reset_does_not_cache_pending_fetches() -> None:
    """A fetch that started before a reset is not cached."""
    bench = Bench()
    bench.on_fetch = bench.emulator.reset
    bench.get("/demo/a.jpg")
    assert bench.emulator.state.cache.keys() == []


def test_token_bucket_serves_a_caller_that_waits() -> None:
    """The burst comes first, then the rate. A caller that waits the returned time gets a token."""
    bucket = TokenBucket(rate=3, burst=2, now=0)
    assert [bucket.take(0), bucket.take(0)] == [0, 0]
    now = 0.0
    for _ in range(50):
        wait = bucket.take(now)
        assert 0 < wait <= 1 / 3 + 1e-9
        now += wait
        assert bucket.take(now) == 0
    assert bucket.take(now - 100) > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"quota": -1},
        {"quota": 1.5},
        {"quota": True},
        {"quota": "9"},
        {"delay": -0.1},
        {"delay": float("nan")},
        {"delay": 10**400},
        {"writeRate": 0},
        {"readRate": float("inf")},
        {"writeBurst": 0},
        {"readBurst": None},
        {"quotaAnswer": 500},
        {"quotaAnswer": [429]},
        {"quotaHeaders": "yes"},
        {"privateKey": ""},
        {"privateKey": "a:b"},
        {"privateKey": 7},
        {"colour": "red"},
    ],
)
def test_impossible_settings(changes: dict[str, object]) -> None:
    """Every impossible value is refused, and the error names the setting."""
    with pytest.raises(BadSetting, match=next(iter(changes))):
        Settings(KEY).changed(changes)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"api": "purge"},
        {"api": "upload", "kind": "403"},
        {"api": ["purge"], "kind": "403"},
        {"api": "purge", "kind": "fire"},
        {"api": "status", "kind": "never-completes"},
        {"api": "status", "kind": "wildcard-refused"},
        {"api": "purge", "kind": "slow"},
        {"api": "purge", "kind": "slow", "seconds": -1},
        {"api": "purge", "kind": "403", "nth": 0},
        {"api": "purge", "kind": "403", "times": 1.5},
        {"api": "purge", "kind": "5xx", "status": 404},
        {"api": "purge", "kind": "5xx", "accepted": 1},
        {"api": "purge", "kind": "403", "tiems": 2},
    ],
)
def test_impossible_faults(fields: dict[str, object]) -> None:
    """A fault that cannot happen as it is described is refused."""
    with pytest.raises(BadFault):
        Fault.parse(fields)
