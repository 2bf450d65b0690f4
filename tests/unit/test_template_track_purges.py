"""The state machine TrackPurges: its guards on each task, its waits, and the causes of its failures."""

import json
import re
import time
from datetime import UTC, datetime
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import jsonata
import pytest

from benchmarks.latency.polling import checks
from purging.polling import LONGEST, SHORTEST
from tests.unit.cloudformation import load

MACHINE = Path(__file__).parents[2] / "statemachine" / "track_purges.asl.json"


@pytest.fixture(scope="module")
def machine() -> Any:
    """The definition before CloudFormation fills in its substitutions."""
    return json.loads(MACHINE.read_text())


def _evaluated(expression: str, **variables: Any) -> Any:
    compiled = jsonata.Jsonata(expression.removeprefix("{%").removesuffix("%}"))
    frame = compiled.create_frame()
    for name, value in variables.items():
        frame.bind(name, value)
    return compiled.evaluate({}, frame)


def _assigned(state: Any, **variables: Any) -> dict[str, Any]:
    """What a state assigns. Each expression sees the variables as they were when the state began.

    See https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html, "Evaluation order".
    """
    return {name: _evaluated(expression, **variables) for name, expression in state["Assign"].items()}


def _next_wait(machine: Any, seconds: float, answer: dict[str, Any], to_deadline: float = 3600) -> Any:
    """How long the machine waits after this answer of CheckPurges."""
    states = machine["States"]
    result = {"Payload": {"purges": [{"request_id": "1"}]} | answer}
    deadline = (time.time() + to_deadline) * 1000
    checked = _assigned(
        states["CheckPurges"], wait_seconds=seconds, deadline=deadline, states={"result": result}
    )
    return _assigned(states["AllCompleted?"], **checked)["wait_seconds"]


def test_every_task_ends_in_time_tries_again_and_leads_to_a_named_failure(machine: Any) -> None:
    """No task hangs, gives up at the first error, or fails without a name."""
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
    """CheckPurges returns expected conditions as data, so no rule names an error of the functions."""
    named = {
        error
        for state in machine["States"].values()
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]
        for error in rule["ErrorEquals"]
    }
    assert all(error.startswith(("States.", "Lambda.")) for error in named)


def test_every_state_says_what_it_is_for(machine: Any) -> None:
    """The console shows the comment of each state."""
    assert all(state["Comment"].endswith(".") for state in machine["States"].values())


def test_no_state_uses_a_variable_before_it_is_assigned(machine: Any) -> None:
    """The states stand in the order in which they run. Step Functions fails at an undefined variable."""
    assigned = {"states"}
    for name, state in machine["States"].items():
        catches = [catch.get("Assign", {}) for catch in state.get("Catch", [])]
        used = set(re.findall(r"\$([a-z_]+)\b(?!\()", json.dumps(state)))  # before a bracket is a function
        assert used - {"purge"} <= assigned, name  # $purge is a parameter of a function
        assigned |= state.get("Assign", {}).keys() | {variable for catch in catches for variable in catch}


def test_the_backstop_lies_behind_the_longest_deadline(machine: Any) -> None:
    """The execution times out only after the alert of the deadline, which is 120 minutes at most."""
    assert machine["TimeoutSeconds"] > 120 * 60


def _first(machine: Any, minutes: int = 15, **given: Any) -> tuple[Any, dict[str, Any]]:
    """How long the machine waits before the first check, and what it assigns then."""
    state = machine["States"][machine["StartAt"]]
    state = json.loads(json.dumps(state).replace("${DeadlineMinutes}", str(minutes)))
    states = {
        "input": {"purges": [{"request_id": "1"}], **given},
        "context": {"Execution": {"StartTime": "2030-05-15T12:00:00.250Z"}},
    }
    return _evaluated(state["Seconds"], states=states), {
        name: _evaluated(value, states=states) if isinstance(value, str) else value
        for name, value in state["Assign"].items()
    }


def test_the_first_wait_is_given_or_five_seconds(machine: Any) -> None:
    """An input may lack it: one of an earlier version, or one that a person wrote."""
    assert _first(machine)[0] == SHORTEST
    assert _first(machine, first_wait_seconds=LONGEST)[0] == LONGEST


def test_the_first_wait_ends_at_the_deadline(machine: Any) -> None:
    """With a short deadline, the alert comes in time."""
    assert _first(machine, minutes=1, first_wait_seconds=LONGEST)[0] == 60


def test_the_deadline_counts_from_the_start_of_the_execution(machine: Any) -> None:
    """The variable is assigned after the first wait, which may take minutes."""
    start = datetime(2030, 5, 15, 12, 0, 0, 250_000, tzinfo=UTC).timestamp()
    assert _first(machine, first_wait_seconds=300)[1]["deadline"] == (start + 15 * 60) * 1000


@pytest.mark.parametrize("first", [5, 160])
def test_the_wait_grows_by_half_up_to_a_minute(machine: Any, first: int) -> None:
    """Step Functions wants whole seconds. The waits after the first one are short, however long it was. The
    benchmark of the first wait simulates just these."""
    seconds, assigned = _first(machine, first_wait_seconds=first)
    waits = [seconds, _next_wait(machine, assigned["wait_seconds"], {"wait_seconds": 0})]
    for _ in range(8):
        waits.append(_next_wait(machine, waits[-1], {"wait_seconds": 0}))
    assert waits == [first, 8, 12, 18, 27, 41, 60, 60, 60, 60]
    assert list(accumulate(waits)) == list(islice(checks(first), len(waits)))


