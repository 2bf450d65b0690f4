"""Waits of the local commands: they wait for the outcome itself, not for a sign of it."""

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from local.demo import actions, scenario
from local.demo.actions import DemoImage
from local.demo.catalogue import ChangeKind, ImageSpec
from local.demo.display import Display
from local.demo.drawing import draw
from local.demo.edge_client import EdgeAnswer
from local.demo.watch import Watch
from local.errors import LocalError
from local.observer import LEASE, Accepted, Observer, Work
from local.replay import delivery
from local.replay.event import Event
from local.replay.outcome import ChangeOutcome
from local.workspace import PROJECT
from purging.changes import UrlChange
from purging.ledger.store import Ledger
from tests.integration.test_local_replay import SETTINGS

NOW = 1_790_000_000.0


class Drains:
    """An observer of a stack in which another drain runs until its log is read for the third time.

    Then that drain ends, and holds a change.
    """

    def __init__(self, _stack: object) -> None:
        self.reads = 0

    def settings(self) -> Any:
        return SETTINGS

    def keep_logs(self) -> None:
        """There are none."""

    def log(self, _function: str, _message: str, _since: float) -> Iterator[dict[str, Any]]:
        self.reads += 1
        yield {"at": NOW, "busy": True, "held": 0, "reason": "another drain runs"}
        if self.reads >= 3:
            yield {"at": NOW + 1, "busy": False, "held": 1, "reason": "quota"}


