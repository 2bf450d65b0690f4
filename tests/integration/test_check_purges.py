"""CheckPurges as TrackPurges invokes it: it returns every answer of ImageKit and the CDN as data."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

import check_purges
from local.imagekit import Fetched
from local.imagekit.answers import Answer, Request
from purging.aws import clients
from purging.imagekit.private_key import PrivateKey
from purging.purges import AcceptedPurge
from tests.integration.harness import KEY, Functions, running_functions, running_harness

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def functions() -> Iterator[Functions]:
    """The functions, with a CDN that serves every object."""

    def fetch(_bucket: str, key: str) -> Fetched:
        return Fetched(200, key.encode(), "image/jpeg", '"e"')

    with running_harness(fetch=fetch) as harness, running_functions(harness) as running:
        yield running


def call_imagekit(functions: Functions, method: str, address: str, **body: str) -> Answer:
    """Sends one request to the emulated ImageKit, as another client would."""
    host, path = address.removeprefix("http://").split("/", 1)
    credentials = base64.b64encode(f"{KEY}:".encode()).decode()
    return functions.harness.emulator.handle(
        Request(
            method, f"/{path}", host, authorization=f"Basic {credentials}", body=json.dumps(body).encode()
        )
    )


def accept(functions: Functions, *keys: str, sample: str | None = None) -> list[dict[str, Any]]:
    """Returns purges that ImageKit accepts now and the ledger records, in the form for TrackPurges."""
    purges = []
    for url in (f"{functions.harness.url}/demo/{key}" for key in keys):
        answer = call_imagekit(functions, "POST", f"{functions.harness.url}/v1/files/purge", url=url)
        purges.append(
            AcceptedPurge(json.loads(answer.body)["requestId"], url, functions.harness.clock(), sample=sample)
        )
    functions.harness.ledger.accept(purges)
    return [
        {"request_id": each.request_id, "url": each.url, "submitted_at": each.submitted_at, "sample": sample}
        for each in purges
    ]


def completed_at(functions: Functions) -> list[float | None]:
    """Returns when the ledger recorded each purge as completed, in the order of submission."""
    items = functions.harness.dynamodb.scan(TableName="ledger")["Items"]
    purges = sorted(
        (item for item in items if item["pk"]["S"] == "submitted"), key=lambda item: item["sk"]["S"]
    )
    return [float(item["completed_at"]["N"]) if "completed_at" in item else None for item in purges]


def status_calls(functions: Functions) -> int:
    return sum(functions.harness.emulator.state.calls.get("status", {}).values())


def test_a_purge_is_pending_and_then_completed(functions: Functions) -> None:
    """It is returned unchanged until ImageKit says Completed. Then the ledger records the time."""
    (purge,) = accept(functions, "a.jpg")
    answer = functions.check([purge])
    still = purge | {"cause": "pending", "reason": "Pending"}
    assert answer == {"purges": [still], "completed": 0, "wait_seconds": 0}
    assert completed_at(functions) == [None]
    functions.harness.clock.sleep(5)
    assert functions.check(answer["purges"]) == {"purges": [], "completed": 1, "wait_seconds": 0}
    assert completed_at(functions) == [functions.harness.clock()]
    (line,) = functions.logged("purge completed")
    assert line["seconds"] == 5


def test_only_unfinished_purges_are_returned(functions: Functions) -> None:
    """They keep their order."""
    (old,) = accept(functions, "old.jpg")
    functions.harness.clock.sleep(2)
    (new,) = accept(functions, "new.jpg")
    functions.harness.clock.sleep(2)
    answer = functions.check([old, new])
    assert ([each["url"] for each in answer["purges"]], answer["completed"]) == ([new["url"]], 1)


def test_a_throttled_check_returns_how_long_to_wait(functions: Functions) -> None:
    """The wait is in whole seconds, rounded up. No further purge is checked."""
    purges = accept(functions, "0.jpg", "1.jpg", "2.jpg")
    functions.harness.clock.sleep(5)
    functions.harness.inject("429", api="status", nth=2, seconds=90.4)
    answer = functions.check(purges)
    assert answer["wait_seconds"] == 91
    assert answer["completed"] == 1
    assert [each["reason"] for each in answer["purges"]] == ["throttled", "throttled"]
    assert status_calls(functions) == 2
    assert functions.check(answer["purges"])["completed"] == 2


def test_a_throttled_check_without_headers_waits_a_minute(functions: Functions) -> None:
    """A rate limit of the status API says nothing about the quota."""
    functions.harness.inject("429-no-headers", api="status")
    assert functions.check(accept(functions, "a.jpg"))["wait_seconds"] == 60


def test_an_unknown_id_stays_unfinished(functions: Functions) -> None:
    """It is checked until the deadline, and the alert has the reason. The other purges go on."""
    (good,) = accept(functions, "a.jpg")
    functions.harness.clock.sleep(5)
    answer = functions.check([good | {"request_id": 24 * "0"}, good])
    (unknown,) = answer["purges"]
    assert "No request found for this requestId" in unknown["reason"]
    assert answer["completed"] == 1


@pytest.mark.parametrize("id_of_trouble", ["../../../v1/files", "a/b?c#d", "ü \n"])
def test_an_id_cannot_change_the_path_of_the_call(functions: Functions, id_of_trouble: str) -> None:
    """Whatever the text of the id, the call goes to the status API."""
    (purge,) = accept(functions, "a.jpg")
    (unknown,) = functions.check([purge | {"request_id": id_of_trouble}])["purges"]
    assert "knows no purge" in unknown["reason"]
    assert dict(functions.harness.emulator.state.calls["status"]) == {"unknown-request": 1}


def test_a_refused_key_is_tried_once_and_not_for_every_purge(functions: Functions) -> None:
    """The secret is read again once. The next check uses the corrected key."""
    purges = accept(functions, *(f"{n}.jpg" for n in range(5)))
    functions.harness.set_emulator(private_key="private_new")
    answer = functions.check(purges)
    assert len(answer["purges"]) == 5
    assert all("refuses the private key" in each["reason"] for each in answer["purges"])
    assert status_calls(functions) == 1
    assert KEY not in json.dumps(answer) + functions.log.getvalue()
    secret = functions.harness.settings.secret_arn
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString="private_new")
    functions.harness.clock.sleep(5)
    assert functions.check(answer["purges"])["completed"] == 5


@pytest.mark.parametrize("code", ["AccessDeniedException", "InternalServiceError", "no answer"])
def test_a_secret_that_cannot_be_read_is_a_reason(
    functions: Functions, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracking goes on until the deadline. The secret is read once, not for each purge."""
    purges = accept(functions, *(f"{n}.jpg" for n in range(5)))
    functions.harness.clock.sleep(5)
    reads = []

    def fails(_key: PrivateKey) -> Any:
        reads.append(code)
        if code == "no answer":
            raise ReadTimeoutError(endpoint_url="https://secretsmanager")
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")

    with monkeypatch.context() as patch:
        patch.setattr(PrivateKey, "read_again", fails)
        answer = functions.check(purges)
    assert [each["cause"] for each in answer["purges"]] == ["key not read"] * 5
    assert all("cannot be read from Secrets Manager" in each["reason"] for each in answer["purges"])
    assert (len(reads), status_calls(functions)) == (1, 0)
    assert functions.check(answer["purges"])["completed"] == 5


