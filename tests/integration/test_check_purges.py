"""CheckPurges as TrackPurges invokes it: whatever ImageKit and the CDN say comes back as data."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

import check_purges
from local.imagekit import Fetched
from local.imagekit.answers import Answer, Request
from purging.imagekit.private_key import PrivateKey
from purging.purges import AcceptedPurge
from tests.integration.harness import KEY, Functions, running_functions, running_harness
from tests.unit.cloudformation import default_environment

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def functions() -> Iterator[Functions]:
    """The functions in front of a CDN that serves every object."""

    def fetch(_bucket: str, key: str) -> Fetched:
        return Fetched(200, key.encode(), "image/jpeg", '"e"')

    with running_harness(fetch=fetch) as harness, running_functions(harness) as running:
        yield running


def ask(functions: Functions, method: str, address: str, **body: str) -> Answer:
    """One request to the emulated ImageKit, as a client of its own makes it."""
    host, path = address.removeprefix("http://").split("/", 1)
    credentials = base64.b64encode(f"{KEY}:".encode()).decode()
    return functions.harness.emulator.handle(
        Request(
            method, f"/{path}", host, authorization=f"Basic {credentials}", body=json.dumps(body).encode()
        )
    )


def accept(functions: Functions, *keys: str, sample: str | None = None) -> list[dict[str, Any]]:
    """Purges that ImageKit accepts now and the ledger knows, as TrackPurges is given them."""
    purges = []
    for url in (f"{functions.harness.url}/demo/{key}" for key in keys):
        answer = ask(functions, "POST", f"{functions.harness.url}/v1/files/purge", url=url)
        purges.append(
            AcceptedPurge(json.loads(answer.body)["requestId"], url, functions.harness.clock(), sample=sample)
        )
    functions.harness.ledger.accept(purges)
    return [
        {"request_id": each.request_id, "url": each.url, "submitted_at": each.submitted_at, "sample": sample}
        for each in purges
    ]


def completed_at(functions: Functions) -> list[float | None]:
    """When the ledger saw each purge completed, in the order they were submitted."""
    items = functions.harness.dynamodb.scan(TableName="ledger")["Items"]
    purges = sorted(
        (item for item in items if item["pk"]["S"] == "submitted"), key=lambda item: item["sk"]["S"]
    )
    return [float(item["completed_at"]["N"]) if "completed_at" in item else None for item in purges]


def status_calls(functions: Functions) -> int:
    return sum(functions.harness.emulator.state.calls.get("status", {}).values())


def test_pending_then_completed(functions: Functions) -> None:
    """A purge stays open, word for word, until ImageKit says Completed; then the ledger notes when."""
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


def test_some_completed_some_not(functions: Functions) -> None:
    """The answer holds what is still open, in its order."""
    (old,) = accept(functions, "old.jpg")
    functions.harness.clock.sleep(2)
    (new,) = accept(functions, "new.jpg")
    functions.harness.clock.sleep(2)
    answer = functions.check([old, new])
    assert ([each["url"] for each in answer["purges"]], answer["completed"]) == ([new["url"]], 1)


def test_throttled(functions: Functions) -> None:
    """The wait that ImageKit asks for comes back in whole seconds, rounded up; nobody is asked further."""
    purges = accept(functions, "0.jpg", "1.jpg", "2.jpg")
    functions.harness.clock.sleep(5)
    functions.harness.inject("429", api="status", nth=2, seconds=90.4)
    answer = functions.check(purges)
    assert answer["wait_seconds"] == 91
    assert answer["completed"] == 1
    assert [each["reason"] for each in answer["purges"]] == ["throttled", "throttled"]
    assert status_calls(functions) == 2
    assert functions.check(answer["purges"])["completed"] == 2


def test_throttled_without_headers(functions: Functions) -> None:
    """A reset that is missing means a minute; on the status API it says nothing of the quota."""
    functions.harness.inject("429-no-headers", api="status")
    assert functions.check(accept(functions, "a.jpg"))["wait_seconds"] == 60


def test_an_unknown_id(functions: Functions) -> None:
    """It is asked again until the deadline, and then stands in the alert with the reason; others go on."""
    (good,) = accept(functions, "a.jpg")
    functions.harness.clock.sleep(5)
    answer = functions.check([good | {"request_id": 24 * "0"}, good])
    (unknown,) = answer["purges"]
    assert "No request found for this requestId" in unknown["reason"]
    assert answer["completed"] == 1


@pytest.mark.parametrize("id_of_trouble", ["../../../v1/files", "a/b?c#d", "ü \n"])
def test_an_id_is_never_more_than_an_id(functions: Functions, id_of_trouble: str) -> None:
    """Whatever text stands in its place, the call goes to the status API and nowhere else."""
    (purge,) = accept(functions, "a.jpg")
    (unknown,) = functions.check([purge | {"request_id": id_of_trouble}])["purges"]
    assert "knows no purge" in unknown["reason"]
    assert dict(functions.harness.emulator.state.calls["status"]) == {"unknown-request": 1}


def test_a_refused_key_is_tried_once_and_not_for_every_purge(functions: Functions) -> None:
    """The secret is read again, once; with the key filled in, the next look goes through."""
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
def test_a_secret_that_cannot_be_read_is_data(
    functions: Functions, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracking goes on until the deadline, with the reason; Secrets Manager is asked once, not for each."""
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


