"""Waits of the local commands: nothing counts as done because something else was seen."""

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

from local.demo import play as demo
from local.demo.catalogue import Act, Piece
from local.demo.edge import EdgeAnswer
from local.demo.screen import Screen
from local.errors import LocalError
from local.images import draw
from local.observer import LEASE, Accepted, Observer, Work
from local.replay import play
from local.replay.event import Event
from local.replay.fate import Fate
from local.workspace import PROJECT
from tests.integration.test_local_replay import SETTINGS

NOW = 1_790_000_000.0


class Drains:
    """An observer of a stack where another drain is at it until the third look, and then holds a change."""

    def __init__(self, _stack: object) -> None:
        self.looks = 0

    def settings(self) -> Any:
        return SETTINGS

    def keep_logs(self) -> None:
        """There are none."""

    def log(self, _function: str, _message: str, _since: float) -> Iterator[dict[str, Any]]:
        self.looks += 1
        yield {"at": NOW, "busy": True, "held": 0, "reason": "another drain is at it"}
        if self.looks >= 3:
            yield {"at": NOW + 1, "busy": False, "held": 1, "reason": "quota"}


def test_a_replay_believes_the_drain_that_was_at_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The delivery itself was answered `busy`, which says nothing; the other drain tells of the quota."""
    held = Fate("put s3://photos/a.jpg", "https://edge/a.jpg", reason="held: it waits for a purge", open=True)
    monkeypatch.setattr(play, "Observer", Drains)
    monkeypatch.setattr(play, "Fates", lambda *_, **__: SimpleNamespace(look=lambda: [held]))
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
    assert play.Replay(stack, Console(file=shown, width=120)).run(Event.read(path), deadline=20) == 1
    assert "1 change is held (quota): the next tick tries again." in shown.getvalue()


@pytest.fixture
def stack() -> Iterator[Any]:
    """As much of a stack as holds changes: the queue and the ledger."""
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
    """As the stack's own queue has it, whatever the template says one day; once for all messages."""

    class Poisoned(Drains):
        def most_receives(self) -> int:
            return Observer(stack).most_receives()

    event = Event.read(PROJECT / "events/sqs/batch-with-poison.json")
    poison = [{"itemIdentifier": each["messageId"]} for each in event.body["Records"][6:8]]
    answer = {"batchItemFailures": poison}
    monkeypatch.setattr(play, "Observer", Poisoned)
    monkeypatch.setattr(play, "Fates", lambda *_, **__: SimpleNamespace(look=list))
    stack.functions = SimpleNamespace(invoke=lambda **_: {"Payload": io.BytesIO(json.dumps(answer).encode())})
    stack.outputs["SubmitPurgeFunction"] = "SubmitPurge"
    stack.url_endpoint, stack.workspace = "http://127.0.0.1:1/demo", SimpleNamespace(logs=tmp_path)
    shown = io.StringIO()
    assert play.Replay(stack, Console(file=shown, width=120)).run(event, deadline=20) == 1
    assert shown.getvalue().count("delivers a message 7 times, then moves it to the dead letters.") == 1


def test_a_change_is_under_way_from_the_queue_to_the_end_of_its_drain(stack: Any) -> None:
    """Waiting, in somebody's hands, kept in the ledger, or about to be committed: it is not done."""
    observer, queue = Observer(stack), stack.outputs["ChangeQueueUrl"]
    assert observer.work() == Work(0, 0, draining=False)
    assert observer.work().done
    stack.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    assert observer.work() == Work(1, 0, draining=False)
    [message] = stack.sqs.receive_message(QueueUrl=queue)["Messages"]
    assert observer.work() == Work(1, 0, draining=False)
    stack.ledger.put_item(TableName="ledger", Item={"pk": {"S": "pending"}, "sk": {"S": "1#a"}})
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
    """On a busy machine an answer comes seconds after it was given."""
    first = EdgeAnswer(NOW - 1, NOW, 200, hit=True, age=1, body=b"")
    later = EdgeAnswer(NOW + asked_at, NOW + at, 200, hit=True, age=age + 1, body=b"")
    assert later.is_same_copy_as(first) == same


@pytest.mark.parametrize(
    ("seen", "settled"),
    [
        (([], 0, NOW), False),  # the event is still to come
        ((["a.png"], 1, NOW), False),  # kept in the ledger, and its drain is still to come
        ((["a.png"], 0, None), False),  # purged, and still to be evicted
        ((["a.png"], 0, NOW), True),
    ],
)
def test_an_upload_is_not_over_because_a_purge_covers_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    seen: tuple[list[str], int, float | None],
    settled: bool,
) -> None:
    """An early wildcard covers what is received later. What is purged later would evict what is looked at."""
    received, messages, completed_at = seen
    observer: Any = SimpleNamespace(
        log=lambda *_: [{"key": key} for key in received],
        work=lambda: Work(messages, 0, draining=False),
        accepted=lambda _since: [Accepted("id", "https://edge/*", NOW, completed_at)],
        imagekit=lambda: {"purgesPending": 0},
        ledger=lambda: SimpleNamespace(pending_ids=set),
    )
    subject: Any = SimpleNamespace(
        piece=Piece("a.png", Act.KEPT), before=object(), urls=("https://edge/a.png",)
    )
    stack: Any = SimpleNamespace(workspace=SimpleNamespace(logs=tmp_path))
    monkeypatch.setattr(demo.stage, "upload", lambda *_: None)
    monkeypatch.setattr(demo, "_UPLOAD_SECONDS", 0.0)
    play = demo.Play(stack, observer, Screen(Console(file=io.StringIO())))
    with nullcontext() if settled else pytest.raises(LocalError, match="not purged within"):
        play._upload([subject])


def test_what_the_edge_caches_is_looked_at_right_after_each_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all changes are made is too late on a busy machine: the first ones may be purged by then."""
    done: list[str] = []
    monkeypatch.setattr(demo.stage, "_put", lambda _stack, key, _picture: done.append(f"put {key}"))
    monkeypatch.setattr(demo.stage, "_AT_ONCE", 1)

    def look(urls: tuple[str, ...]) -> list[tuple[str, EdgeAnswer]]:
        done.extend(f"look {url}" for url in urls)
        return [(url, EdgeAnswer(NOW, NOW, 200, hit=True, age=5, body=picture.body)) for url in urls]

    picture = draw(1, 1, "png")
    after = draw(1, 2, "png")
    subjects = [
        demo.Subject(Piece(f"{name}.png", Act.OVERWRITTEN), (f"https://edge/{name}",), picture, after)
        for name in "ab"
    ]
    edge, nobody = cast("Any", SimpleNamespace(look=look)), cast("Any", None)
    changed, looks = demo.stage.change(nobody, edge, subjects)
    assert done == ["put a.png", "look https://edge/a", "put b.png", "look https://edge/b"]
    watch = demo.Watch(nobody, edge, changed, looks)
    assert [list(story.stale) for story in watch.stories] == [["https://edge/a"], ["https://edge/b"]]
