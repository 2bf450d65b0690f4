"""The state machine: guards on every task, and the arithmetic of its waits."""

import json
import time
from pathlib import Path
from typing import Any

import jsonata
import pytest

from tests.unit.cloudformation import load

MACHINE = Path(__file__).parents[2] / "statemachine" / "track_purges.asl.json"


@pytest.fixture(scope="module")
def machine() -> Any:
    """The definition, before its substitutions."""
    return json.loads(MACHINE.read_text())


def _evaluated(expression: str, **variables: Any) -> Any:
    compiled = jsonata.Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    frame = compiled.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return compiled.evaluate({}, frame)


def _next_wait(machine: Any, seconds: float, answer: dict[str, Any], left: float = 3600) -> Any:
    return _evaluated(
        machine["States"]["CheckPurges"]["Assign"]["seconds"],
        seconds=seconds,
        deadline=(time.time() + left) * 1000,
        states={"result": {"Payload": {"purges": []} | answer}},
    )


def test_every_task_ends_in_time_tries_again_and_leads_to_a_named_failure(machine: Any) -> None:
    """No task hangs, gives up at the first hiccup, or fails without a word."""
    tasks = {name: state for name, state in machine["States"].items() if state["Type"] == "Task"}
    assert tasks
    for name, task in tasks.items():
        assert task["TimeoutSeconds"] > 0, name
        for retry in task["Retry"]:
            assert retry["JitterStrategy"] == "FULL", name
            assert retry["BackoffRate"] > 1, name
            assert retry["MaxDelaySeconds"] <= 60, name
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name


def test_only_the_services_own_errors_are_named(machine: Any) -> None:
    """Expected conditions come back as data, so no error of the functions is matched by its name."""
    named = {
        error
        for state in machine["States"].values()
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]
        for error in rule["ErrorEquals"]
    }
    assert all(error.startswith(("States.", "Lambda.")) for error in named)


def test_the_backstop_lies_behind_the_longest_deadline(machine: Any) -> None:
    """The execution's time-out never comes before the alert of the deadline (120 minutes at most)."""
    assert machine["TimeoutSeconds"] > 120 * 60


def test_the_wait_grows_by_half_up_to_a_minute(machine: Any) -> None:
    """Whole seconds, as Step Functions wants them."""
    waits = [5]
    for _ in range(9):
        waits.append(_next_wait(machine, waits[-1], {"wait_seconds": 0}))
    assert waits == [5, 8, 12, 18, 27, 41, 60, 60, 60, 60]


def test_the_wait_is_never_shorter_than_asked_for(machine: Any) -> None:
    """A throttled status API gets the rest that it wants."""
    assert _next_wait(machine, 5, {"wait_seconds": 300}) == 300


def test_the_wait_ends_at_the_deadline(machine: Any) -> None:
    """However long the API asks us to wait, the alert comes in time."""
    assert _next_wait(machine, 60, {"wait_seconds": 3600}, left=30.5) in (30, 31)
    assert _next_wait(machine, 60, {"wait_seconds": 0}, left=-5) == 1


def test_an_answer_without_a_wait_is_enough(machine: Any) -> None:
    """`wait_seconds` may be left out."""
    assert _next_wait(machine, 5, {}) == 8


def test_check_purges_alerts_what_is_given_up(machine: Any) -> None:
    """It remembers what it alerted; the machine itself would alert for each execution."""
    states = {name: state for name, state in machine["States"].items() if name.startswith("Alert")}
    assert states.keys() == {"AlertDeadlineExceeded", "AlertTrackingFailed"}
    for state in states.values():
        arguments = state["Arguments"]
        assert state["Resource"].endswith(":lambda:invoke")
        assert arguments["FunctionName"] == "${CheckPurgesArn}"
        assert arguments["Payload"]["purges"] == "{% $purges %}"
        assert arguments["Payload"]["give_up"]["execution"] == "{% $states.context.Execution.Id %}"
    late, failed = (states[name]["Arguments"]["Payload"]["give_up"] for name in sorted(states))
    assert late["minutes"] == "${DeadlineMinutes}"
    failure = {"Error": "Lambda.Unknown", "Cause": "x" * 30_000}
    assert _evaluated(failed["error"], failure=failure) == "Lambda.Unknown"
    assert len(_evaluated(failed["details"], failure=failure)) == 2000


@pytest.mark.parametrize("state", ["PurgeDeadlineExceeded", "PurgeTrackingFailed"])
def test_a_failed_execution_names_its_purges(machine: Any, state: str) -> None:
    """Its alert may have been sent by another execution. 32 768 characters are the most (States Language)."""
    purges = [
        {"request_id": f"{number:024x}", "url": f"https://x/{'k' * 1000}{number}", "reason": "Pending"}
        for number in range(300)
    ]
    failure = {"Error": "Lambda.Unknown", "Cause": "y" * 30_000}
    cause = machine["States"][state]["Cause"]
    assert len(_evaluated(cause, purges=purges, failure=failure)) == 30_000
    short = _evaluated(cause, purges=purges[:2], failure=failure)
    assert all(purge["request_id"] in short and purge["url"] in short for purge in purges[:2])


def test_the_alarms_on_executions_say_so_once_a_day() -> None:
    """They would ring for each failed execution again, were they silent as soon as a minute is quiet."""
    resources = load()["Resources"]
    for name in ("TrackPurgesFailedAlarm", "TrackPurgesTimedOutAlarm"):
        alarm = resources[name]["Properties"]
        # CloudWatch looks back over a day at most (PutMetricAlarm).
        assert alarm["Period"] * alarm["EvaluationPeriods"] == 86_400
        assert alarm["DatapointsToAlarm"] == 1
