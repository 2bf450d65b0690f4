"""Manual purges that are requested again, as `sam remote invoke` does after 60 seconds without an answer."""

from collections.abc import Iterator
from typing import Any

import pytest

from purging.errors import InvalidRequest
from purging.imagekit.client import ImageKit
from tests.integration.harness import ENDPOINT, Functions, Harness, running_functions

# Powertools warns if an invocation fails before it counts anything. telemetry.py silences the warning, but
# pytest enables it again for each test.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

URL = f"{ENDPOINT}/a/x.jpg"
KEYS = {"keys": [{"bucket": "my-origin-bucket", "key": "a/x.jpg"}]}


@pytest.fixture
def functions(harness: Harness) -> Iterator[Functions]:
    with running_functions(harness) as running:
        yield running


def pairs(purges: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(purge["url"], purge["request_id"]) for purge in purges}


@pytest.mark.parametrize("body", [{"urls": [URL, f"{ENDPOINT}/campaigns/may/*"]}, KEYS])
def test_a_repeated_request_purges_once_and_names_its_purges(
    functions: Functions, body: dict[str, Any]
) -> None:
    """After a time-out, the caller learns from the repetition what the first call did."""
    first = functions.submit(body)
    assert "repetition" not in first
    for _ in range(4):
        functions.harness.clock.sleep(60)
        again = functions.submit(body)
        assert (again["purges"], again["held"], again["busy"]) == ([], 0, False)
        assert pairs(again["repetition"]["purges"]) == pairs(first["purges"])
        assert again["repetition"]["first_asked_at"] == "2030-05-15T12:00:00+00:00"
        assert '"token"' in again["repetition"]["help"]
    assert len(functions.harness.purged) == len(first["purges"])


def test_a_repetition_at_the_same_moment_purges_nothing(functions: Functions) -> None:
    """Two callers are simultaneous, or the clock stands still."""
    functions.submit(KEYS)
    assert functions.submit(KEYS)["repetition"]["purges"]
    assert len(functions.harness.purged) == 1


def test_another_token_is_another_request(functions: Functions) -> None:
    """Each new token purges the same URLs again, once."""
    bodies = [KEYS, KEYS | {"token": "again"}, KEYS | {"token": "and again"}]
    for body in [*bodies, *bodies]:
        functions.harness.clock.sleep(20)
        functions.submit(body)
    assert functions.harness.purged == [f"{URL}*"] * 3


def test_a_request_after_five_minutes_is_a_new_one(functions: Functions) -> None:
    """The time counts from the first request. A repetition does not extend it."""
    functions.submit(KEYS)
    for seconds, purges in ((299, 1), (1, 2), (299, 2)):
        functions.harness.clock.sleep(seconds)
        functions.submit(KEYS)
        assert len(functions.harness.purged) == purges


def test_an_invalid_request_is_not_recorded(functions: Functions) -> None:
    """It leaves nothing in the ledger, so a corrected request is a new one."""
    with pytest.raises(InvalidRequest, match="UrlMap serves no key"):
        functions.submit({"keys": [{"bucket": "elsewhere", "key": "a/x.jpg"}]})
    assert functions.harness.dynamodb.scan(TableName="ledger")["Items"] == []


def test_a_repetition_after_a_crash_makes_only_the_missing_purges(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function is killed after the first of three purges. The repetition makes the other two."""
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
        functions.submit({"urls": urls})
    functions.harness.clock.sleep(60)
    again = functions.submit({"urls": urls})
    assert sorted(functions.harness.purged) == urls
    assert len(again["purges"]) == 2
    assert {url for url, _ in pairs(again["repetition"]["purges"])} == set(urls)


def test_a_manual_drain_answers_within_45_seconds(functions: Functions) -> None:
    """At one purge a second, a hundred take 80 seconds, but the caller's SDK waits 60.

    The repetitions do the rest: each URL is purged once, and the last answer names all purges.
    """
    functions.harness.set_emulator(write_rate=1.0, write_burst=20)
    body = {"urls": [f"{ENDPOINT}/{number}/x.jpg" for number in range(100)]}
    bought: list[str] = []
    for _ in range(5):
        asked = functions.harness.clock()
        answer = functions.submit(body)
        assert functions.harness.clock() - asked <= 45
        bought += [purge["url"] for purge in answer["purges"]]
        functions.harness.clock.sleep(asked + 60 - functions.harness.clock())
    assert sorted(bought) == sorted(functions.harness.purged) == sorted(body["urls"])
    assert len(answer["repetition"]["purges"]) == 100


def test_a_drain_of_changes_may_take_longer(functions: Functions) -> None:
    """Nobody waits for its answer, so it may use all the time of the function."""
    functions.harness.set_emulator(write_rate=1.0, write_burst=20)
    asked = functions.harness.clock()
    functions.harness.ledger.add(
        [functions.harness.change(f"{n}/x.jpg", ago=600, bucket="my-origin-bucket") for n in range(80)]
    )
    functions.submit({"tick": True})
    assert len(functions.harness.purged) == 80
    assert functions.harness.clock() - asked > 45


def test_a_manual_purge_in_the_queue_is_a_dead_letter(functions: Functions) -> None:
    """Otherwise each delivery of the message would be a change of its own, with a purge."""
    record = {"messageId": "m", "receiptHandle": "h", "eventSource": "aws:sqs"}
    for body in ('{"keys": [{"bucket": "my-origin-bucket", "key": "a/x.jpg"}]}', f'{{"urls": ["{URL}"]}}'):
        answer = functions.submit({"Records": [record | {"body": body}]})
        assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert functions.harness.purged == []
    for line in functions.logged("malformed message"):
        assert "sam remote invoke SubmitPurge" in line["reasons"][0]
