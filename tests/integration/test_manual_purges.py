"""Manual purges whose caller asks again, as `sam remote invoke` does when no answer came for 60 seconds."""

from collections.abc import Iterator
from typing import Any

import pytest

from purging.errors import InvalidRequest
from purging.imagekit.client import ImageKit
from tests.integration.world import ENDPOINT, Functions, World, functions

# Powertools warns of an invocation that fails before it counts anything; telemetry.py silences it, which
# pytest undoes for each test.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

URL = f"{ENDPOINT}/a/x.jpg"
KEYS = {"keys": [{"bucket": "my-origin-bucket", "key": "a/x.jpg"}]}


@pytest.fixture
def f(w: World) -> Iterator[Functions]:
    with functions(w) as running:
        yield running


def pairs(purges: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(purge["url"], purge["request_id"]) for purge in purges}


@pytest.mark.parametrize("body", [{"urls": [URL, f"{ENDPOINT}/campaigns/may/*"]}, KEYS])
def test_a_repeated_request_purges_once_and_tells_what_served_it(f: Functions, body: dict[str, Any]) -> None:
    """The caller of a call that timed out learns from its repetition what became of it."""
    first = f.submit(body)
    assert "repetition" not in first
    for _ in range(4):
        f.world.clock.sleep(60)
        again = f.submit(body)
        assert (again["purges"], again["held"], again["busy"]) == ([], 0, False)
        assert pairs(again["repetition"]["purges"]) == pairs(first["purges"])
        assert again["repetition"]["first_asked_at"] == "2030-05-15T12:00:00+00:00"
        assert '"token"' in again["repetition"]["help"]
    assert len(f.world.purged) == len(first["purges"])


def test_a_repetition_at_the_same_moment_purges_nothing(f: Functions) -> None:
    """Two callers at once, or a clock that stands still."""
    f.submit(KEYS)
    assert f.submit(KEYS)["repetition"]["purges"]
    assert len(f.world.purged) == 1


def test_another_token_is_another_request(f: Functions) -> None:
    """Whoever wants the same purged again gets it, once for each token."""
    bodies = [KEYS, KEYS | {"token": "again"}, KEYS | {"token": "and again"}]
    for body in [*bodies, *bodies]:
        f.world.clock.sleep(20)
        f.submit(body)
    assert f.world.purged == [f"{URL}*"] * 3


def test_after_five_minutes_it_is_a_new_request(f: Functions) -> None:
    """Counted from when it was first asked: a repetition does not prolong it."""
    f.submit(KEYS)
    for seconds, purges in ((299, 1), (1, 2), (299, 2)):
        f.world.clock.sleep(seconds)
        f.submit(KEYS)
        assert len(f.world.purged) == purges


def test_a_request_that_was_refused_is_not_remembered(f: Functions) -> None:
    """It left nothing that a corrected one could be taken for, and nothing in the ledger."""
    with pytest.raises(InvalidRequest, match="UrlMap serves no key"):
        f.submit({"keys": [{"bucket": "elsewhere", "key": "a/x.jpg"}]})
    assert f.world.dynamodb.scan(TableName="ledger")["Items"] == []


def test_repetitions_of_a_call_that_died_serve_it_once(f: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after ImageKit accepted the first of three: the repetition buys the two others, and no more."""
    purge = ImageKit.purge
    calls: list[str] = []

    def dying(self: ImageKit, url: str) -> str:
        calls.append(url)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return purge(self, url)

    monkeypatch.setattr(ImageKit, "purge", dying)
    urls = [f"{ENDPOINT}/{name}/x.jpg" for name in "abc"]
    with pytest.raises(RuntimeError):
        f.submit({"urls": urls})
    f.world.clock.sleep(60)
    again = f.submit({"urls": urls})
    assert sorted(f.world.purged) == urls
    assert len(again["purges"]) == 2
    assert {url for url, _ in pairs(again["repetition"]["purges"])} == set(urls)


def test_a_manual_drain_answers_within_45_seconds(f: Functions) -> None:
    """At one purge a second a hundred take 80 seconds, and the caller's SDK waits 60. Its repetitions do the
    rest: each URL is purged once, and the last answer names all of them."""
    f.world.set_emulator(write_rate=1.0, write_burst=20)
    body = {"urls": [f"{ENDPOINT}/{number}/x.jpg" for number in range(100)]}
    bought: list[str] = []
    for _ in range(5):
        asked = f.world.clock()
        answer = f.submit(body)
        assert f.world.clock() - asked <= 45
        bought += [purge["url"] for purge in answer["purges"]]
        f.world.clock.sleep(asked + 60 - f.world.clock())
    assert sorted(bought) == sorted(f.world.purged) == sorted(body["urls"])
    assert len(answer["repetition"]["purges"]) == 100


def test_a_drain_of_changes_may_take_longer(f: Functions) -> None:
    """Nobody waits for its answer: it has the function's whole life."""
    f.world.set_emulator(write_rate=1.0, write_burst=20)
    asked = f.world.clock()
    f.world.ledger.add([f.world.change(f"{n}/x.jpg", ago=600, bucket="my-origin-bucket") for n in range(80)])
    f.submit({"tick": True})
    assert len(f.world.purged) == 80
    assert f.world.clock() - asked > 45


def test_a_manual_purge_in_the_queue_is_a_dead_letter(f: Functions) -> None:
    """Each delivery of such a message was a change of its own, and bought a purge."""
    record = {"messageId": "m", "receiptHandle": "h", "eventSource": "aws:sqs"}
    for body in ('{"keys": [{"bucket": "my-origin-bucket", "key": "a/x.jpg"}]}', f'{{"urls": ["{URL}"]}}'):
        answer = f.submit({"Records": [record | {"body": body}]})
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert f.world.purged == []
    for line in f.logged("malformed message"):
        assert "sam remote invoke SubmitPurge" in line["reasons"][0]
