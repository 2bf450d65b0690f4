"""What the simulation is made of behaves as AWS does, and its clock as a clock."""

from typing import Any

import pytest

from local.fakes.s3_listing import version_id
from purging.aws.clients import AWS_CLIENT
from purging.imagekit.client import ImageKit
from tests.chaos import faults
from tests.chaos.books import Purge
from tests.chaos.bucket import Bucket, Version, expiry
from tests.chaos.coverage import Purged
from tests.chaos.drip import Dripping
from tests.chaos.faults import Fault
from tests.chaos.functions import Invocation
from tests.chaos.messages import EXPIRED, body_of, told_of
from tests.chaos.queue import MAX_RECEIVES, VISIBILITY, Queue
from tests.chaos.schedule import Schedule, generate
from tests.chaos.timeline import Timeline
from tests.chaos.world import World

DAY = 86_400.0


def test_strands_take_turns_by_the_clock() -> None:
    """Two invocations wait in the midst of their work, and each goes on when its time has come."""
    timeline, seen = Timeline(100.0), []

    def work(name: str, pause: float) -> None:
        for _ in range(2):
            timeline.advance(pause)
            seen.append((timeline.now, name))

    timeline.start("a", lambda: work("a", 3.0))
    timeline.start("b", lambda: work("b", 2.0))
    timeline.at(103.5, lambda: seen.append((timeline.now, "main")))
    timeline.advance(10.0)
    assert seen == [(102.0, "b"), (103.0, "a"), (103.5, "main"), (104.0, "b"), (106.0, "a")]
    assert timeline.now == 110.0


def test_what_a_strand_raises_is_raised_where_time_passes() -> None:
    """A mistake of the simulation does not pass for a failure of the function."""
    timeline = Timeline(0.0)
    timeline.start("a", [].pop)
    with pytest.raises(IndexError):
        timeline.advance(1.0)


def test_the_queue_deletes_and_hides_batches() -> None:
    """By the latest receipt alone; what is deleted does not come again, what is shown at once does."""
    queue = Queue(lambda _time: None)
    for number in range(3):
        queue.send("{}", 0.0, malformed=False, number=number)
    first, second, third = [message.record()["receiptHandle"] for message in queue.receive(0.0, 10)]
    gone = [{"Id": "0", "ReceiptHandle": first}]
    assert queue.handle("DeleteMessageBatch", {"Entries": gone}, 1.0)["Successful"] == [{"Id": "0"}]
    shown = [
        {"Id": "1", "ReceiptHandle": second, "VisibilityTimeout": 5},
        {"Id": "2", "ReceiptHandle": f"{third}9", "VisibilityTimeout": 5},
    ]
    answer = queue.handle("ChangeMessageVisibilityBatch", {"Entries": shown}, 1.0)
    assert ([each["Id"] for each in answer["Successful"]], [each["Id"] for each in answer["Failed"]]) == (
        ["1"],
        ["2"],
    )
    assert [message.id for message in queue.receive(6.0, 10)] == ["message-1"]
    assert [message.id for message in queue.receive(VISIBILITY, 10)] == ["message-2"]
    with pytest.raises(ValueError, match="11 entries"):
        queue.handle("DeleteMessageBatch", {"Entries": [{"Id": str(n)} for n in range(11)]}, 1.0)


def test_a_message_is_dead_after_as_many_receives_as_in_the_template() -> None:
    """`maxReceiveCount` times, not once more."""
    queue = Queue(lambda _time: None)
    queue.send("{}", 0.0, malformed=False, number=1)
    received = [len(queue.receive(number * VISIBILITY, 10)) for number in range(MAX_RECEIVES + 1)]
    assert received == [1] * MAX_RECEIVES + [0]
    assert len(queue.dead) == 1


def test_an_old_version_is_listed_until_it_expires() -> None:
    """30 days after it was overwritten, at midnight; then the key looks as if it were new."""
    bucket = Bucket(versioned=True)
    for number in range(2):
        bucket.change("a.jpg", Version("created", number, number))
    assert expiry(10 * DAY + 1, 30) == 41 * DAY
    assert len(bucket.list_object_versions()["Versions"]) == 2
    bucket.expire("a.jpg", 1)
    (left,) = bucket.list_object_versions()["Versions"]
    assert (left["VersionId"], left["IsLatest"]) == (version_id(2), True)


@pytest.mark.parametrize("shape", ["s3", "sns", "eventbridge"])
def test_s3_tells_of_an_expired_version(shape: str) -> None:
    """With its id, as the user guide has it, in each way that an event comes."""
    text = body_of(EXPIRED, "a b.jpg", shape, seen=0.0, version="v1", number=1)
    for part in (
        ("Lifecycle Expiration", "Permanently Deleted", '"version-id": "v1"')
        if shape == "eventbridge"
        else ("LifecycleExpiration:Delete", "versionId")
    ):
        assert part in text
    marked = told_of("removed", by_lifecycle=True, versioned=True)
    assert (marked.event, marked.deletion) == (
        "LifecycleExpiration:DeleteMarkerCreated",
        "Delete Marker Created",
    )


