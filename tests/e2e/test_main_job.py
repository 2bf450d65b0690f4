"""The main job where it is hard: no quota left, a message that is no event, many objects at once."""

import json
import time
import uuid
from collections.abc import Callable, Iterable

from local.demo.edge import Edge, Look
from local.observer import Accepted, Observer
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.staging import dead_letters, emulator, notifying_nobody, put, settle, tick
from tests.e2e.waiting import until, until_equal

Alerts = Callable[[], list[dict[str, str]]]


def _pending(observer: Observer, prefix: str) -> set[str]:
    """Keys under a prefix that wait for their purge."""
    keys = {change.subject[1] for held in observer.ledger().pending() for change in held.changes}
    return {key for key in keys if key.startswith(prefix)}


def _of(purges: Iterable[Accepted], url: str) -> list[Accepted]:
    """The purges of what starts with a URL."""
    return [purge for purge in purges if purge.url.startswith(url)]


def test_what_the_quota_does_not_allow_is_held_until_it_is_raised(stack: Stack, alerts: Alerts) -> None:
    """Three purges left and ten changes: three purged, seven held, people told, none lost."""
    observer, folder = Observer(stack), f"{uuid.uuid4()}"
    # Two that stay as they are between any two that change: no wildcard is worth that.
    changing = [f"{folder}/{number}.jpg" for number in range(10)]
    staying = [f"{folder}/{number}-{twin}.jpg" for number in range(10) for twin in "ab"]
    with notifying_nobody(stack):
        put(stack, [*changing, *staying], b"1")
    settle(stack)
    used, buried = observer.imagekit()["purgesUsed"], dead_letters(stack)
    # An alert of an earlier test would stand for this one's.
    observer.ledger().forget_alert(f"quota {time.strftime('%Y-%m', time.gmtime())} 1000")

    def purged() -> list[Accepted]:
        return _of(observer.accepted(), stack.url(folder))

    with emulator(stack, quota=used + 3):
        put(stack, changing, b"2")
        until_equal(
            (3, 7), lambda: (len(purged()), len(_pending(observer, folder))), "three purged, seven held"
        )
        until(lambda: any("quota" in alert["Subject"] for alert in alerts()), "the alert")
        assert tick(stack)["reason"] == "quota"
        assert (len(purged()), len(_pending(observer, folder))) == (3, 7)
        assert dead_letters(stack) == buried
    tick(stack)
    until(lambda: not _pending(observer, folder), "the rest")
    assert sorted(purge.url for purge in purged()) == [f"{stack.url(key)}*" for key in changing]


def test_one_poison_message_is_buried_alone(stack: Stack) -> None:
    """Nine of ten are purged; the tenth ends in the dead-letter queue, and the log says why."""
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

    def buried() -> bool:
        url = stack.outputs["ChangeDeadLettersUrl"]
        found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return poison in [message["Body"] for message in found]

    until(buried, "the dead letter")
    until(lambda: len(_of(observer.accepted(start), stack.url(folder))) == 9, "the nine purges")
    logged = [
        line
        for line in observer.log("SubmitPurge", "malformed message", start)
        if line["message_id"] == message_id
    ]
    assert logged
    assert logged[0]["reasons"][0].startswith("a message body is not JSON")


def test_many_changes_take_few_purges_and_leave_the_neighbours_cached(stack: Stack) -> None:
    """500 of a folder of 600 overwritten, and 3 that lie far apart in another one."""
    observer, run = Observer(stack), f"{uuid.uuid4()}"
    album = [f"{run}/album/photo-{number:03}.jpg" for number in range(600)]
    archive = [f"{run}/archive/scan-{number:04}.jpg" for number in range(5_000)]
    scattered = (500, 2_500, 4_500)
    changing = [*album[:500], *(archive[number] for number in scattered)]
    with notifying_nobody(stack):
        put(stack, [*album, *archive], b"1")
    near = [
        *album[500:],
        *(archive[number] for number in range(0, 5_000, 100) if number not in scattered),
    ]
    looked_at = [stack.url(key) for key in [*near, *changing[::10]]]
    with Edge() as edge, emulator(stack, delay=0.5):
        warmed = _cached(edge, looked_at)
        start = time.time()
        put(stack, changing, b"2")

        def covered() -> bool:
            purges = _of(observer.accepted(start), stack.url(run))
            return all(any(purge.covers(stack.url(key)) for purge in purges) for key in changing)

        until(covered, "the purges", 60)
        until(lambda: not observer.imagekit()["purgesPending"], "their completion")
        after = dict(edge.look(looked_at))
    purges = _of(observer.accepted(start), stack.url(run))
    # One a key would be 503.
    assert len(purges) <= 20
    assert all(after[stack.url(key)].body == b"2" for key in changing[::10])
    for url in (stack.url(key) for key in near):
        assert after[url].hit, f"{url} was evicted by {[purge.url for purge in purges if purge.covers(url)]}"
        assert after[url].age >= int(after[url].at - warmed[url].at)


def _cached(edge: Edge, urls: list[str]) -> dict[str, Look]:
    for _ in edge.look(urls):
        pass
    looks = dict(edge.look(urls))
    assert all(look.hit and look.body == b"1" for look in looks.values())
    return looks
