"""The bugs of systems that do the same job, one test each, through the real handler. Each quotes its bug.

Two more concern the set-up and the state machine, and are tested there: a bucket's other notifications are
overwritten (the stack changes none), and a wait is shorter than the purge.
"""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

from tests.integration.harness import ENDPOINT, KEY, Functions, Harness, running_functions

BUCKET = "my-origin-bucket"


@pytest.fixture
def functions(harness: Harness) -> Iterator[Functions]:
    """The deployed functions, and their origin bucket."""
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    with running_functions(harness) as running:
        yield running


def record(key: str, *, name: str = "ObjectCreated:Put", second: int = 0) -> dict[str, Any]:
    return {
        "eventSource": "aws:s3",
        "eventName": name,
        "eventTime": f"2030-05-15T11:00:{second:02}.000Z",
        "s3": {
            "bucket": {"name": BUCKET},
            "object": {"key": quote_plus(key, safe="/*").replace("~", "%7E"), "sequencer": f"{second:04X}"},
        },
    }


def queued(*records: dict[str, Any]) -> dict[str, Any]:
    """Returns an event of the queue, with a message for each record."""
    return {
        "Records": [
            {
                "messageId": str(number),
                "receiptHandle": "-",
                "body": json.dumps({"Records": [each]}),
                "eventSource": "aws:sqs",
            }
            for number, each in enumerate(records)
        ]
    }


def test_keys_are_decoded_exactly_once(functions: Functions) -> None:
    """'`+`, `%`, unicode, spaces, `~`, `?`, `#`, `*` mangled or dropped: the wrong URL is purged.'"""
    keys = ["a b+c/100%.jpg", "x%20y/é~.jpg", "q?/h#.jpg", "s/*.jpg"]
    functions.submit(queued(*map(record, keys)))
    assert sorted(functions.harness.purged) == sorted(
        f"{ENDPOINT}/{path}*"
        for path in ("a%20b+c/100%25.jpg", "x%2520y/%C3%A9~.jpg", "q%3F/h%23.jpg", "s/%2A.jpg")
    )


def test_every_record_of_an_event_is_handled(functions: Functions) -> None:
    """'Only the first (or only the last) record of an event is handled.'"""
    functions.submit({"Records": [record("a/1.jpg"), record("b/2.jpg"), record("c/3.jpg")]})
    assert sorted(functions.harness.purged) == [
        f"{ENDPOINT}/{path}*" for path in ("a/1.jpg", "b/2.jpg", "c/3.jpg")
    ]


@pytest.mark.parametrize("kind", ["5xx", "reset-before", "429-no-headers", "403"])
def test_no_change_is_lost_although_its_purge_failed(functions: Functions, kind: str) -> None:
    """'Acknowledged before the purge was accepted, or although it failed: the purge is lost.'

    Here the change is recorded in the ledger before the message is acknowledged, until a purge is accepted.
    """
    # A limit that names no reset is waited for, once.
    functions.harness.inject(kind, times=2 if kind == "429-no-headers" else 1)
    assert functions.submit(queued(record("a/x.jpg"))) == {"batchItemFailures": []}
    assert functions.harness.purged == []
    assert len(functions.harness.ledger.pending()) == 1
    functions.harness.clock.sleep(120)
    functions.submit({"tick": True})
    assert functions.harness.purged == [f"{ENDPOINT}/a/x.jpg*"]


def test_a_rate_limit_of_minutes_is_waited_for(functions: Functions) -> None:
    """'Back-off of a second or two against limits that last minutes.' Here the drain obeys the answer."""
    functions.harness.inject("429", seconds=600)
    functions.submit(queued(record("a/x.jpg")))
    began = functions.harness.clock()
    for _ in range(10):
        functions.harness.clock.sleep(60)
        functions.submit({"tick": True})
    (purge,) = functions.harness.emulator.state.purges.all()
    assert 600 <= purge.accepted_at - began < 660
    assert sum(functions.harness.emulator.state.calls["purge"].values()) == 2


def test_ten_changes_of_one_key_cost_one_purge(functions: Functions) -> None:
    """'Ten changes of one key cost ten purges.' Here they cost one, and their redelivery none."""
    changes = [record("a/hot.jpg", second=second) for second in range(10)]
    functions.submit(queued(*changes))
    functions.submit(queued(*changes[::-1]))
    assert functions.harness.purged == [f"{ENDPOINT}/a/hot.jpg*"]


def test_paths_under_a_wildcard_cost_no_purge(functions: Functions) -> None:
    """'A wildcard kept beside paths that it covers.' Here the paths need no purge of their own."""
    functions.submit(
        {"urls": [f"{ENDPOINT}/a/b/x.jpg", f"{ENDPOINT}/a/b/*", f"{ENDPOINT}/a/b/y.jpg?tr=w-300"]}
    )
    assert functions.harness.purged == [f"{ENDPOINT}/a/b/*"]


def test_no_wildcard_is_sent_that_imagekit_refuses(functions: Functions) -> None:
    """'A wildcard over the vendor's limits.' Here the drain purges the exact URLs instead."""
    keys = ["logo", "short/", "media/catalog/", "s/files/", ".jpg"]
    functions.submit(queued(*map(record, keys)))
    assert sorted(functions.harness.purged) == sorted(f"{ENDPOINT}/{key}" for key in keys)
    assert set(functions.harness.emulator.state.calls["purge"]) == {"accepted"}
    assert functions.logged("purge refused") == []


def test_scattered_changes_do_not_purge_the_whole_site(functions: Functions) -> None:
    """'Nine scattered changes flush the whole site.' Here they cost nine purges; the rest stays cached."""
    s3 = boto3.client("s3")
    for key in (f"site/{folder:02}/{number:02}.jpg" for folder in range(17) for number in range(9)):
        s3.put_object(Bucket=BUCKET, Key=key)
    keys = [f"site/{2 * n:02}/{n:02}.jpg" for n in range(9)]
    functions.submit(queued(*map(record, keys)))
    assert sorted(functions.harness.purged) == [f"{ENDPOINT}/{key}*" for key in keys]


def test_no_environment_is_logged(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """'An environment dump in the log, with credentials in it.' Here neither after success nor failure."""
    monkeypatch.setenv("CANARY", "canary-of-the-environment")
    functions.submit(queued(record("a/1.jpg")))
    functions.harness.set_emulator(private_key="private_other")
    functions.submit(queued(record("b/2.jpg")))
    functions.harness.dynamodb.delete_table(TableName="ledger")
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        functions.submit({"tick": True})
    output = capsys.readouterr()
    everything = functions.log.getvalue() + output.out + output.err
    assert "drained" in everything
    for secret in ("canary-of-the-environment", KEY, "AWS_SECRET_ACCESS_KEY"):
        assert secret not in everything