def test_a_purge_that_is_completed_at_the_first_check_passes_four_states(machine: Any) -> None:
    """Step Functions is paid by the state: wait, check, choice, end."""
    states, way = machine["States"], [machine["StartAt"]]
    while "Next" in states[way[-1]]:
        way.append(states[way[-1]]["Next"])
    choice = states[way[-1]]["Choices"][0]
    assert _evaluated(choice["Condition"], purges=[]) is True
    assert [*(states[name]["Type"] for name in way), states[choice["Next"]]["Type"]] == [
        "Wait",
        "Task",
        "Choice",
        "Succeed",
    ]


def test_the_wait_is_never_shorter_than_asked_for(machine: Any) -> None:
    """A throttled status API gets the rest that it asks for."""
    assert _next_wait(machine, 5, {"wait_seconds": 300}) == 300


def test_the_wait_ends_at_the_deadline(machine: Any) -> None:
    """The alert comes in time, even if the status API asks for a longer wait."""
    assert _next_wait(machine, 60, {"wait_seconds": 3600}, to_deadline=30.5) in (30, 31)
    assert _next_wait(machine, 60, {"wait_seconds": 0}, to_deadline=-5) == 1


def test_an_answer_without_a_wait_is_enough(machine: Any) -> None:
    """CheckPurges may leave `wait_seconds` out."""
    assert _next_wait(machine, 5, {}) == 8


def test_check_purges_alerts_what_is_given_up(machine: Any) -> None:
    """CheckPurges remembers what it alerted. The machine itself would alert for each execution."""
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


ENDS = [("ListLatePurges", "PurgeDeadlineExceeded"), ("ListTrackedPurges", "PurgeTrackingFailed")]


def _cause(machine: Any, names: str, fails: str, **variables: Any) -> Any:
    """The cause of a failed execution, after the state that lists its purges."""
    assert machine["States"][names]["Next"] == fails
    listed = _assigned(machine["States"][names], **variables)
    return _evaluated(machine["States"][fails]["Cause"], **variables | listed)


@pytest.mark.parametrize(("names", "fails"), ENDS)
def test_a_failed_execution_names_its_purges(machine: Any, names: str, fails: str) -> None:
    """Another execution may have sent the alert. A cause has at most 32,768 characters.

    See https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html.
    """
    purges = [
        {"request_id": f"{number:024x}", "url": f"https://x/{'k' * 1000}{number}", "reason": "Pending"}
        for number in range(300)
    ]
    failure = {"Error": "Lambda.Unknown", "Cause": "y" * 30_000}
    assert len(_cause(machine, names, fails, purges=purges, failure=failure)) == 30_000
    short = _cause(machine, names, fails, purges=purges[:2], failure=failure)
    assert all(purge["request_id"] in short and purge["url"] in short for purge in purges[:2])


@pytest.mark.parametrize("purges", [[], [{"url": "no purge at all"}]])
@pytest.mark.parametrize(("names", "fails"), ENDS)
def test_a_failed_execution_has_a_cause_whatever_it_was_given(
    machine: Any, names: str, fails: str, purges: list[dict[str, str]]
) -> None:
    """An execution with no purge, one purge or a broken purge fails by its own name, not by a type error."""
    cause = _cause(machine, names, fails, purges=purges, failure={"Error": "States.Timeout"})
    assert f"{len(purges)} purge(s)" in cause
    assert all(purge["url"] in cause for purge in purges)


@pytest.mark.parametrize(("names", "fails"), ENDS)
def test_the_list_of_purges_fits_into_a_variable(machine: Any, names: str, fails: str) -> None:
    """256 KiB for all variables that a state assigns, even if the purges themselves take nearly as much.

    See https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html, "Limits". SubmitPurge
    gives an execution 100,000 bytes of purges at most, and a cause is cut at 8,000 characters of 4 bytes.
    """
    purges = [
        {"request_id": f"{number:024x}", "url": f"https://x/{'k' * 1000}{number}", "reason": "r" * 1000}
        for number in range(100)
    ]
    failure = {"Error": "Lambda.Unknown", "Cause": "\N{GRINNING FACE}" * 30_000}
    listed = _assigned(machine["States"][names], purges=purges, failure=failure)
    assert listed.keys() & {"purge_texts"}, fails
    assert len(json.dumps(listed, ensure_ascii=False).encode()) <= 256 * 1024


def test_the_alarms_on_executions_say_so_once_a_day() -> None:
    """An alarm that looks at single minutes would ring again for each failed execution."""
    resources = load()["Resources"]
    for name in ("TrackPurgesFailedAlarm", "TrackPurgesTimedOutAlarm"):
        alarm = resources[name]["Properties"]
        # CloudWatch looks back over a day at most:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        assert alarm["Period"] * alarm["EvaluationPeriods"] == 86_400
        assert alarm["DatapointsToAlarm"] == 1
