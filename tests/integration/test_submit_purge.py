"""SubmitPurge as Lambda runs it: batches, manual purges, malformed input, and failures of AWS."""

import json
import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import boto3
import moto.backends
import pytest
from botocore.exceptions import ClientError

import submit_purge
from purging.draining.drain import Drain
from purging.errors import InvalidRequest, MalformedEvent, PermanentError
from tests.integration.harness import ENDPOINT, KEY, Functions, Harness, running_functions

# Powertools warns if an invocation fails before it counts anything. telemetry.py silences the warning, but
# pytest enables it again for each test.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def functions(harness: Harness) -> Iterator[Functions]:
    with running_functions(harness) as running:
        yield running


def change(key: str, *, bucket: str = "my-origin-bucket", **fields: Any) -> dict[str, Any]:
    """Returns an EventBridge event, whose key needs no encoding."""
    return {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2030-05-15T11:00:00Z",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0A"}},
    } | fields


def message(body: object, number: int = 0) -> dict[str, Any]:
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "eventSource": "aws:sqs",
    }


def batch(*bodies: object) -> dict[str, Any]:
    return {"Records": [message(body, number) for number, body in enumerate(bodies)]}


def failed(answer: dict[str, Any]) -> list[str]:
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


MALFORMED_BODIES = {
    "empty": "",
    "no JSON": "{",
    "null": None,
    "a number": 7,
    "a list": [],
    "an empty object": {},
    "nested 100,000 deep": "[" * 100_000,
    "nested 950 deep": '{"Records":' * 950 + "0" + "}" * 950,
    "a huge number": "9" * 10_000,
    "another service": {"Records": [{"eventSource": "aws:kinesis", "data": "x"}]},
    "no time": change("a/x.jpg", time=None),
    "a time that is none": change("a/x.jpg", time="9999-99-99"),
    "a key that is a list": change(["a/x.jpg"]),  # type: ignore[arg-type]
    "an empty key": change(""),
    "a key of 1,025 bytes": change("a" * 1025),
    "a lone surrogate in the key": change("a/\ud800.jpg"),
    "a lone surrogate in the bucket": change("a/x.jpg", bucket="\udfff"),
    "an object in place of the bucket": change("a/x.jpg", bucket={}),  # type: ignore[arg-type]
    "a megabyte of sequencer": json.dumps(change("a/x.jpg")).replace("0A", "0A" * 500_000),
    "URLs, which are for direct invocation": {"urls": [f"{ENDPOINT}/a/x.jpg"]},
}


def test_malformed_messages_fail_alone(functions: Functions) -> None:
    """Each malformed message stays in the queue, with its reason in the log. The others are purged."""
    answer = functions.submit(batch(change("a/1.jpg"), *MALFORMED_BODIES.values(), change("a/2.jpg")))
    assert failed(answer) == [f"message-{number}" for number in range(1, len(MALFORMED_BODIES) + 1)]
    assert sorted(functions.harness.purged) == [f"{ENDPOINT}/a/1.jpg*", f"{ENDPOINT}/a/2.jpg*"]
    lines = functions.logged("malformed message")
    assert len(lines) == len(MALFORMED_BODIES)
    assert max(len(json.dumps(line)) for line in lines) < 1000, "a log line shows only a part of a value"


def test_malformed_messages_do_not_stop_later_drains(functions: Functions) -> None:
    """A message that the parser accepts and every drain fails on would stop all purges."""
    functions.submit(batch(*MALFORMED_BODIES.values()))
    functions.harness.clock.sleep(60)
    answer = functions.submit(change("a/later.jpg"))
    assert [purge["url"] for purge in answer["purges"]] == [f"{ENDPOINT}/a/later.jpg*"]
    assert functions.logged("drain failed") == []


def test_unusual_keys_are_purged_like_all_others(functions: Functions) -> None:
    """S3 allows control characters, dots and encoded slashes in keys. They are not resolved."""
    keys = ["a/\x00\x1f\x7f.jpg", "a/../b.jpg", "a/%2F..%2f.jpg", "a/./b", "a//b.jpg", "ü" * 512]
    functions.submit(batch(*(change(key) for key in keys)))
    assert sorted(functions.harness.purged) == sorted(
        f"{ENDPOINT}/{path}*"
        for path in (
            "a/%00%1F%7F.jpg",
            "a/../b.jpg",
            "a/%252F..%252f.jpg",
            "a/./b",
            "a//b.jpg",
            "%C3%BC" * 512,
        )
    )
    samples = {purge["sample"] for each in functions.harness.executions() for purge in each["purges"]}
    assert f"{ENDPOINT}/a/../b.jpg" not in samples, "a client would request another object"


