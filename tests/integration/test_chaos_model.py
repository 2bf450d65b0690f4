"""The parts of the simulation behave as AWS does, and its timeline as a clock."""

from typing import Any

import pytest

from local.fakes.s3_listing import version_id
from purging.aws.clients import AWS_CLIENT
from purging.imagekit.client import ImageKit
from tests.chaos import faults
from tests.chaos.audit_log import Purge
from tests.chaos.bucket import Bucket, Version, expiry
from tests.chaos.faults import Fault
from tests.chaos.functions import Invocation
from tests.chaos.messages import EXPIRED, event_type_of, message_body
from tests.chaos.purge_index import PurgeIndex
from tests.chaos.queue import MAX_RECEIVES, VISIBILITY, Queue
from tests.chaos.schedule import Schedule, generate
from tests.chaos.simulation import Simulation
from tests.chaos.timeline import Timeline
from tests.chaos.virtual_connection import VirtualConnection

DAY = 86_400.0


def test_tasks_take_turns_by_the_clock() -> None:
    """Two tasks wait in the middle of their work, and each goes on at its time."""
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


def test_an_exception_of_a_task_is_raised_by_advance() -> None:
    """A bug of the simulation does not look like a failure of the function."""
    timeline = Timeline(0.0)
    timeline.start("a", [].pop)
    with pytest.raises(IndexError):
        timeline.advance(1.0)


def test_the_queue_deletes_and_hides_batches() -> None:
    """Only the latest receipt handle works. A deleted message does not come again; a visible one does."""
    queue = Queue(lambda _time: None)
    for number in range(3):
        queue.send("{}", 0.0, number=number)
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


def test_a_message_becomes_a_dead_letter_after_max_receives() -> None:
    """It is received `maxReceiveCount` times, and not once more."""
    queue = Queue(lambda _time: None)
    queue.send("{}", 0.0, number=1)
    received = [len(queue.receive(number * VISIBILITY, 10)) for number in range(MAX_RECEIVES + 1)]
    assert received == [1] * MAX_RECEIVES + [0]
    assert len(queue.dead) == 1


def test_an_old_version_is_listed_until_it_expires() -> None:
    """It expires at midnight, 30 days after it was overwritten. Then the key looks like a new one."""
    bucket = Bucket(versioned=True)
    for number in range(2):
        bucket.change("a.jpg", Version("created", number, number))
    assert expiry(10 * DAY + 1, 30) == 41 * DAY
    assert len(bucket.list_object_versions()["Versions"]) == 2
    bucket.expire("a.jpg", 1)
    (remaining,) = bucket.list_object_versions()["Versions"]
    assert (remaining["VersionId"], remaining["IsLatest"]) == (version_id(2), True)


