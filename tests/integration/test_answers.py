"""Questions through the real handler: answers from the ledger that real drains leave."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from purging.answers import reading
from purging.changes import IDENTITY_BYTES, ObjectChange
from purging.errors import InvalidRequest, MalformedEvent, UrlRefused
from purging.imagekit.client import ImageKit
from purging.ledger.alert_claims import KEY_REFUSED
from purging.ledger.inspection import Inspection
from purging.purges import AcceptedPurge, FailingUrl
from tests.integration.harness import ENDPOINT, KEY, Functions, Harness, running_functions

# Powertools warns if an invocation counts nothing, as a question does.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BUCKET = "my-origin-bucket"
URL = f"{ENDPOINT}/a/x.jpg"
STATUS = {"status": True}
EXPLAIN = {"explain": f"{BUCKET}/a/x.jpg"}


@pytest.fixture
def functions(harness: Harness) -> Iterator[Functions]:
    with running_functions(harness) as running:
        yield running


def ask(functions: Functions, question: dict[str, Any]) -> dict[str, Any]:
    """The answer, as JSON brings it to the caller. It changes nothing in the ledger."""
    table = functions.harness.settings.ledger_table
    before = functions.harness.dynamodb.scan(TableName=table)["Items"]
    answer: dict[str, Any] = json.loads(json.dumps(functions.submit(question), allow_nan=False))
    assert functions.harness.dynamodb.scan(TableName=table)["Items"] == before
    return answer


def change(functions: Functions, key: str = "a/x.jpg", ago: float = 60.0) -> ObjectChange:
    return functions.harness.change(key, ago=ago, bucket=BUCKET)


def drain(functions: Functions) -> None:
    functions.submit({"tick": True})


def test_a_change_from_pending_to_completed(functions: Functions) -> None:
    """Both questions follow it: pending, in flight, and Completed."""
    functions.harness.ledger.add([change(functions)])
    pending = ask(functions, STATUS)["pending"]
    assert (pending["changes"], pending["objects"], pending["change_sets"]) == (1, 1, 1)
    assert pending["oldest_seconds"] == 60.0
    assert "is still pending" in ask(functions, EXPLAIN)["why"]

    drain(functions)
    answer = ask(functions, STATUS)
    assert answer["pending"]["changes"] == 0
    assert (answer["quota"]["used"], answer["purges"]["in_flight"]) == (1, 1)
    [url] = ask(functions, EXPLAIN)["urls"]
    assert (url["last_purge"]["url"], url["last_purge"]["state"]) == (f"{URL}*", "in flight")

    functions.harness.clock.sleep(90)
    [tracked] = functions.harness.executions()
    functions.check(tracked["purges"])
    purges = ask(functions, STATUS)["purges"]
    assert (purges["in_flight"], purges["completed_last_day"]) == (0, 1)
    assert purges["median_seconds_to_completed"] == 90.0
    [url] = ask(functions, EXPLAIN)["urls"]
    assert url["last_purge"]["completed_at"] == "2030-05-15T12:01:30+00:00"


def test_the_last_purge_of_a_url_may_be_a_wildcard_of_a_folder(functions: Functions) -> None:
    """A key with odd characters is named by an object with bucket and key."""
    key = "a/é t#1?*.jpg"
    functions.submit({"keys": [{"bucket": BUCKET, "key": key}]})
    functions.harness.clock.sleep(60)
    functions.submit({"urls": [f"{ENDPOINT}/a/b/*", f"{ENDPOINT}/a/%C3%A9*"]})
    [url] = ask(functions, {"explain": {"bucket": BUCKET, "key": key}})["urls"]
    assert url["url"] == f"{ENDPOINT}/a/%C3%A9%20t%231%3F%2A.jpg"
    assert url["last_purge"]["url"] == f"{ENDPOINT}/a/%C3%A9*"


def test_held_without_quota(harness: Harness) -> None:
    """Both answers say why and until when. The reserve is left to manual purges."""
    with running_functions(harness, MONTHLY_PURGE_QUOTA="10") as functions:
        harness.ledger.quota.reserve("2030-05", 9, 10)
        harness.ledger.add([change(functions)])
        drain(functions)
        answer, explained = ask(functions, STATUS), ask(functions, EXPLAIN)
    assert answer["quota"]["left_for_changes"] == 0
    assert answer["quota"]["left_for_manual_purges"] == 1
    for held in (answer["held"], explained["held"]):
        assert [(each["reason"], each["until"]) for each in held] == [("quota", "2030-06-01T00:00:00+00:00")]
    assert "The 9 purges that this stack may spend on them this month are used." in explained["why"]


def test_a_refused_key_is_the_reason_until_a_purge_is_accepted(functions: Functions) -> None:
    """The alert shows it, since drains store nothing else of it."""
    functions.harness.ledger.add([change(functions)])
    functions.harness.set_emulator(private_key="private_another")
    drain(functions)
    assert [each["reason"] for each in ask(functions, STATUS)["held"]] == ["key refused"]
    assert "ImageKit refuses the private key" in ask(functions, EXPLAIN)["why"]
    functions.harness.set_emulator(private_key=KEY)
    functions.harness.clock.sleep(1)
    drain(functions)
    functions.harness.ledger.add([change(functions, "a/y.jpg")])
    assert functions.harness.ledger.inspection.alerted_until(KEY_REFUSED)
    assert ask(functions, STATUS)["held"] == []


def test_a_pause_and_a_failing_url(functions: Functions) -> None:
    """With attempts, the next attempt, and the reason of the pause."""
    now = functions.harness.clock()
    ledger = functions.harness.ledger
    ledger.add([change(functions)])
    ledger.pause(now + 60, failures=3, reason="ImageKit answered 502")
    ledger.remember_failing(f"{URL}*", FailingUrl(3, now + 30, now - 5, now))
    ledger.remember_refused(f"{ENDPOINT}/logo*", now)
    answer = ask(functions, STATUS)
    assert answer["pause"]["reason"] == "ImageKit answered 502"
    assert [each["reason"] for each in answer["held"]] == ["paused", "failing"]
    assert answer["failing"]["urls"][0]["attempts"] == 3
    assert answer["refused_wildcards"] == {"count": 1, "urls": [f"{ENDPOINT}/logo*"]}
    assert ask(functions, EXPLAIN)["urls"][0]["failing"]["retry_at"] == "2030-05-15T12:00:30+00:00"


def test_a_url_that_imagekit_refuses(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up, and only the alert and the log tell of it."""

    def refuse(_: ImageKit, url: str) -> str:
        raise UrlRefused(url, "not of this account")

    monkeypatch.setattr(ImageKit, "purge", refuse)
    functions.harness.ledger.add([change(functions)])
    drain(functions)
    assert functions.harness.purged == []
    answer = ask(functions, EXPLAIN)
    assert answer["urls"][0]["endpoint_given_up_at"] == "2030-05-15T12:00:00+00:00"
    assert 'the log of SubmitPurge names each ("purge refused"' in answer["why"]
    functions.harness.clock.sleep(86_401)
    assert ask(functions, EXPLAIN)["urls"][0]["endpoint_given_up_at"] is None


