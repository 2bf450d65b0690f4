"""Every alarm rings once, on the data of a situation that it is for, and is quiet in one that it is not for.

The functions themselves publish the data of their metrics. Services of AWS publish the others.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from purging.telemetry import Metric
from tests.alarms import Datum, datum, published, rings
from tests.integration.harness import ENDPOINT, START, Functions, running_functions, running_harness
from tests.unit.cloudformation import STACK, load
from tests.unit.deployment import Deployment

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

MINUTE, DAY = 60.0, 86_400.0
NAMES = {
    "AWS::StackName": STACK,
    "ChangeQueue.QueueName": "changes",
    "ChangeDeadLetters.QueueName": "dead-letters",
    "OriginBucketsRule": "rule",
    "SubmitPurge": "SubmitPurge",
    "TrackPurges": "arn:aws:states:eu-central-1:123456789012:stateMachine:TrackPurges",
}
ALARMS = [
    name for name, resource in load()["Resources"].items() if resource["Type"] == "AWS::CloudWatch::Alarm"
]


@dataclass
class Operation:
    """Both functions under way, and the data that came of them so far."""

    functions: Functions
    read: Callable[[], str]

    @property
    def now(self) -> float:
        return self.functions.harness.clock()

    def submit(self, event: Any) -> list[Datum]:
        """Invokes SubmitPurge. Returns its own metrics, and what Lambda counts of an error."""
        errors = 0
        try:
            self.functions.submit(event)
        except ClientError:
            errors = 1
        return [
            *published(self.read(), self.now),
            datum("AWS/Lambda", "Errors", errors, self.now, FunctionName="SubmitPurge"),
        ]

    def ticks(self, minutes: int) -> list[Datum]:
        """Invokes SubmitPurge once a minute."""
        data: list[Datum] = []
        for _ in range(minutes):
            data += self.submit({"tick": True})
            self.functions.harness.clock.sleep(MINUTE)
        return data


@pytest.fixture
def operation(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Operation]:
    """An operation with the environment that a test asks for by its parameter."""
    environment = getattr(request, "param", {})
    with running_harness() as harness, running_functions(harness, **environment) as functions:
        yield Operation(functions, lambda: capsys.readouterr().out)


def _put(ago: float, key: str = "a/b.jpg") -> dict[str, Any]:
    return {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": datetime.fromtimestamp(START - ago, UTC).isoformat().replace("+00:00", "Z"),
        "detail": {"bucket": {"name": "my-origin-bucket"}, "object": {"key": key, "sequencer": "0A"}},
    }


def _message(sent: float) -> dict[str, Any]:
    return {
        "messageId": "message",
        "receiptHandle": "handle",
        "body": json.dumps(_put(0.0)),
        "eventSource": "aws:sqs",
        "attributes": {"SentTimestamp": str(int(sent * 1000)), "ApproximateReceiveCount": "4"},
    }


def _each_minute(*values: float) -> Iterator[tuple[float, float]]:
    """The values with their times; the last one is at START."""
    yield from ((value, START - number * MINUTE) for number, value in enumerate(reversed(values)))


def _rule(metric: str, *values: float) -> list[Datum]:
    return [
        datum("AWS/Events", metric, value, time, RuleName="rule") for value, time in _each_minute(*values)
    ]


def _queue(metric: str, queue: str, *values: float) -> list[Datum]:
    return [datum("AWS/SQS", metric, value, time, QueueName=queue) for value, time in _each_minute(*values)]


def _throttles(*values: float) -> list[Datum]:
    return [
        datum("AWS/Lambda", "Throttles", value, time, FunctionName="SubmitPurge")
        for value, time in _each_minute(*values)
    ]


def _executions(metric: str, ago: float) -> list[Datum]:
    return [datum("AWS/States", metric, 1, START - ago, StateMachineArn=NAMES["TrackPurges"])]


AGE, VISIBLE = "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"
# By alarm: data on which it rings at START, and data on which it does not.
OF_SERVICES: dict[str, tuple[list[Datum], list[Datum]]] = {
    "RuleFailsAlarm": (_rule("FailedInvocations", 1), _rule("FailedInvocations", 0)),
    "RuleLosesAlarm": (
        _rule("InvocationsFailedToBeSentToDlq", 1),
        _rule("FailedInvocations", 1),  # the dead-letter queue took it
    ),
    "DeadLettersAlarm": (_queue(VISIBLE, "dead-letters", 1), _queue(VISIBLE, "changes", 1000)),
    # A backlog that is being worked off is old for some minutes only.
    "ChangesWaitAlarm": (
        _queue(AGE, "changes", 901, 961, 1021, 1081, 1141),
        _queue(AGE, "changes", 1141, 1201, 1261, 1321, 30),
    ),
    # The next tick makes up for two throttled ones.
    "SubmitPurgeThrottlesAlarm": (_throttles(1, 0, 2, 0, 1), _throttles(9, 0, 0, 0, 9)),
    "TrackPurgesFailedAlarm": (
        _executions("ExecutionsFailed", DAY - 2 * MINUTE),
        _executions("ExecutionsFailed", DAY + MINUTE),
    ),
    "TrackPurgesTimedOutAlarm": (
        _executions("ExecutionsTimedOut", DAY - 2 * MINUTE),
        _executions("ExecutionsFailed", MINUTE),
    ),
}
OF_THE_FUNCTIONS = {"SubmitPurgeErrorsAlarm", "OldestChangeAlarm", "ChangesNotKeptAlarm"}


def _alarm(name: str) -> Any:
    return Deployment({"OriginBuckets": "photos"}, NAMES).properties(name)


def test_no_alarm_is_left_out() -> None:
    """Each alarm of the template rings in one of the tests below."""
    assert sorted([*OF_SERVICES, *OF_THE_FUNCTIONS]) == sorted(ALARMS)


@pytest.mark.parametrize("name", OF_SERVICES)
def test_an_alarm_rings_on_what_a_service_reports_and_not_on_less(name: str) -> None:
    """The data have the names and dimensions that the service documents."""
    loud, quiet = OF_SERVICES[name]
    assert rings(_alarm(name), loud, START)
    assert not rings(_alarm(name), quiet, START)


@pytest.mark.parametrize("name", ALARMS)
def test_an_idle_stack_is_quiet(name: str) -> None:
    """Without data no alarm rings."""
    assert not rings(_alarm(name), [], START)


@pytest.mark.parametrize("operation", [{"QUOTA_RESERVE_PERCENT": "100"}], indirect=True)
@pytest.mark.parametrize(("ago", "rung"), [(DAY + MINUTE, True), (DAY / 2, False)])
def test_a_change_that_the_quota_holds_for_more_than_a_day_rings(
    operation: Operation, ago: float, *, rung: bool
) -> None:
    """Each tick measures its age, as long as the quota holds it."""
    operation.submit(_put(ago))
    data = operation.ticks(16)
    assert rings(_alarm("OldestChangeAlarm"), data, operation.now) == rung


@pytest.mark.parametrize(("age", "rung"), [(1200.0, True), (300.0, False)])
def test_an_old_message_that_cannot_be_kept_rings(operation: Operation, age: float, *, rung: bool) -> None:
    """SQS leaves messages that were received three times or more out of its own metric, and the function does
    not fail. The alarm goes on until the message comes again."""
    boto3.client("dynamodb").delete_table(TableName=operation.functions.harness.settings.ledger_table)
    data = operation.submit({"Records": [_message(START - age)]})
    assert not any(each.value for each in data if each.name == "Errors")
    for minutes in (0, 13):
        assert rings(_alarm("ChangesNotKeptAlarm"), data, operation.now + minutes * MINUTE) == rung


@pytest.mark.parametrize(("failed", "rung"), [(3, True), (2, False)])
def test_ticks_that_fail_ring(operation: Operation, failed: int, *, rung: bool) -> None:
    """The table is gone, so each tick fails. The next good tick makes up for fewer than three of five."""
    good = operation.ticks(5 - failed)
    boto3.client("dynamodb").delete_table(TableName=operation.functions.harness.settings.ledger_table)
    data = good + operation.ticks(failed)
    assert rings(_alarm("SubmitPurgeErrorsAlarm"), data, operation.now - MINUTE) == rung


def test_the_data_of_another_stack_ring_nothing(operation: Operation) -> None:
    """Each alarm looks at the metrics of its own stack."""
    boto3.client("dynamodb").delete_table(TableName=operation.functions.harness.settings.ledger_table)
    data = operation.submit({"Records": [_message(START - DAY)]})
    other = Deployment({}, NAMES | {"AWS::StackName": "other"}).properties("ChangesNotKeptAlarm")
    assert not rings(other, data, operation.now)


# ---- What the functions publish ------------------------------------------------------------------


def _values(data: list[Datum]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for each in data:
        if each.namespace == "ImageKitS3Purge" and each.name != "ColdStart":
            assert each.unit == Metric(each.name).unit.value
            assert each.dimensions == {("service", STACK)}
            found.setdefault(each.name, []).append(each.value)
    return found


def test_a_tick_with_nothing_to_do_publishes_nothing(operation: Operation) -> None:
    """CloudWatch charges for each metric in each hour with a value, so an idle stack has none."""
    assert _values(operation.ticks(3)) == {}


def test_a_purge_publishes_what_it_cost_and_no_zeros(operation: Operation) -> None:
    """The month's use is there after the first purge, and what further rounds may need."""
    values = _values(operation.submit(_put(30.0)))
    assert values.pop("ExpectedNeed")[0] > 0
    assert values.pop("SecondsToAccepted") == [pytest.approx(30.0, abs=5)]
    assert values == {"ChangesReceived": [1], "PurgesAccepted": [1], "QuotaUsed": [1]}