@pytest.mark.parametrize("message_format", ["s3", "sns", "eventbridge"])
def test_s3_sends_an_event_for_an_expired_version(message_format: str) -> None:
    """The event has the version's id and the documented names, in each message format.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    text = message_body(EXPIRED, "a b.jpg", message_format, event_time=0.0, version="v1", number=1)
    for part in (
        ("Lifecycle Expiration", "Permanently Deleted", '"version-id": "v1"')
        if message_format == "eventbridge"
        else ("LifecycleExpiration:Delete", "versionId")
    ):
        assert part in text
    marked = event_type_of("removed", by_lifecycle=True, versioned=True)
    assert (marked.s3_name, marked.deletion_type) == (
        "LifecycleExpiration:DeleteMarkerCreated",
        "Delete Marker Created",
    )


def test_a_purge_is_found_by_its_url_or_by_its_wildcard() -> None:
    """The index returns the first purge at a time or later. An exact purge does not cover a wildcard."""
    purged = PurgeIndex(
        [Purge(1.0, "https://x/a*", "1"), Purge(2.0, "https://x/ab", "2"), Purge(3.0, "https://x/a*", "3")]
    )
    assert [purged.first(time, "https://x/ab") for time in (0.0, 1.5, 2.5, 3.5)] == [
        1.0,
        2.0,
        3.0,
        float("inf"),
    ]
    assert purged.first(1.5, "https://x/ab*") == 3.0


def test_a_virtual_connection_delivers_byte_by_byte() -> None:
    """Each byte takes its time. If the time-out is shorter, the read fails after the time-out."""
    waited: list[float] = []
    connection = VirtualConnection(b"abc", 9.0, waited.append)
    connection.settimeout(10.0)
    assert connection.makefile().read(2) == b"ab"
    connection.settimeout(5.0)
    with pytest.raises(TimeoutError):
        connection.makefile().read(1)
    assert waited == [9.0, 9.0, 5.0]


@pytest.fixture
def simulation() -> Any:
    """A simulation without a socket, in which nothing happens by itself."""
    simulation = Simulation(generate(1, 1, ()), socket=False)
    with simulation.open():
        yield simulation


def _call_with_fault(
    simulation: Simulation, fault: Fault, call: Any, dies_in: float = 120.0
) -> tuple[float, str]:
    """Returns how many seconds a call with a fault takes, and its result or the name of its error."""
    environment = simulation.functions._new()
    began, got = simulation.now, []
    invocation = Invocation("SubmitPurge", environment, began, began + dies_in)
    simulation.fault_injector.activate(fault)

    def work() -> None:
        try:
            got.append(repr(call(environment)))
        except BaseException as error:  # noqa: BLE001 - Killed is one too
            got.append(type(error).__name__)

    simulation.timeline.finish(simulation.timeline.start(invocation, work))
    return simulation.now - began, got[0]


def test_a_call_to_aws_hangs_for_the_time_outs_of_the_client(simulation: Simulation) -> None:
    """Each attempt takes both time-outs of AWS_CLIENT, and AWS_CLIENT decides how many there are."""
    fault = Fault(0.0, "dynamodb-hangs", 0, 1, 3600.0, after=False)
    seconds, got = _call_with_fault(simulation, fault, lambda environment: environment.app.ledger.pending())
    attempts = simulation.functions._clients["dynamodb"].meta.config.retries["total_max_attempts"]
    each = AWS_CLIENT.connect_timeout + AWS_CLIENT.read_timeout  # type: ignore[attr-defined]
    assert got == "ReadTimeoutError"
    assert attempts * each <= seconds <= attempts * (each + 1)


@pytest.mark.parametrize("name", ["imagekit-drips", "imagekit-hangs", "api-tls"])
def test_a_call_to_imagekit_ends_by_the_time_outs_of_the_client(simulation: Simulation, name: str) -> None:
    """The simulation uses the client's own connection class, so the client's time-outs end the call."""
    fault = Fault(0.0, name, 0, 1, 3600.0, after=False)

    def purge(environment: Any) -> Any:
        imagekit: ImageKit = environment.app.drain.submitter.imagekit
        return imagekit.purge("https://ik.imagekit.io/demo/img/a.jpg")

    seconds, got = _call_with_fault(simulation, fault, purge)
    assert got == "Unavailable"
    assert (0.0 if name == "api-tls" else 2.0) <= seconds <= 13.0
    assert (len(simulation.audit_log.accepted), len(simulation.audit_log.repeat_reasons)) == (
        (1, 1) if name == "imagekit-drips" else (0, 0)
    )


def test_a_function_is_killed_at_its_time_out(simulation: Simulation) -> None:
    """It is killed in the middle of a call, exactly at the time-out."""
    fault = Fault(0.0, "dynamodb-hangs", 0, 1, 3600.0, after=False)
    seconds, got = _call_with_fault(
        simulation, fault, lambda environment: environment.app.ledger.pending(), dies_in=2.0
    )
    assert (seconds, got) == (2.0, "Killed")


@pytest.mark.parametrize(
    ("calls", "purged_again"),
    [
        ([(0, True), (60, True), (240, True)], []),
        ([(0, True), (60, True), (320, True), (380, True)], [320]),
        ([(0, False), (60, True), (120, True)], [60]),
        ([(0, False), (240, False), (280, True), (320, True)], [240, 280, 320]),
    ],
    ids=["one request", "forgotten", "the first call failed", "a failed call may have been the first"],
)
def test_a_request_may_be_served_again_when_its_first_call_may_be_forgotten(
    simulation: Simulation, calls: list[tuple[float, bool]], purged_again: list[float]
) -> None:
    """5 minutes after its first call, a request is a new one. A failed call may have been the first or not.

    `calls` are the times of equal requests, each with whether it was answered.
    """
    request = '{"urls": ["https://ik.imagekit.io/demo/a.jpg"]}'
    for time, answered in calls:
        simulation.audit_log.record_manual_request(request, time)
        simulation.audit_log.record_manual_answer(request, {} if answered else None)
    possible = [time for time, _ in simulation.audit_log.possible_manual_urls]
    assert possible == [calls[0][0], *purged_again]


def test_every_fault_is_drawn() -> None:
    """Each fault of `--help` occurs in a schedule or a set-up."""
    schedules = [generate(seed, 300, faults.ALL) for seed in range(120)]
    drawn = {fault.name for schedule in schedules for fault in schedule.faults}
    assert drawn == {*faults.AFFECTED_CALLS, "rotated-key", "revoked-key"}
    setups = [schedule.setup for schedule in schedules]
    assert {setup.listing_fault for setup in setups} == {"", "denied", "hangs"}
    assert {setup.expiry_days for setup in setups} == {0, 30}
    assert any("dem0" in setup.url_map for setup in setups)
    assert {status for setup in setups for _, status in setup.bad_urls} == {301, 404, 413, 414, 500}
    assert any(setup.listing_seconds == 2.5 for setup in setups)
    assert any(_repeats_a_request(schedule) for schedule in schedules)


def _repeats_a_request(schedule: Schedule) -> bool:
    return any(len(step.deliveries) > 1 for step in schedule.steps if step.manual_request)