def test_what_was_not_asked_for_comes_first_next_time(functions: Functions) -> None:
    """Purges that stay Pending must not use up the time of those behind them."""
    purges = accept(functions, "0.jpg", "1.jpg", "2.jpg")
    left = iter([60.0, 30.0, 30.0])
    found = check_purges.checker().look(purges, lambda: next(left)).answer()
    assert [(each["url"][-5:], each["cause"]) for each in found["purges"]] == [
        ("1.jpg", "not asked"),
        ("2.jpg", "not asked"),
        ("0.jpg", "pending"),
    ]


def test_aws_clients_give_up_within_the_life_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that hangs is asked twice for four seconds: the function answers within its 60."""
    configs = []

    def client(service: str, *, config: Config) -> None:
        configs.append((service, config))

    monkeypatch.setattr(boto3, "client", client)
    for name, value in default_environment().items():
        monkeypatch.setenv(name, value)
    for name in ("LEDGER_TABLE", "IMAGEKIT_SECRET_ARN"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("URL_MAP", "origin=https://ik.imagekit.io/demo")
    check_purges.checker.cache_clear()
    check_purges.checker()
    check_purges.checker.cache_clear()
    check_purges.alerts()
    assert {service for service, _ in configs} == {"secretsmanager", "dynamodb", "sns"}
    for _, config in configs:
        options: Any = config  # botocore makes its options as it goes
        assert options.retries["total_max_attempts"] * (options.connect_timeout + options.read_timeout) <= 12


@pytest.mark.parametrize("kind", ["5xx", "reset-before", "reset-after"])
def test_no_usable_answer_concerns_one_purge(functions: Functions, kind: str) -> None:
    """A failed call leaves its purge open and says why; the others are asked."""
    purges = accept(functions, "1.jpg", "2.jpg")
    functions.harness.clock.sleep(5)
    functions.harness.inject(kind, api="status")
    answer = functions.check(purges)
    assert answer["completed"] == 1
    assert [each["url"] for each in answer["purges"]] == [purges[0]["url"]]
    assert answer["purges"][0]["reason"]


def test_fresh_after_completed(functions: Functions) -> None:
    """The sample is requested as a visitor would: the object has just been fetched anew."""
    visitor = f"{functions.harness.url}/demo/a.jpg"
    (purge,) = accept(functions, "a.jpg", sample=visitor)
    functions.harness.clock.sleep(60)
    assert functions.check([purge])["completed"] == 1
    assert sum(functions.harness.emulator.state.calls["edge"].values()) == 1


def test_stale_after_completed(functions: Functions) -> None:
    """An answer older than its purge was not purged, whatever the status says. It is looked at again."""
    stale = f"{functions.harness.url}/demo/stale.jpg"
    ask(functions, "GET", stale)
    functions.harness.clock.sleep(100)
    # The purge is of another object, so that this one stays in the cache.
    (purge,) = accept(functions, "other.jpg", sample=stale)
    functions.harness.clock.sleep(10)
    answer = functions.check([purge])
    (still,) = answer["purges"]
    assert still["reason"] == f"Completed, but {stale} is still stale: its Age is 110 s"
    assert answer["completed"] == 0
    assert completed_at(functions) == [functions.harness.clock()], "ImageKit did say Completed"
    calls = status_calls(functions)
    assert functions.check(answer["purges"])["purges"][0]["reason"].startswith("Completed, but")
    assert status_calls(functions) == calls, "what is Completed is not asked for again"
    functions.harness.emulator.state.cache.clear()
    assert functions.check(answer["purges"])["completed"] == 1


def test_without_a_sample_or_without_verification_completed_is_enough(functions: Functions) -> None:
    """Where no URL is worth a look, or the operator wants none, ImageKit's word counts."""
    stale = f"{functions.harness.url}/demo/stale.jpg"
    ask(functions, "GET", stale)
    functions.harness.clock.sleep(100)
    (without,), (unverified,) = accept(functions, "1.jpg"), accept(functions, "2.jpg", sample=stale)
    functions.harness.clock.sleep(10)
    assert functions.check([without])["completed"] == 1
    with running_functions(functions.harness, VERIFY_FRESHNESS="false") as unchecked:
        assert unchecked.check([unverified])["completed"] == 1