def test_unchecked_purges_come_first_next_time(functions: Functions) -> None:
    """Pending purges must not use up the time of the purges behind them."""
    purges = accept(functions, "0.jpg", "1.jpg", "2.jpg")
    left = iter([60.0, 30.0, 30.0])
    found = check_purges.checker().check(purges, lambda: next(left)).answer()
    assert [(each["url"][-5:], each["cause"]) for each in found["purges"]] == [
        ("1.jpg", "not asked"),
        ("2.jpg", "not asked"),
        ("0.jpg", "pending"),
    ]


@pytest.mark.parametrize("service", ["dynamodb", "secretsmanager", "sns"])
def test_aws_clients_time_out_before_the_function(service: str) -> None:
    """A hanging service is called twice for at most six seconds each, within the function's 60 seconds."""
    options: Any = clients.aws(service).meta.config  # botocore makes its options as it goes
    assert options.retries["total_max_attempts"] * (options.connect_timeout + options.read_timeout) <= 12


@pytest.mark.parametrize("kind", ["5xx", "reset-before", "reset-after"])
def test_a_failed_call_affects_one_purge(functions: Functions, kind: str) -> None:
    """That purge stays unfinished with the reason, and the others are checked."""
    purges = accept(functions, "1.jpg", "2.jpg")
    functions.harness.clock.sleep(5)
    functions.harness.inject(kind, api="status")
    answer = functions.check(purges)
    assert answer["completed"] == 1
    assert [each["url"] for each in answer["purges"]] == [purges[0]["url"]]
    assert answer["purges"][0]["reason"]