def test_events_of_the_wrong_type_are_typed_errors(functions: Functions, subtests: pytest.Subtests) -> None:
    """The error says which events the function accepts."""
    events: list[Any] = [None, 0, "urls", "tick", [], [1], {}, {"Records": None}, {"Records": [None]}]
    for event in events:
        with subtests.test(event=event), pytest.raises(MalformedEvent):
            functions.submit(event)
    assert functions.harness.purged == []


def test_a_malformed_record_of_an_event_loses_no_other_record(functions: Functions) -> None:
    """The event is not sent again. Its valid records are purged, and then the function raises an error."""

    def record(name: str, key: str) -> dict[str, Any]:
        return {
            "eventSource": "aws:s3",
            "eventName": name,
            "eventTime": "2030-05-15T11:00:00Z",
            "s3": {"bucket": {"name": "my-origin-bucket"}, "object": {"key": key}},
        }

    with pytest.raises(MalformedEvent, match="ObjectTagging"):
        functions.submit(
            {"Records": [record("ObjectTagging:Put", "a/2.jpg"), record("ObjectCreated:Put", "a/1.jpg")]}
        )
    assert functions.harness.purged == [f"{ENDPOINT}/a/1.jpg*"]


def test_a_refused_manual_purge_is_in_the_answer(functions: Functions) -> None:
    """The answer has the URL and the reason. An alert would reach somebody else, once a day."""
    url = f"{ENDPOINT}/a/b/*"
    functions.harness.inject("wildcard-refused")
    answer = functions.submit({"urls": [url]})
    (given_up,) = answer["given_up"]
    assert (answer["purges"], given_up["url"]) == ([], url)
    assert given_up["reason"]


def test_a_dry_run_says_that_it_is_one(harness: Harness) -> None:
    """Otherwise it would look like a manual purge with nothing to do."""
    with running_functions(harness, DRY_RUN="true") as dry:
        answer = dry.submit({"urls": [f"{ENDPOINT}/a/1.jpg"]})
    assert (answer["dry_run"], answer["purges"]) == (True, [])


INVALID_REQUESTS: list[dict[str, Any]] = [
    {"urls": [f"{ENDPOINT}/{n}/x.jpg" for n in range(101)]},
    {"keys": [{"bucket": "my-origin-bucket", "key": f"a/{n}.jpg"} for n in range(101)]},
    {"urls": []},
    {"urls": f"{ENDPOINT}/a/x.jpg"},
    {"urls": None},
    {"urls": [f"{ENDPOINT}/a/x.jpg", 7]},
    {"urls": [f"{ENDPOINT}/a/x.jpg"], "keys": []},
    {"urls": [f"{ENDPOINT}/a/x.jpg"], "force": True},
    {"urls": [f"{ENDPOINT}/a/x.jpg", "https://ik.imagekit.io/other/a.jpg"]},
    {"urls": [f"{ENDPOINT}/a/x.jpg", "https://169.254.169.254/latest/meta-data/"]},
    {"urls": [f"{ENDPOINT}/../other/a.jpg"]},
    {"urls": [f"{ENDPOINT}/%2e%2e%2fother/a.jpg"]},
    {"urls": ["file:///etc/passwd"]},
    {"keys": [{"bucket": "elsewhere", "key": "a.jpg"}]},
    {"keys": [{"bucket": "my-origin-bucket", "key": "a.jpg"}, {}]},
    {"keys": ["a.jpg"]},
]


def test_an_invalid_manual_purge_purges_nothing(functions: Functions, subtests: pytest.Subtests) -> None:
    """It is all or nothing: the person can correct it. Nothing outside the URL-endpoints is purged."""
    for event in INVALID_REQUESTS:
        with subtests.test(event=str(event)[:80]), pytest.raises(PermanentError):
            functions.submit(event)
    assert functions.harness.purged == []
    assert functions.harness.ledger.pending() == []