def test_a_replay_waits_for_the_drain_that_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `busy` answer does not say what is held; the other drain logs it when it ends."""
    held = ChangeOutcome(
        "put s3://photos/a.jpg", "https://edge/a.jpg", reason="held: it waits for a purge", pending=True
    )
    monkeypatch.setattr(delivery, "Observer", Drains)
    monkeypatch.setattr(delivery, "OutcomeFinder", lambda *_, **__: SimpleNamespace(find=lambda: [held]))
    answer = {"purges": [], "settled": 0, "held": 0, "reason": "", "busy": True}
    functions = SimpleNamespace(invoke=lambda **_: {"Payload": io.BytesIO(json.dumps(answer).encode())})
    stack: Any = SimpleNamespace(
        url_endpoint="http://127.0.0.1:1/demo",
        functions=functions,
        outputs={"SubmitPurgeFunction": "SubmitPurge"},
        workspace=SimpleNamespace(logs=tmp_path),
    )
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"keys": [{"bucket": "photos", "key": "a.jpg"}]}))
    shown = io.StringIO()
    assert delivery.Replay(stack, Console(file=shown, width=120)).run(Event.read(path), deadline=20) == 1
    assert "1 change is held (quota): the next tick tries again." in shown.getvalue()


@pytest.fixture
def stack() -> Iterator[Any]:
    """The parts of a stack that hold changes: the queue and the ledger."""
    with mock_aws():
        session = boto3.session.Session()
        sqs, ledger = session.client("sqs"), session.client("dynamodb")
        kinds = {"pk": "HASH", "sk": "RANGE"}
        key: Any = [{"AttributeName": name, "KeyType": kind} for name, kind in kinds.items()]
        ledger.create_table(
            TableName="ledger",
            KeySchema=key,
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in kinds],
            BillingMode="PAY_PER_REQUEST",
        )
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 7})
        queue = sqs.create_queue(QueueName="changes", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        outputs = {"ChangeQueueUrl": queue, "LedgerTable": "ledger"}
        yield SimpleNamespace(sqs=sqs, ledger=ledger, outputs=outputs)


def test_a_replay_says_how_often_poison_is_delivered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stack: Any
) -> None:
    """It reads the number from the queue of the stack, and prints it once for all messages."""

    class Poisoned(Drains):
        def most_receives(self) -> int:
            return Observer(stack).most_receives()

    event = Event.read(PROJECT / "events/sqs/batch-with-poison.json")
    poison = [{"itemIdentifier": each["messageId"]} for each in event.body["Records"][6:8]]
    answer = {"batchItemFailures": poison}
    monkeypatch.setattr(delivery, "Observer", Poisoned)
    monkeypatch.setattr(delivery, "OutcomeFinder", lambda *_, **__: SimpleNamespace(find=list))
    stack.functions = SimpleNamespace(invoke=lambda **_: {"Payload": io.BytesIO(json.dumps(answer).encode())})
    stack.outputs["SubmitPurgeFunction"] = "SubmitPurge"
    stack.url_endpoint, stack.workspace = "http://127.0.0.1:1/demo", SimpleNamespace(logs=tmp_path)
    shown = io.StringIO()
    assert delivery.Replay(stack, Console(file=shown, width=120)).run(event, deadline=20) == 1
    assert shown.getvalue().count("delivers a message 7 times, then moves it to the dead letters.") == 1


def test_a_change_is_under_way_from_the_queue_to_the_end_of_its_drain(stack: Any) -> None:
    """In the queue, received, in the ledger, or in a drain that runs: in none of these it is done."""
    observer, queue = Observer(stack), stack.outputs["ChangeQueueUrl"]
    assert observer.work() == Work(0, 0, draining=False)
    assert observer.work().done
    stack.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    assert observer.work() == Work(1, 0, draining=False)
    [message] = stack.sqs.receive_message(QueueUrl=queue)["Messages"]
    assert observer.work() == Work(1, 0, draining=False)
    Ledger("ledger", stack.ledger).add([UrlChange("https://x/a.jpg", datetime(2030, 5, 1, tzinfo=UTC))])
    stack.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert not observer.work().done
    for until, draining in (("1", False), ("99999999999", True)):
        stack.ledger.put_item(TableName="ledger", Item={**LEASE, "until": {"N": until}})
        assert observer.work() == Work(0, 1, draining=draining)
    assert not observer.work().done


@pytest.mark.parametrize(
    ("asked_at", "at", "age", "same"),
    [
        (10.0, 10.1, 10, True),
        (10.0, 40.0, 10, True),  # an answer that took half a minute
        (10.9, 11.0, 10, True),  # `Age` is cut to whole seconds
        (10.0, 10.1, 3, False),  # fetched again in between
    ],
)
def test_a_copy_is_not_younger_because_its_answer_was_slow(
    asked_at: float, at: float, age: int, same: bool
) -> None:
    """On a busy machine an answer arrives seconds after the edge gave it."""
    first = EdgeAnswer(NOW - 1, NOW, 200, hit=True, age=1, body=b"")
    later = EdgeAnswer(NOW + asked_at, NOW + at, 200, hit=True, age=age + 1, body=b"")
    assert later.is_same_copy_as(first) == same


@pytest.mark.parametrize(
    ("seen", "settled"),
    [
        (([], 0, NOW), False),  # the event did not arrive yet
        ((["a.png"], 1, NOW), False),  # in the ledger, before its drain
        ((["a.png"], 0, None), False),  # the purge is accepted, and not Completed
        ((["a.png"], 0, NOW), True),
    ],
)
def test_an_upload_is_not_over_because_a_purge_covers_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seen: tuple[list[str], int, float | None],
    settled: bool,
) -> None:
    """An early wildcard covers keys that are received later. Their purge would evict what the demo checks."""
    received, messages, completed_at = seen
    observer: Any = SimpleNamespace(
        log=lambda *_: [{"key": key} for key in received],
        work=lambda: Work(messages, 0, draining=False),
        accepted=lambda _since: [Accepted("id", "https://edge/*", NOW, completed_at)],
        imagekit=lambda: {"purgesPending": 0},
        ledger=lambda: SimpleNamespace(pending_ids=set),
    )
    image: Any = SimpleNamespace(spec=ImageSpec("a.png", ChangeKind.UNTOUCHED))
    stack: Any = SimpleNamespace(workspace=SimpleNamespace(logs=tmp_path))
    monkeypatch.setattr(actions, "upload", lambda *_: None)
    monkeypatch.setattr(scenario, "_UPLOAD_SECONDS", 0.0)
    demo = scenario.Scenario(stack, observer, Display(Console(file=io.StringIO())))
    with nullcontext() if settled else pytest.raises(LocalError, match="not purged within"):
        demo._upload([image])


def test_each_url_is_requested_right_after_its_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the first purges may be Completed before all changes are made."""
    done: list[str] = []
    monkeypatch.setattr(actions, "_put", lambda _stack, key, _picture: done.append(f"put {key}"))
    monkeypatch.setattr(actions, "_CONCURRENCY", 1)

    def request(urls: tuple[str, ...]) -> list[tuple[str, EdgeAnswer]]:
        done.extend(f"request {url}" for url in urls)
        return [(url, EdgeAnswer(NOW, NOW, 200, hit=True, age=5, body=picture.body)) for url in urls]

    picture = draw(1, 1, "png")
    after = draw(1, 2, "png")
    images = [
        DemoImage(ImageSpec(f"{name}.png", ChangeKind.OVERWRITTEN), (f"https://edge/{name}",), picture, after)
        for name in "ab"
    ]
    edge, nobody = cast("Any", SimpleNamespace(request=request)), cast("Any", None)
    changed, answers = actions.apply_changes(nobody, edge, images)
    assert done == ["put a.png", "request https://edge/a", "put b.png", "request https://edge/b"]
    watch = Watch(nobody, edge, changed, answers)
    assert [list(status.stale) for status in watch.statuses] == [["https://edge/a"], ["https://edge/b"]]