@pytest.mark.parametrize("operation", [{"DRY_RUN": "true"}], indirect=True)
def test_a_dry_run_publishes_what_it_would_purge(operation: Operation) -> None:
    """Under names of its own, so that nobody takes them for purges. The quota is that of the dry run, and
    already has the purges of this round."""
    values = _values(operation.submit(_put(30.0)))
    values.pop("ExpectedNeed")
    assert values == {"ChangesReceived": [1], "DryRunPurges": [1], "QuotaUsed": [1]}
    assert operation.functions.harness.purged == []


@pytest.mark.parametrize(
    "operation",
    [
        {
            "DRY_RUN": "true",
            "MONTHLY_PURGE_QUOTA": "1",
            "QUOTA_RESERVE_PERCENT": "0",
            "SKIP_NEW_OBJECTS": "false",
        }
    ],
    indirect=True,
)
def test_a_dry_run_publishes_what_it_would_evict(operation: Operation) -> None:
    """One purge is left for two changes, so it would be a wildcard that evicts a neighbour needlessly."""
    s3 = boto3.client("s3")
    region: Any = {"LocationConstraint": s3.meta.region_name}
    s3.create_bucket(Bucket="my-origin-bucket", CreateBucketConfiguration=region)
    for key in ("a/photos/one.jpg", "a/photos/two.jpg", "a/photos/beside.jpg"):
        s3.put_object(Bucket="my-origin-bucket", Key=key, Body=b"1")
    pending = [_put(2000.0, key) for key in ("a/photos/one.jpg", "a/photos/two.jpg")]
    operation.functions.harness.ledger.lease.acquire("other", operation.now, 60)
    for event in pending:  # they come together, while another invocation drains
        operation.submit(event)
    operation.functions.harness.clock.sleep(120)
    values = _values(operation.submit({"tick": True}))
    assert (values["DryRunPurges"], values["DryRunEvictions"]) == ([1], [1])


