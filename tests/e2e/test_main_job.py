"""The main job in hard cases: no quota left, a malformed message, many objects at once."""

import json
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from local.demo.edge_client import EdgeAnswer, EdgeClient
from local.observer import Accepted, Observer
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.polling import until
from tests.e2e.stack_control import (
    dead_letter_count,
    emulator_settings,
    invoke_submit_purge,
    put_objects,
    reset_stack,
    tick,
    without_notifications,
)

Alerts = Callable[[], list[dict[str, str]]]


def _pending(observer: Observer, prefix: str) -> set[str]:
    """Returns the pending keys under a prefix."""
    keys = {change.subject[1] for held in observer.ledger().pending() for change in held.changes}
    return {key for key in keys if key.startswith(prefix)}


def _below(purges: Iterable[Accepted], url: str) -> list[Accepted]:
    """Returns the purges whose URL begins with `url`."""
    return [purge for purge in purges if purge.url.startswith(url)]


def test_changes_beyond_the_quota_are_held_until_it_is_raised(stack: Stack, alerts: Alerts) -> None:
    """With three purges left, of ten changes three are purged and seven held, with an alert. None is lost."""
    observer, folder = Observer(stack), f"{uuid.uuid4()}"
    # Two unchanged objects lie between any two changed ones, so a wildcard would evict too much.
    changing = [f"{folder}/{number}.jpg" for number in range(10)]
    staying = [f"{folder}/{number}-{twin}.jpg" for number in range(10) for twin in "ab"]
    with without_notifications(stack):
        put_objects(stack, [*changing, *staying], b"1")
    reset_stack(stack)
    used, dead_before = observer.imagekit()["purgesUsed"], dead_letter_count(stack)

    def purged() -> list[Accepted]:
        return _below(observer.accepted(), stack.url(folder))

    def purged_and_held() -> tuple[int, int]:
        return len(purged()), len(_pending(observer, folder))

    with emulator_settings(stack, quota=used + 3):
        put_objects(stack, changing, b"2")
        until(purged_and_held, "three purged, seven held", lambda counts: counts == (3, 7))
        until(alerts, "the alert", lambda came: any("quota" in alert["Subject"] for alert in came))
        until(lambda: tick(stack), "a drain that waits for quota", lambda found: found["reason"] == "quota")
        assert purged_and_held() == (3, 7)
        assert dead_letter_count(stack) == dead_before
    # ImageKit said when its quota is reset. Changes are held until then, but a manual purge is tried at once.
    invoke_submit_purge(stack, {"urls": [stack.url(f"{folder}/asked.jpg")]})
    until(lambda: (tick(stack), _pending(observer, folder)), "the rest", lambda seen: not seen[1])
    asked = stack.url(f"{folder}/asked.jpg")
    assert sorted(purge.url for purge in purged()) == [*(f"{stack.url(key)}*" for key in changing), asked]


def test_only_the_malformed_message_of_a_batch_becomes_a_dead_letter(stack: Stack) -> None:
    """Nine of ten messages are purged. The tenth goes to the dead-letter queue, and the log says why."""
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
        lambda: _below(observer.accepted(start), stack.url(folder)),
        "the nine purges",
        lambda purges: len(purges) == 9,
    )
    logged = until(log, "the reason in the log")
    assert logged[0]["reasons"][0].startswith("a message body is not JSON")


def test_many_changes_take_few_purges_and_their_neighbours_stay_cached(stack: Stack) -> None:
    """500 of 600 objects of a folder are overwritten, and 3 distant objects of another folder."""
    observer, run = Observer(stack), f"{uuid.uuid4()}"
    album = [f"{run}/album/photo-{number:03}.jpg" for number in range(600)]
    # They are so far apart that a wildcard over two of them would evict too much.
    archive = [f"{run}/archive/scan-{number:04}.jpg" for number in range(2_400)]
    scattered = (300, 1_200, 2_100)
    changing = [*album[:500], *(archive[number] for number in scattered)]
    with without_notifications(stack):
        put_objects(stack, [*album, *archive], b"1")
    near = [
        *album[500:],
        *(archive[number] for number in range(0, 2_400, 50) if number not in scattered),
    ]
    kept = [stack.url(key) for key in near]
    changed = [stack.url(key) for key in changing[::10]]
    reset_stack(stack)
    with EdgeClient() as edge, emulator_settings(stack, delay=0.5):
        warmed = _warm(edge, [*kept, *changed])
        start = time.time()
        put_objects(stack, changing, b"2")
        # A purge may cover a key and still come before the change. Only the CDN shows whether it is fresh.
        until(
            lambda: [url for url, answer in edge.request(changed) if answer.body != b"2"],
            "all changed images fresh",
            lambda stale: not stale,
        )
        until(observer.work, "the end of the drains", lambda work: work.done)
        after = dict(edge.request(kept))
    purges = _below(observer.accepted(start), stack.url(run))
    # One purge for each key would be 503.
    assert len(purges) <= 50
    for key in changing:
        assert any(purge.covers(stack.url(key)) for purge in purges), key
    for url, answer in after.items():
        assert answer.hit, f"{url} was evicted by {[purge.url for purge in purges if purge.covers(url)]}"
        assert answer.is_same_copy_as(warmed[url])


def test_a_single_change_overtakes_an_upload(stack: Stack) -> None:
    """While objects of a folder are overwritten without a pause, an object elsewhere is overwritten once.

    Its purge is accepted while the upload goes on and is still gathered.
    """
    observer, run = Observer(stack), f"{uuid.uuid4()}"
    album = [f"{run}/album/photo-{number:03}.jpg" for number in range(500)]
    single = f"{run}/shop/hero.jpg"
    with without_notifications(stack):
        put_objects(stack, [*album, single], b"1")
    reset_stack(stack)
    start, purged = time.time(), Event()

    def upload() -> int:
        """Overwrites the album again and again until the single object is purged; returns how often."""
        times = 0
        while not purged.is_set():
            put_objects(stack, album, b"2")
            times += 1
        return times

    with ThreadPoolExecutor(1) as thread:
        uploading = thread.submit(upload)
        try:
            until(lambda: _pending(observer, f"{run}/album/"), "the upload under way")
            put_objects(stack, [single], b"2")
            overtaking = until(
                lambda: _below(observer.accepted(start), stack.url(single)), "the purge of the single object"
            )
            assert _pending(observer, f"{run}/album/"), "the upload is still gathered"
        finally:
            purged.set()
        assert uploading.result()
    until(observer.work, "the purges of the upload", lambda work: work.done)
    of_album = _below(observer.accepted(start), stack.url(f"{run}/album/"))
    assert overtaking[0].accepted_at < max(purge.accepted_at for purge in of_album)


def _warm(edge: EdgeClient, urls: list[str]) -> dict[str, EdgeAnswer]:
    for _ in edge.request(urls):
        pass
    answers = dict(edge.request(urls))
    assert all(answer.hit and answer.body == b"1" for answer in answers.values())
    return answers