def test_running_out_of_time(functions: Functions) -> None:
    """It answers before the function's time-out; what it did not ask for is asked next time."""
    purges = accept(functions, "0.jpg", "1.jpg", "2.jpg")
    functions.harness.clock.sleep(5)
    answer = functions.check(purges, seconds=14)
    assert [each["reason"] for each in answer["purges"]] == ["not asked yet"] * 3
    assert status_calls(functions) == 0
    assert functions.check(answer["purges"])["completed"] == 3


def test_three_hundred_purges(functions: Functions) -> None:
    """Far more than one execution is given: one look, at most a few samples, and an answer that fits."""
    sample = f"{functions.harness.url}/demo/a.jpg"
    purges = accept(functions, *(f"{'x' * 200}/{n}.jpg" for n in range(300)), sample=sample)
    answer = functions.check(purges)
    assert len(answer["purges"]) == 300
    assert len(json.dumps(answer)) < 256 * 1024
    functions.harness.clock.sleep(5)
    assert functions.check(answer["purges"]) == {"purges": [], "completed": 300, "wait_seconds": 0}
    assert sum(functions.harness.emulator.state.calls["edge"].values()) == 5
    assert None not in completed_at(functions)


def test_a_purge_that_the_ledger_does_not_know(functions: Functions) -> None:
    """Tracked, but not written down before a crash: following it matters, the note does not."""
    (purge,) = accept(functions, "a.jpg")
    functions.harness.clock.sleep(5)
    assert functions.check([purge | {"submitted_at": purge["submitted_at"] - 1}])["completed"] == 1
    assert completed_at(functions) == [None], "no second item came to be"


def test_a_failing_ledger_does_not_hide_a_completed_purge(functions: Functions) -> None:
    """The note is for people."""
    (purge,) = accept(functions, "a.jpg")
    functions.harness.clock.sleep(5)
    functions.harness.dynamodb.delete_table(TableName="ledger")
    assert functions.check([purge])["completed"] == 1
    assert len(functions.logged("completion not noted")) == 1


def test_no_purges(functions: Functions) -> None:
    """An execution with nothing to follow ends at once."""
    assert functions.check([]) == {"purges": [], "completed": 0, "wait_seconds": 0}