def test_a_purge_is_found_by_the_url_or_a_beginning_of_it() -> None:
    """The first at a time or later; a wildcard is not covered by an exact purge."""
    purged = Purged(
        [Purge(1.0, "https://x/a*", "1"), Purge(2.0, "https://x/ab", "2"), Purge(3.0, "https://x/a*", "3")]
    )
    assert [purged.first(time, "https://x/ab") for time in (0.0, 1.5, 2.5, 3.5)] == [
        1.0,
        2.0,
        3.0,
        float("inf"),
    ]
    assert purged.first(1.5, "https://x/ab*") == 3.0


def test_a_dripping_connection_takes_as_long_as_it_may() -> None:
    """A byte at a time; and not at all where the time-out is shorter than the pause between two."""
    waited: list[float] = []
    connection = Dripping(b"abc", 9.0, waited.append)
    connection.settimeout(10.0)
    assert connection.makefile().read(2) == b"ab"
    connection.settimeout(5.0)
    with pytest.raises(TimeoutError):
        connection.makefile().read(1)
    assert waited == [9.0, 9.0, 5.0]


@pytest.fixture
def world() -> Any:
    """A world in which nothing happens by itself, without a socket."""
    world = World(generate(1, 1, ()), socket=False)
    with world.open():
        yield world


def _spent(world: World, fault: Fault, call: Any, dies_in: float = 120.0) -> tuple[float, str]:
    """(seconds that a function waits for a call that this fault hits, what it gets)"""
    environment = world.functions._new()
    began, got = world.now, []
    invocation = Invocation("SubmitPurge", environment, began, began + dies_in)
    world.wire.arm(fault)

    def work() -> None:
        try:
            got.append(repr(call(environment)))
        except BaseException as error:  # noqa: BLE001 - the function's end is one as well
            got.append(type(error).__name__)

    world.timeline.finish(world.timeline.start(invocation, work))
    return world.now - began, got[0]


def test_a_call_to_aws_hangs_as_long_as_the_client_lets_it(world: World) -> None:
    """Each attempt takes the two time-outs of AWS_CLIENT, and there are as many as it says."""
    fault = Fault(0.0, "dynamodb-hangs", 0, 1, 3600.0, after=False)
    seconds, got = _spent(world, fault, lambda environment: environment.app.ledger.pending())
    attempts = world.functions._clients["dynamodb"].meta.config.retries["total_max_attempts"]
    each = AWS_CLIENT.connect_timeout + AWS_CLIENT.read_timeout  # type: ignore[attr-defined]
    assert got == "ReadTimeoutError"
    assert attempts * each <= seconds <= attempts * (each + 1)


@pytest.mark.parametrize("name", ["imagekit-drips", "imagekit-hangs", "api-tls"])
def test_a_call_to_imagekit_takes_what_the_client_bounds_it_to(world: World, name: str) -> None:
    """Its own connections are used, so that its own time-outs end the call."""
    fault = Fault(0.0, name, 0, 1, 3600.0, after=False)

    def purge(environment: Any) -> Any:
        imagekit: ImageKit = environment.app.drain.submitter.imagekit
        return imagekit.purge("https://ik.imagekit.io/demo/img/a.jpg")

    seconds, got = _spent(world, fault, purge)
    assert got == "Unavailable"
    assert (0.0 if name == "api-tls" else 2.0) <= seconds <= 13.0
    assert (len(world.books.accepted), len(world.books.reasons)) == (
        (1, 1) if name == "imagekit-drips" else (0, 0)
    )


def test_a_function_is_killed_when_its_time_is_over(world: World) -> None:
    """In the midst of a call, to the second."""
    fault = Fault(0.0, "dynamodb-hangs", 0, 1, 3600.0, after=False)
    seconds, got = _spent(world, fault, lambda environment: environment.app.ledger.pending(), dies_in=2.0)
    assert (seconds, got) == (2.0, "Killed")


def test_every_fault_is_drawn() -> None:
    """Each name of `--help` comes up in a schedule or a set-up: none is a dead letter."""
    schedules = [generate(seed, 300, faults.ALL) for seed in range(120)]
    drawn = {fault.name for schedule in schedules for fault in schedule.faults}
    assert drawn == {*faults.PLACES, "rotated-key", "revoked-key"}
    setups = [schedule.setup for schedule in schedules]
    assert {setup.listless for setup in setups} == {"", "denied", "hangs"}
    assert {setup.expiry_days for setup in setups} == {0, 30}
    assert any("dem0" in setup.url_map for setup in setups)
    assert {status for setup in setups for _, status in setup.bad_urls} == {301, 404, 413, 414, 500}
    assert any(setup.listing_seconds == 2.5 for setup in setups)
    assert any(_asked_again(schedule) for schedule in schedules)


def _asked_again(schedule: Schedule) -> bool:
    return any(len(step.deliveries) > 1 for step in schedule.steps if step.asked)