def test_a_manual_purge_accepts_a_hundred_urls(functions: Functions) -> None:
    """The dashboard accepts the same number."""
    urls = [f"{ENDPOINT}/{n}/x.jpg" for n in range(100)]
    functions.submit({"urls": urls})
    assert sorted(functions.harness.purged) == sorted(urls)


def test_credentials_in_a_manual_url_are_not_shown(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are in neither the error nor the log."""
    with pytest.raises(InvalidRequest) as caught:
        functions.submit({"urls": ["https://user:hunter2@ik.imagekit.io/demo/a.jpg"]})
    with pytest.raises(MalformedEvent) as mistyped:
        functions.submit({"url": "https://user:hunter2@ik.imagekit.io/demo/a.jpg"})
    output = capsys.readouterr()
    for text in (str(caught.value), str(mistyped.value), functions.log.getvalue(), output.out, output.err):
        assert "hunter2" not in text


def test_manual_purges_may_use_the_reserve(harness: Harness) -> None:
    """Changes are held when their share of the quota is used up. A manual purge is still made."""
    with running_functions(harness, MONTHLY_PURGE_QUOTA="2", QUOTA_RESERVE_PERCENT="50") as functions:
        answer = functions.submit(change("a/1.jpg"))
        assert len(answer["purges"]) == 1
        answer = functions.submit(change("b/2.jpg"))
        assert (answer["purges"], answer["held"], answer["reason"]) == ([], 1, "quota")
        functions.submit({"keys": [{"bucket": "my-origin-bucket", "key": "c/3.jpg"}]})
    assert harness.purged == [f"{ENDPOINT}/a/1.jpg*", f"{ENDPOINT}/c/3.jpg*"]


def test_ignored_and_unserved_keys_are_counted_and_dropped(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    """They cost neither an item in the ledger nor a purge."""
    with running_functions(harness, IGNORE_KEYS="*.tmp") as functions:
        functions.submit(batch(change("a/x.tmp"), change("a/x.jpg", bucket="other"), change("a/x.jpg")))
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*"]
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (counts["ChangesReceived"], counts["ChangesNotServed"]) == ([1.0], [2.0])


def test_messages_are_acknowledged_only_after_their_changes_are_recorded(functions: Functions) -> None:
    """A similar system acknowledged first, and lost the changes when the write failed.

    Here the whole batch comes again, first after seconds and then ever later. The visibility time-out of
    13 minutes is meant for slow work.
    """
    functions.harness.dynamodb.delete_table(TableName="ledger")
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=functions.change_queue, MessageBody=json.dumps(change("a/x.jpg")))
    for count, visible_in in ((1, 5), (2, 10), (3, 20), (20, 600)):
        events = received(functions, count=count)
        assert len(failed(functions.submit(events))) == 1
        hidden = sqs.get_queue_attributes(QueueUrl=functions.change_queue, AttributeNames=["All"])[
            "Attributes"
        ]
        assert hidden["ApproximateNumberOfMessagesNotVisible"] == "1"
        assert sqs.receive_message(QueueUrl=functions.change_queue).get("Messages") is None
        assert visibility(functions.change_queue) == pytest.approx(visible_in, abs=2)
        handle = events["Records"][0]["receiptHandle"]
        sqs.change_message_visibility(
            QueueUrl=functions.change_queue, ReceiptHandle=handle, VisibilityTimeout=0
        )


def received(functions: Functions, *, count: int = 1) -> dict[str, Any]:
    """Returns the event with the messages in the queue, as if received `count` times."""
    sqs = boto3.client("sqs")
    messages = sqs.receive_message(
        QueueUrl=functions.change_queue, MaxNumberOfMessages=10, VisibilityTimeout=780
    ).get("Messages", [])
    return {
        "Records": [
            {
                "messageId": each["MessageId"],
                "receiptHandle": each["ReceiptHandle"],
                "body": each["Body"],
                "attributes": {"ApproximateReceiveCount": str(count)},
                "eventSource": "aws:sqs",
            }
            for each in messages
        ]
    }


def visibility(queue: str) -> float:
    """Returns in how many seconds a queue's only message is visible again, by moto."""
    backend = moto.backends.get_backend("sqs")["123456789012"]["eu-central-1"]
    (message,) = backend.queues[queue.rpartition("/")[2]]._messages
    return float(message.visible_at / 1000 - time.time())


def test_messages_are_acknowledged_before_the_drain(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the function is killed while it drains, the messages do not come again."""
    sqs = boto3.client("sqs")
    for n in range(23):
        sqs.send_message(QueueUrl=functions.change_queue, MessageBody=json.dumps(change(f"a/{n}.jpg")))
    records = [record for _ in range(3) for record in received(functions)["Records"]]
    assert len(records) == 23

    def killed(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Drain, "_rounds", killed)
        with pytest.raises(KeyboardInterrupt):
            functions.submit({"Records": records})
    counts = sqs.get_queue_attributes(QueueUrl=functions.change_queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == counts["ApproximateNumberOfMessages"] == "0"
    functions.submit({"tick": True})
    assert len(functions.harness.purged) == 23


def test_the_answer_is_enough_where_another_drain_is_at_work(functions: Functions) -> None:
    """Lambda deletes the messages by it. So an invocation that ends at once makes no call for each ten."""
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=functions.change_queue, MessageBody=json.dumps(change("a/x.jpg")))
    lease = functions.harness.ledger.lease
    assert lease.acquire("another", functions.harness.clock(), 60)
    assert functions.submit(received(functions)) == {"batchItemFailures": []}
    counts = sqs.get_queue_attributes(QueueUrl=functions.change_queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert len(functions.harness.ledger.pending()) == 1


def test_a_retry_with_the_same_request_id_does_not_share_the_lease(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda retries an asynchronous event with the same id while the first attempt may still run."""
    monkeypatch.setattr(functions, "_ids", repeat(1))
    functions.harness.ledger.add([functions.harness.change("a/x.jpg")])
    run, answers = Drain._round, []

    def slow(self: Drain, *arguments: Any, **options: Any) -> Any:
        if not answers:
            answers.append(None)
            answers.append(functions.submit({"tick": True}))
        return run(self, *arguments, **options)

    monkeypatch.setattr(Drain, "_round", slow)
    functions.submit({"tick": True})
    assert answers[1]["busy"]
    assert "Another drain" in answers[1]["detail"]


def test_messages_are_acknowledged_even_if_the_drain_fails(functions: Functions) -> None:
    """The secret is gone. The change is pending in the ledger, not retried in the queue."""
    secrets = boto3.client("secretsmanager")
    secrets.delete_secret(SecretId=functions.harness.settings.secret_arn, ForceDeleteWithoutRecovery=True)
    assert functions.submit(batch(change("a/x.jpg"))) == {"batchItemFailures": []}
    assert len(functions.harness.ledger.pending()) == 1
    (line,) = functions.logged("drain failed")
    assert "ResourceNotFoundException" in line["exception"]
    with pytest.raises(ClientError):
        functions.submit({"tick": True})
    secrets.create_secret(Name="imagekit", SecretString=KEY)
    submit_purge.application.cache_clear()


def test_malformed_messages_are_received_again_at_once(functions: Functions) -> None:
    """So they become dead letters soon. The visibility time-out is meant for slow work."""
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=functions.change_queue, MessageBody="poison")
    (received,) = sqs.receive_message(QueueUrl=functions.change_queue, VisibilityTimeout=780)["Messages"]
    record = message("poison") | {"receiptHandle": received["ReceiptHandle"]}
    assert failed(functions.submit({"Records": [record]})) == ["message-0"]
    assert len(sqs.receive_message(QueueUrl=functions.change_queue)["Messages"]) == 1


def test_the_private_key_and_the_environment_are_in_no_output(
    harness: Harness, capsys: pytest.CaptureFixture[str]
) -> None:
    """A similar system logged its environment. Here: success, refusals, an outage and a wrong key."""
    with running_functions(
        harness, POWERTOOLS_LOG_LEVEL="DEBUG", CANARY="canary-of-the-environment"
    ) as functions:
        functions.submit(change("a/1.jpg"))
        for kind in ("403", "5xx", "reset-before", "429-no-headers", "wildcard-refused"):
            harness.inject(kind)
            functions.submit(change(f"{kind}/1.jpg"))
        harness.set_emulator(private_key="private_changed")
        functions.submit(change("z/1.jpg"))
    output = capsys.readouterr()
    everything = (
        functions.log.getvalue()
        + output.out
        + output.err
        + json.dumps([harness.executions(), harness.alerts()])
    )
    assert "purge accepted" in everything
    assert KEY not in everything
    assert "canary-of-the-environment" not in everything