def test_a_completed_purge_with_a_fresh_sample_is_done(functions: Functions) -> None:
    """The sample is requested as by a visitor, and was fetched again after the purge."""
    visitor = f"{functions.harness.url}/demo/a.jpg"
    (purge,) = accept(functions, "a.jpg", sample=visitor)
    functions.harness.clock.sleep(60)
    assert functions.check([purge])["completed"] == 1
    assert sum(functions.harness.emulator.state.calls["edge"].values()) == 1


def test_a_completed_purge_with_a_stale_sample_is_checked_again(functions: Functions) -> None:
    """An answer that is older than its purge was not purged, whatever the status says."""
    stale = f"{functions.harness.url}/demo/stale.jpg"
    call_imagekit(functions, "GET", stale)
    functions.harness.clock.sleep(100)
    # The purge is of another object, so that this one stays in the cache.
    (purge,) = accept(functions, "other.jpg", sample=stale)
    functions.harness.clock.sleep(10)
    answer = functions.check([purge])
    (still,) = answer["purges"]
    assert still["reason"] == f"Completed, but {stale} is still stale: its Age is 110 s"
    assert answer["completed"] == 0
    assert completed_at(functions) == [functions.harness.clock()], "ImageKit said Completed"
    calls = status_calls(functions)
    assert functions.check(answer["purges"])["purges"][0]["reason"].startswith("Completed, but")
    assert status_calls(functions) == calls, "a Completed purge is not checked again"
    functions.harness.emulator.state.cache.clear()
    assert functions.check(answer["purges"])["completed"] == 1


def test_without_a_sample_or_without_verification_completed_is_enough(functions: Functions) -> None:
    """If no URL can be checked, or VerifyFreshness is off, ImageKit's Completed counts."""
    stale = f"{functions.harness.url}/demo/stale.jpg"
    call_imagekit(functions, "GET", stale)
    functions.harness.clock.sleep(100)
    (without,), (unverified,) = accept(functions, "1.jpg"), accept(functions, "2.jpg", sample=stale)
    functions.harness.clock.sleep(10)
    assert functions.check([without])["completed"] == 1
    with running_functions(functions.harness, VERIFY_FRESHNESS="false") as unchecked:
        assert unchecked.check([unverified])["completed"] == 1


def test_a_check_answers_before_its_time_out(functions: Functions) -> None:
    """The purges that it did not check are checked next time."""
    purges = accept(functions, "0.jpg", "1.jpg", "2.jpg")
    functions.harness.clock.sleep(5)
    answer = functions.check(purges, seconds=14)
    assert [each["reason"] for each in answer["purges"]] == ["not asked yet"] * 3
    assert status_calls(functions) == 0
    assert functions.check(answer["purges"])["completed"] == 3


def test_three_hundred_purges_are_checked_at_once(functions: Functions) -> None:
    """That is far more than one execution gets. A few samples are checked, and the answer fits the limit."""
    sample = f"{functions.harness.url}/demo/a.jpg"
    purges = accept(functions, *(f"{'x' * 200}/{n}.jpg" for n in range(300)), sample=sample)
    answer = functions.check(purges)
    assert len(answer["purges"]) == 300
    assert len(json.dumps(answer)) < 256 * 1024
    functions.harness.clock.sleep(5)
    assert functions.check(answer["purges"]) == {"purges": [], "completed": 300, "wait_seconds": 0}
    assert sum(functions.harness.emulator.state.calls["edge"].values()) == 5
    assert None not in completed_at(functions)


def test_a_purge_that_is_not_in_the_ledger_is_checked(functions: Functions) -> None:
    """After a crash it is tracked but not recorded. It is followed to its end, without a record."""
    (purge,) = accept(functions, "a.jpg")
    functions.harness.clock.sleep(5)
    assert functions.check([purge | {"submitted_at": purge["submitted_at"] - 1}])["completed"] == 1
    assert completed_at(functions) == [None], "no second item was created"


def test_a_failing_ledger_does_not_hide_a_completed_purge(functions: Functions) -> None:
    """The record of the completion is only informative."""
    (purge,) = accept(functions, "a.jpg")
    functions.harness.clock.sleep(5)
    functions.harness.dynamodb.delete_table(TableName="ledger")
    assert functions.check([purge])["completed"] == 1
    assert len(functions.logged("completion not noted")) == 1


def test_no_purges_need_no_check(functions: Functions) -> None:
    """An execution without purges ends at once."""
    assert functions.check([]) == {"purges": [], "completed": 0, "wait_seconds": 0}
