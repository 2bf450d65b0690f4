"""TrackPurges as deployed: what it does with purges that do not come to a good end."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests

from local.stack import Stack
from tests.e2e.polling import until
from tests.e2e.stack_control import clear_alerts, emulator_settings, inject_fault, reset_stack

Alerts = Callable[[], list[dict[str, str]]]


def _ended(stack: Stack, machine: str, purges: list[dict[str, Any]], **given: int) -> dict[str, Any]:
    execution = stack.states.start_execution(
        stateMachineArn=machine, name=f"test-{uuid.uuid4()}", input=json.dumps({"purges": purges, **given})
    )["executionArn"]

    return until(
        lambda: {**stack.states.describe_execution(executionArn=execution)},
        "the end of the execution",
        lambda described: described["status"] != "RUNNING",
    )


def _alerts_of(ended: dict[str, Any], alerts: Alerts, count: int) -> list[dict[str, str]]:
    def mine(found: list[dict[str, str]]) -> list[dict[str, str]]:
        return [alert for alert in found if ended["executionArn"] in alert["Message"]]

    return mine(until(alerts, f"{count} alerts of the execution", lambda found: len(mine(found)) >= count))


@pytest.fixture(scope="module", autouse=True)
def undisturbed(stack: Stack) -> None:
    """No drain is left that could meet the faults of these tests."""
    reset_stack(stack)


@pytest.fixture(autouse=True)
def nothing_alerted_today(stack: Stack) -> None:
    """Each cause is alerted once a day; here each test is a day of its own."""
    clear_alerts(stack)


@pytest.fixture
def impatient(stack: Stack) -> str:
    """The machine as deployed, but for a deadline of no minutes."""
    deployed = stack.states.describe_state_machine(stateMachineArn=stack.outputs["TrackPurgesArn"])
    definition = deployed["definition"].replace("$number('15')", "0")
    assert definition != deployed["definition"]
    return stack.states.create_state_machine(
        name="impatient", definition=definition, roleArn=deployed["roleArn"]
    )["stateMachineArn"]


def _accepted(stack: Stack, *, never_completes: bool = False) -> dict[str, Any]:
    """A purge that ImageKit just accepted, as the machine is told of it."""
    url = stack.url(f"track/{uuid.uuid4()}.jpg")
    secret = stack.secrets.get_secret_value(SecretId=stack.outputs["ImageKitSecretArn"])["SecretString"]

    def asked() -> requests.Response:
        if never_completes:
            inject_fault(stack, api="purge", kind="never-completes")
        return requests.post(
            f"{stack.imagekit}/v1/files/purge",
            json={"url": url},
            auth=(json.loads(secret)["private_key"], ""),
            timeout=60,
        )

    # Not at once if earlier tests have used up what ImageKit takes at a time.
    answer = until(asked, "an accepted purge")
    return _purge(answer.json()["requestId"], url)


def _purge(request_id: str, url: str) -> dict[str, Any]:
    return {"request_id": request_id, "url": url, "submitted_at": time.time(), "sample": None}


def test_past_the_deadline_it_alerts_and_fails_by_name(stack: Stack, impatient: str, alerts: Alerts) -> None:
    """Somebody hears which purges are open and why, and the execution counts as failed."""
    stuck = _accepted(stack, never_completes=True)
    unknown = _purge("f" * 24, f"{stack.url_endpoint}/unknown.jpg*")
    ended = _ended(stack, impatient, [stuck, unknown])
    assert (ended["status"], ended["error"]) == ("FAILED", "PurgeDeadlineExceeded")
    told = {alert["Subject"]: alert["Message"] for alert in _alerts_of(ended, alerts, 2)}
    for purge, cause, reason in (
        (stuck, "pending", "Pending"),
        (unknown, "unknown id", "No request found for this requestId."),
    ):
        message = told[f"ImageKit: 1 purge(s) not Completed in time ({cause})"]
        [line] = [line for line in message.splitlines() if purge["request_id"] in line]
        assert purge["url"] in line
        assert reason in line
        assert f"{purge['request_id']} {purge['url']}" in ended["cause"]


def test_a_cause_is_alerted_once_and_not_for_each_execution(
    stack: Stack, impatient: str, alerts: Alerts
) -> None:
    """An outage fails an execution a minute. Each says in its history what it followed."""
    unknown = [_purge(f"{number:024x}", f"{stack.url_endpoint}/{number}.jpg*") for number in range(3)]
    executions = [_ended(stack, impatient, [purge]) for purge in unknown]
    assert len(_alerts_of(executions[0], alerts, 1)) == 1
    other = _accepted(stack, never_completes=True)
    last = _ended(stack, impatient, [other])
    (alert,) = _alerts_of(last, alerts, 1)
    assert "(pending)" in alert["Subject"]
    assert len(alerts()) == 2, "nothing more was said"
    for execution, purge in zip(executions, unknown, strict=True):
        assert execution["status"] == "FAILED"
        assert purge["url"] in execution["cause"]


def test_a_throttled_status_api_is_waited_for(stack: Stack) -> None:
    """429 thrice comes back as data, not as an error: the purge is followed to its end."""
    purge = _accepted(stack)
    inject_fault(stack, api="status", kind="429", times=3, seconds=1)
    ended = _ended(stack, stack.outputs["TrackPurgesArn"], [purge])
    assert ended["status"] == "SUCCEEDED"
    history = stack.states.get_execution_history(executionArn=ended["executionArn"])["events"]
    assert not any(event["type"].endswith("Failed") for event in history)


def test_the_first_check_waits_as_long_as_it_is_told(stack: Stack) -> None:
    """A purge that is Completed by then takes one check. Without a wait, it takes several."""
    checks = []
    for given in ({"first_wait_seconds": 100}, {}):  # 100 take 5 seconds here, and a purge takes 3
        ended = _ended(stack, stack.outputs["TrackPurgesArn"], [_accepted(stack)], **given)
        assert ended["status"] == "SUCCEEDED"
        history = stack.states.get_execution_history(executionArn=ended["executionArn"])["events"]
        checks.append(sum(event["type"] == "TaskScheduled" for event in history))
    assert checks[0] == 1 < checks[1]


def test_three_hundred_purges_in_one_execution_are_followed(stack: Stack) -> None:
    """More than the status API takes at once: it throttles, the rest is asked later, and all are done."""
    purge = _accepted(stack)
    many = [purge | {"url": f"{stack.url_endpoint}/{'k' * 200}/{number}.jpg*"} for number in range(300)]
    with emulator_settings(stack, readRate=200.0):  # more seconds would show nothing more
        ended = _ended(stack, stack.outputs["TrackPurgesArn"], many)
    assert ended["status"] == "SUCCEEDED"
    history = stack.states.get_execution_history(executionArn=ended["executionArn"])["events"]
    assert sum(event["type"] == "TaskScheduled" for event in history) > 1


def test_the_alert_names_three_hundred_purges(stack: Stack, impatient: str, alerts: Alerts) -> None:
    """Within what SNS and Step Functions carry; one alert a cause, since the API throttles so many."""
    many = [_purge(f"{number:024x}", f"{stack.url_endpoint}/{number}.jpg*") for number in range(300)]
    ended = _ended(stack, impatient, many)
    assert (ended["status"], ended["error"]) == ("FAILED", "PurgeDeadlineExceeded")
    told: list[str] = []

    def all_named() -> bool:
        told.extend(line for alert in alerts() for line in alert["Message"].splitlines())
        named = {line.split("  ")[0] for line in told}
        return all(purge["request_id"] in named for purge in many)

    until(all_named, "alerts that name all purges")
    assert len({line for line in told if line.startswith("0" * 20)}) == len(many), "each is named once"


def test_a_crash_of_check_purges_is_tried_again_then_alerts(stack: Stack, alerts: Alerts) -> None:
    """Whatever goes wrong that nobody thought of, no purge goes unfollowed without a word."""
    ended = _ended(stack, stack.outputs["TrackPurgesArn"], [{"url": "no purge at all"}])
    assert (ended["status"], ended["error"]) == ("FAILED", "PurgeTrackingFailed")
    (alert,) = _alerts_of(ended, alerts, 1)
    assert "is unknown" in alert["Subject"]
    assert "no purge at all" in alert["Message"]
    history = stack.states.get_execution_history(executionArn=ended["executionArn"])["events"]
    assert sum(event["type"] == "TaskScheduled" for event in history) > 1