def test_a_dependent_that_was_given_up_is_explained(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`explain` names the URL and the setting to correct."""

    def refuse(_: ImageKit, url: str) -> str:
        if "/all/" in url:
            raise UrlRefused(url, "no")
        return "1" * 24

    monkeypatch.setattr(ImageKit, "purge", refuse)
    monkeypatch.setenv("DEPENDENTS", "*=/shop/all/*")
    functions.harness.ledger.add([change(functions)])
    drain(functions)
    answer = ask(functions, EXPLAIN)
    url = f"{ENDPOINT}/shop/all/*"
    assert f"{url} was given up" in answer["why"]
    assert "correct Dependents" in answer["why"]
    given_up = {each["url"]: each["endpoint_given_up_at"] for each in answer["urls"]}
    assert [each for each, at in given_up.items() if at] == [url]


def test_a_drain_at_work_is_shown_and_not_disturbed(functions: Functions) -> None:
    """A question takes no lease and leaves no word in it."""
    lease = functions.harness.ledger.lease
    assert lease.acquire("other", functions.harness.clock(), 100)
    assert ask(functions, STATUS)["draining"] == {"at_work": True, "until": "2030-05-15T12:01:40+00:00"}
    assert lease.finish("other")
    assert ask(functions, STATUS)["draining"] == {"at_work": False, "until": None}


def test_a_purge_of_several_items_counts_once(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made for more changes than one item holds. Its first item says when it was Completed."""
    monkeypatch.setattr("purging.ledger.items._MAX_IDENTITIES", 2)
    now = functions.harness.clock()
    changes = [change(functions, f"a/{n}.jpg", ago=1.0) for n in range(30)]
    identities = b"".join(sorted(each.identity for each in changes))
    made = AcceptedPurge("one", f"{ENDPOINT}/a/*", now, identities)
    functions.harness.ledger.accept([made])
    functions.harness.ledger.complete("one", now, now + 7)
    purges = ask(functions, STATUS)["purges"]
    assert (purges["accepted_last_day"], purges["completed_last_day"]) == (1, 1)
    [read] = functions.harness.ledger.inspection.purges_backwards()
    assert (read.identities, read.completed_at) == (identities, now + 7)
    assert len(read.identities) == 30 * IDENTITY_BYTES


def test_very_many_pending_changes_are_sampled(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """The change sets are counted, some of their changes too, and the answer names what is a lower bound.

    The object of the last set is found nevertheless.
    """
    monkeypatch.setattr("purging.ledger.store.WINDOW", 30)
    for start in range(0, 100, 10):
        functions.harness.ledger.add(
            [change(functions, f"a/{n}.jpg", ago=1000 - n) for n in range(start, start + 10)]
        )
    answer = ask(functions, STATUS)
    pending = answer["pending"]
    assert (pending["change_sets"], pending["changes"], pending["objects"]) == (10, 30, 30)
    assert pending["estimated_changes"] == 100
    assert pending["oldest_seconds"] == 1000.0
    assert answer["at_least"] == ["pending.changes", "pending.objects"]
    explained = ask(functions, {"explain": f"{BUCKET}/a/99.jpg"})
    assert (len(explained["pending"]), explained["all_pending_searched"]) == (1, True)


def slow(functions: Functions, reads: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same reads, of which each takes half the time that an answer has for them."""

    def reading_slowly(*arguments: Any) -> Iterator[Any]:
        for each in reads(*arguments):
            functions.harness.clock.sleep(reading.READ_SECONDS / 2)
            yield each

    return reading_slowly


def test_a_slow_ledger_is_not_read_to_its_end(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes before the caller's SDK asks again, after 60 seconds, and names what was not read."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 1)
    monkeypatch.setattr(Inspection, "change_sets", slow(functions, lambda _: iter([1] * 9)))
    for name in ("changes_of", "timings", "purges_backwards"):
        monkeypatch.setattr(Inspection, name, slow(functions, getattr(Inspection, name)))
    harness = functions.harness
    for n in range(5):
        harness.ledger.add([change(functions, f"a/{n}.jpg")])
        harness.ledger.accept([AcceptedPurge(f"{n}", f"{ENDPOINT}/b/*", harness.clock() - n)])
    asked = harness.clock()
    answer = ask(functions, STATUS)
    assert harness.clock() - asked < 45
    assert {"pending.change_sets", "purges.in_flight"} < set(answer["at_least"])
    assert (answer["pending"]["change_sets"], answer["purges"]["in_flight"]) == (2, 2)
    asked = harness.clock()
    explained = ask(functions, EXPLAIN)
    assert harness.clock() - asked < 45
    assert (explained["all_pending_searched"], explained["all_purges_searched"]) == (False, False)


@pytest.mark.parametrize(
    ("question", "error", "names"),
    [
        ({"status": "yes"}, InvalidRequest, 'write {"status": true}'),
        ({"explain": "a.jpg"}, InvalidRequest, "names no bucket and key"),
        ({"explain": 3}, MalformedEvent, "not 3"),
    ],
)
def test_a_malformed_question_fails(
    functions: Functions, question: dict[str, Any], error: type[Exception], names: str
) -> None:
    """As a malformed manual purge does."""
    with pytest.raises(error, match=names):
        functions.submit(question)


def test_a_question_in_the_queue_is_a_dead_letter(functions: Functions) -> None:
    """Nobody would get its answer."""
    record = {"messageId": "m", "receiptHandle": "h", "eventSource": "aws:sqs", "body": json.dumps(STATUS)}
    assert functions.submit({"Records": [record]}) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
