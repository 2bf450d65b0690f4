"""`python -m ops redrive` with moto's queues. test_operations.py runs it on the embedded stack."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.errors import BadInput
from ops import redrive as redriving
from ops.redrive import redrive


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield boto3.session.Session().client("sqs")


def test_all_dead_letters_are_moved(sqs: Any) -> None:
    """It moves each of more messages than one answer of SQS has, once, and leaves an empty queue."""
    dead, queue = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "changes"))
    for number in range(25):
        sqs.send_message(QueueUrl=dead, MessageBody=f"{number}")
    assert redrive(dead, queue) == "25 messages moved."
    bodies = {
        message["Body"]
        for _ in range(3)
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    }
    assert bodies == {f"{number}" for number in range(25)}
    assert "Messages" not in sqs.receive_message(QueueUrl=dead)


def test_the_queues_may_be_in_different_regions(sqs: Any) -> None:
    """Undelivered events are in the bucket's region. The URL of a queue has its region."""
    elsewhere = boto3.session.Session(region_name="us-west-2").client("sqs")
    dead = elsewhere.create_queue(QueueName="undelivered")["QueueUrl"]
    queue = sqs.create_queue(QueueName="changes")["QueueUrl"]
    assert ("us-west-2" in dead, "us-west-2" in queue) == (True, False)
    elsewhere.send_message(QueueUrl=dead, MessageBody="undelivered")
    assert redrive(dead, queue) == "1 messages moved."
    [message] = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "undelivered"


def test_what_dies_once_more_is_not_moved_for_ever(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that was sent after the start was moved by this command, and died again. It stays there."""
    dead, queue = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "changes"))
    began = time.time() - 60
    sqs.send_message(QueueUrl=dead, MessageBody="died again")
    monkeypatch.setattr(redriving, "time", SimpleNamespace(time=lambda: began))
    assert redrive(dead, queue) == "0 messages moved."
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_an_answer_without_an_old_message_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is a sample. If all its messages died again, old messages may still be in the queue."""
    answers = [[("died again", 2_000_000)], [("old", 0)], []]
    sent: list[str] = []

    def receive(**_: Any) -> dict[str, Any]:
        return {
            "Messages": [
                {"Body": body, "ReceiptHandle": "r", "Attributes": {"SentTimestamp": f"{at}"}}
                for body, at in answers.pop(0)
            ]
        }

    client = SimpleNamespace(
        receive_message=receive,
        send_message=lambda MessageBody, **_: sent.append(MessageBody),  # noqa: N803 - boto3's name
        delete_message=lambda **_: None,
    )
    session = SimpleNamespace(client=lambda _service: client)
    monkeypatch.setattr(redriving, "boto3", SimpleNamespace(Session=lambda **_: session))
    monkeypatch.setattr(redriving, "time", SimpleNamespace(time=lambda: 1_000.0))
    assert redrive("dead", "queue") == "1 messages moved."
    assert sent == ["old"]


def test_a_queue_that_is_not_there_is_named_in_one_line(sqs: Any) -> None:
    """The line contains the error of AWS."""
    queue = sqs.create_queue(QueueName="changes")["QueueUrl"]
    with pytest.raises(BadInput, match=r"ReceiveMessage answered .*NonExistentQueue"):
        redrive(queue.replace("changes", "dead"), queue)