@pytest.mark.parametrize("operation", [{"QUOTA_RESERVE_PERCENT": "100"}], indirect=True)
def test_held_changes_are_counted(operation: Operation) -> None:
    """With their age."""
    values = _values(operation.submit(_put(100.0)))
    assert values["ChangesHeld"] == [1]
    assert values["OldestPendingSeconds"] == [pytest.approx(100.0, abs=5)]


def test_a_purge_without_an_answer_is_counted(operation: Operation) -> None:
    """It is no accepted purge."""
    operation.functions.harness.inject("5xx", status=503, times=1)
    values = _values(operation.submit(_put(30.0)))
    assert values["PurgesFailed"] == [1]
    assert "PurgesAccepted" not in values


@pytest.mark.parametrize(
    "operation", [{"URL_MAP": "my-origin-bucket=https://ik.imagekit.io/another"}], indirect=True
)
def test_a_url_that_imagekit_refuses_is_counted(operation: Operation) -> None:
    """The endpoint belongs to another account."""
    assert _values(operation.submit(_put(30.0)))["UrlsGivenUp"] == [1]


def test_overdue_purges_are_counted(operation: Operation) -> None:
    """Purges whose status is unknown are not: nobody knows whether they are late."""
    purge = {"request_id": "0" * 24, "url": f"{ENDPOINT}/a.jpg*", "submitted_at": 0, "sample": None}
    operation.functions.give_up([purge, purge], execution="arn", error="Lambda.Unknown", details="")
    assert _values(published(operation.read(), START)) == {}
    operation.functions.give_up([purge, purge], execution="arn", minutes="15")
    assert _values(published(operation.read(), START)) == {"PurgesOverdue": [2]}
