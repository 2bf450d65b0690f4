"""TrackPurges as deployed: what it does with purges that do not come to a good end."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from local.stack import Stack
from tests.e2e.waiting import until

Alerts = Callable[[], list[dict[str, str]]]


def _ended(stack: Stack, machine: str, purges: list[dict[str, Any]]) -> dict[str, Any]:
    execution = stack.states.start_execution(
        stateMachineArn=machine, name=f"test-{uuid.uuid4()}", input=json.dumps({"purges": purges})
    )["executionArn"]

    def end() -> dict[str, Any] | None:
        described: dict[str, Any] = {**stack.states.describe_execution(executionArn=execution)}
        return None if described["status"] == "RUNNING" else described

    described = until(end, "the end of the execution", 60)
    assert described is not None
    return described


def _alert_of(ended: dict[str, Any], alerts: Alerts) -> dict[str, str]:
    return until(
        lambda: next((alert for alert in alerts() if ended["executionArn"] in alert["Message"]), {}),
        "the alert of the execution",
    )


@pytest.fixture
def impatient(stack: Stack) -> str:
    """The machine as deployed, but for a deadline of no minutes."""
    deployed = stack.states.describe_state_machine(stateMachineArn=stack.outputs["TrackPurgesArn"])
    definition = deployed["definition"].replace("$number('15')", "0")
    assert definition != deployed["definition"]
    return stack.states.create_state_machine(
        name="impatient", definition=definition, roleArn=deployed["roleArn"]
    )["stateMachineArn"]


def test_past_the_deadline_it_alerts_and_fails_by_name(stack: Stack, impatient: str, alerts: Alerts) -> None:
    """Somebody hears which purges are open and why, and the execution counts as failed."""
    url = f"{stack.url_endpoint}/never.jpg*"
    purge = {"request_id": "f" * 24, "url": url, "submitted_at": 1_790_000_000.5, "sample": None}
    ended = _ended(stack, impatient, [purge])
    assert (ended["status"], ended["error"]) == ("FAILED", "PurgeDeadlineExceeded")
    assert "f" * 24 in ended["cause"]
    alert = _alert_of(ended, alerts)
    assert alert["Subject"] == "ImageKit: 1 purge(s) not Completed in time"
    for part in ("f" * 24, url, ended["executionArn"]):
        assert part in alert["Message"]


def test_a_crash_of_check_purges_is_tried_again_then_alerts(stack: Stack, alerts: Alerts) -> None:
    """Whatever goes wrong that nobody thought of, no purge goes unfollowed without a word."""
    ended = _ended(stack, stack.outputs["TrackPurgesArn"], [{"url": "no purge at all"}])
    assert (ended["status"], ended["error"]) == ("FAILED", "PurgeTrackingFailed")
    alert = _alert_of(ended, alerts)
    assert "is unknown" in alert["Subject"]
    assert "no purge at all" in alert["Message"]
    history = stack.states.get_execution_history(executionArn=ended["executionArn"])["events"]
    assert sum(event["type"] == "TaskScheduled" for event in history) > 1
