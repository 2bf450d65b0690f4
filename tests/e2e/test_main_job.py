"""The main job in difficult cases: no quota left, a message that is no event, many objects at once."""

import json
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from local.demo.edge_client import EdgeAnswer, EdgeClient
from local.observer import Accepted, Observer
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.staging import dead_letters, emulator, invoke, notifying_nobody, put, settle, tick
from tests.e2e.waiting import until

Alerts = Callable[[], list[dict[str, str]]]


def _pending(observer: Observer, prefix: str) -> set[str]:
    """Returns the pending keys under a prefix."""
    keys = {change.subject[1] for held in observer.ledger().pending() for change in held.changes}
    return {key for key in keys if key.startswith(prefix)}


def _of(purges: Iterable[Accepted], url: str) -> list[Accepted]:
    """Returns the purges whose URL starts with a URL."""
    return [purge for purge in purges if purge.url.startswith(url)]


def test_what_the_quota_does_not_allow_is_held_until_it_is_raised(stack: Stack, alerts: Alerts) -> None:
    """With three purges left for ten changes, three are purged, seven are held and alerted, none is lost."""
    observer, folder = Observer(stack), f"{uuid.uuid4()}"
    # Two that stay as they are between any two that change: no wildcard is worth that.
    changing = [f"{folder}/{number}.jpg" for number in range(10)]
    staying = [f"{folder}/{number}-{twin}.jpg" for number in range(10) for twin in "ab"]
    with notifying_nobody(stack):
        put(stack, [*changing, *staying], b"1")
    settle(stack)
    used, buried = observer.imagekit()["purgesUsed"], dead_letters(stack)

    def purged() -> list[Accepted]:
        return _of(observer.accepted(), stack.url(folder))

    def purged_and_held() -> tuple[int, int]:
        return len(purged()), len(_pending(observer, folder))

    with emulator(stack, quota=used + 3):
        put(stack, changing, b"2")
        until(purged_and_held, "three purged, seven held", lambda counts: counts == (3, 7))
        until(alerts, "the alert", lambda came: any("quota" in alert["Subject"] for alert in came))
        until(lambda: tick(stack), "a drain that waits for quota", lambda found: found["reason"] == "quota")
        assert purged_and_held() == (3, 7)
        assert dead_letters(stack) == buried
    # Changes wait until the time at which ImageKit renews its quota. A manual purge tries at once.
    invoke(stack, {"urls": [stack.url(f"{folder}/asked.jpg")]})
    until(lambda: (tick(stack), _pending(observer, folder)), "the other purges", lambda seen: not seen[1])
    asked = stack.url(f"{folder}/asked.jpg")
    assert sorted(purge.url for purge in purged()) == [*(f"{stack.url(key)}*" for key in changing), asked]


def test_one_poison_message_is_buried_alone(stack: Stack) -> None:
    """Nine of ten messages are purged. The tenth becomes a dead letter, and the log says why."""
    observer, folder = Observer(stack), f"{uuid.uuid4()}/spring"
    batch = json.loads((PROJECT / "events" / "sqs" / "batch-with-poison.json").read_text())["Records"]
    bodies = [record["body"].replace("gallery/spring", folder) for record in batch]
    poison = bodies[6]
    start = time.time()
    entries = [{"Id": f"{number}", "MessageBody": body} for number, body in enumerate(bodies)]
    sent = stack.sqs.send_message_batch(
        QueueUrl=stack.outputs["ChangeQueueUrl"],
        Entries=entries,  # type: ignore[arg-type] # a TypedDict of the stubs' own
    )
    message_id = next(each["MessageId"] for each in sent["Successful"] if each["Id"] == "6")

    found_dead: list[str] = []

    def dead() -> list[str]:
        url = stack.outputs["ChangeDeadLettersUrl"]
        found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found_dead.append(message["Body"])
        return found_dead

    def log() -> list[dict[str, Any]]:
        lines = observer.log("SubmitPurge", "malformed message", start)
        return [line for line in lines if line["message_id"] == message_id]

    until(dead, "the dead letter", lambda bodies: poison in bodies)
    until(
        lambda: _of(observer.accepted(start), stack.url(folder)),
        "the nine purges",
        lambda purges: len(purges) == 9,
    )
    logged = until(log, "the reason in the log")
    assert logged[0]["reasons"][0].startswith("a message body is not JSON")


def test_many_changes_take_few_purges_and_leave_the_neighbours_cached(stack: Stack) -> None:
    """500 of 600 objects in a folder change, and 3 objects of another folder that are far apart."""
    observer, run = Observer(stack), f"{uuid.uuid4()}"
    album = [f"{run}/album/photo-{number:03}.jpg" for number in range(600)]
    # So far apart that no wildcard over two of them is worth what lies between.
    archive = [f"{run}/archive/scan-{number:04}.jpg" for number in range(2_400)]
    scattered = (300, 1_200, 2_100)
    changing = [*album[:500], *(archive[number] for number in scattered)]
    with notifying_nobody(stack):
        put(stack, [*album, *archive], b"1")
    near = [
        *album[500:],
        *(archive[number] for number in range(0, 2_400, 50) if number not in scattered),
    ]
    kept = [stack.url(key) for key in near]
    changed = [stack.url(key) for key in changing[::10]]
    settle(stack)
    with EdgeClient() as edge, emulator(stack, delay=0.5):
        warmed = _cached(edge, [*kept, *changed])
        start = time.time()
        put(stack, changing, b"2")
        # That a purge covers a key does not tell that it came after the change; what visitors see does.
        until(
            lambda: [url for url, answer in edge.request(changed) if answer.body != b"2"],
            "all changed images fresh",
            lambda stale: not stale,
        )
        until(observer.work, "the end of the drains", lambda work: work.done)
        after = dict(edge.request(kept))
    purges = _of(observer.accepted(start), stack.url(run))
    # One a key would be 503.
    assert len(purges) <= 20
    for key in changing:
        assert any(purge.covers(stack.url(key)) for purge in purges), key
    for url, answer in after.items():
        assert answer.hit, f"{url} was evicted by {[purge.url for purge in purges if purge.covers(url)]}"
        assert answer.is_same_copy_as(warmed[url])


def _cached(edge: EdgeClient, urls: list[str]) -> dict[str, EdgeAnswer]:
    for _ in edge.request(urls):
        pass
    answers = dict(edge.request(urls))
    assert all(answer.hit and answer.body == b"1" for answer in answers.values())
    return answers
