"""Bugs that the fault simulation found, each tested at the lowest level that shows it."""

from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from purging.aws.clients import AWS_CLIENT
from purging.changes import ObjectChange
from purging.imagekit.client import ImageKit
from purging.ledger.lease import Lease
from purging.ledger.quota import Quota
from purging.ledger.store import Ledger
from tests.chaos.aws import SmallAws
from tests.chaos.bucket import Bucket
from tests.chaos.endpoint import Answer, Call, SimulatedEndpoint
from tests.integration.harness import Harness

MONTH = "2030-05"


def test_purges_are_given_back_once_although_the_sdk_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer of the first call is lost, and botocore repeats the call.

    A plain ADD would subtract twice, and the quota could be exceeded.
    """
    ledger = _ledger_that_loses_an_answer(monkeypatch, "-5")
    ledger.quota.reserve(MONTH, 25, 100)
    ledger.quota.give_back(MONTH, 5)
    assert ledger.state(MONTH).used == 20


def test_purges_are_counted_once_although_the_sdk_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a lost answer would waste up to 25 of a month's purges."""
    ledger = _ledger_that_loses_an_answer(monkeypatch, "used :count")
    assert ledger.quota.reserve(MONTH, 25, 30) == 25
    assert ledger.state(MONTH).used == 25
    assert ledger.quota.reserve(MONTH, 25, 30) == 5


def test_a_conflict_is_not_taken_for_a_used_up_quota(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another transaction writes the same item: the drain fails, and the change stays pending."""
    harness.ledger.add([harness.change("a/1.jpg")])
    refused = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "TransactionConflict"}],
    }

    def conflict(**_: object) -> None:
        raise harness.dynamodb.exceptions.TransactionCanceledException(refused, "TransactWriteItems")

    with monkeypatch.context() as patch:
        patch.setattr(harness.dynamodb, "transact_write_items", conflict)
        with pytest.raises(ClientError):
            harness.drain()
    assert harness.drain().settled == 1


def test_the_lease_is_taken_although_the_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK retries and finds that the lease is taken, by this same call.

    Otherwise no drain could run until the lease expired.
    """
    ledger = _ledger_that_loses_an_answer(monkeypatch, "#owner = :owner")
    assert ledger.lease.acquire("me", 1_000.0, 60)
    assert not ledger.lease.acquire("other", 1_001.0, 60)


def test_a_request_is_the_first_although_the_answer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK retries and finds that the request is known, from this same call. It is no repetition."""
    ledger = _ledger_that_loses_an_answer(monkeypatch, "asked_at")
    assert ledger.first_asked("request", "me", 1_000.0, 300) == (1_000.0, False)
    assert ledger.first_asked("request", "other", 1_060.0, 300) == (1_000.0, True)


def _ledger_that_loses_an_answer(monkeypatch: pytest.MonkeyPatch, expression: str) -> Ledger:
    """Returns a ledger. Its first call with this expression takes effect, and its answer is lost."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    aws = SmallAws(Bucket(versioned=False), "")
    client = boto3.client("dynamodb", config=AWS_CLIENT)
    lost = iter([True])

    def respond(name: str, model: object, call: Call) -> Answer:
        answer = aws.respond(name, model, call)
        if expression in str(call["body"]) and next(lost, False):
            raise ReadTimeoutError(endpoint_url="dynamodb")
        return answer

    SimulatedEndpoint.install(client, respond)
    return Ledger("ledger", client)


def test_an_accepted_purge_counts_although_the_ledger_fails_right_after(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bug: the reserved purge was given back, although ImageKit had counted it."""
    harness.ledger.pause(0.0, failures=1)
    harness.ledger.add([harness.change("a/1.jpg"), harness.change("a/2.jpg")])

    def throttled(_ledger: Ledger, _now: float) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "DeleteItem")

    monkeypatch.setattr(Ledger, "resume", throttled)
    with pytest.raises(ClientError):
        harness.drain()
    assert len(harness.purged) == 1
    assert harness.ledger.state(MONTH).used == 1


def test_accepted_purges_are_recorded_although_the_rest_cannot_be_given_back(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB fails at the end of a batch. The batch's purges are recorded and not made again."""
    harness.ledger.add([harness.change("a/1.jpg", ago=60), harness.change("b/2.png", ago=60)])

    def throttled(_quota: Quota, _month: str, _count: int) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")

    with monkeypatch.context() as patch:
        patch.setattr(Quota, "give_back", throttled)
        with pytest.raises(ClientError):
            harness.drain()
    assert len(harness.purged) == 2
    assert sorted(purge.url for purge in harness.ledger.accepted_since(0)) == sorted(harness.purged)
    harness.drain()
    assert len(harness.purged) == 2
    assert harness.ledger.pending() == []


def test_each_clock_may_be_five_seconds_off(harness: Harness) -> None:
    """A change right after a purge may look ten seconds older than the purge, and is still purged.

    S3's clock is slow, the function's clock is fast, and EventBridge drops the fraction of a second.
    """
    harness.ledger.add([harness.change("a/x.jpg", ago=60)])
    harness.drain()
    seen = datetime.fromtimestamp(int(harness.clock() - 10), UTC)
    harness.ledger.add([ObjectChange("origin", "a/x.jpg", "created", seen, "2")])
    harness.drain()
    assert len(harness.purged) == 2


def test_a_batch_ends_with_its_month(harness: Harness) -> None:
    """Purges reserved in May and made in June would not count to June, so its quota could be exceeded."""
    harness.clock.now = datetime(2030, 5, 31, 23, 59, 57, tzinfo=UTC).timestamp()
    harness.set_emulator(write_rate=1.0, write_burst=1)
    harness.ledger.add([harness.change(f"a/{n}.jpg", ago=100) for n in range(9)])
    harness.drain()
    harness.clock.sleep(60)
    harness.drain()
    accepted = [
        datetime.fromtimestamp(each.accepted_at, UTC).month for each in harness.emulator.state.purges.all()
    ]
    assert len(accepted) == 9
    assert (harness.ledger.state("2030-05").used, harness.ledger.state("2030-06").used) == (
        accepted.count(5),
        accepted.count(6),
    )


def test_a_function_killed_during_a_batch_repeats_no_purge(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed as if out of memory, so nothing is done at the end of the batch.

    The purges that ImageKit had accepted are recorded, and the next drain has them tracked.
    """

    class Killed(BaseException):
        pass

    harness.ledger.add([harness.change(f"{number}/a.jpg", ago=60) for number in range(30)])
    real = ImageKit.purge

    def purge(imagekit: ImageKit, url: str) -> str:
        if len(harness.purged) == 24:
            raise Killed
        return real(imagekit, url)

    with monkeypatch.context() as patch:
        patch.setattr(ImageKit, "purge", purge)
        patch.setattr(Quota, "give_back", lambda *_: None)
        patch.setattr(Lease, "release", lambda *_: None)
        with pytest.raises(Killed):
            harness.drain()
    harness.clock.sleep(600)
    harness.drain()
    assert len(harness.purged) == len(set(harness.purged)) == 30
    followed = [purge["url"] for execution in harness.executions() for purge in execution["purges"]]
    assert sorted(followed) == sorted(harness.purged)
