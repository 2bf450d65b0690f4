"""The state machine: guards on every task, and the arithmetic of its waits."""

import json
import time
from pathlib import Path
from typing import Any

import jsonata
import pytest

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


def test_the_alert_names_every_purge_and_fits_into_sns(machine: Any) -> None:
    """A subject of 100 characters at most; request id, URL and reason of each purge; 256 KB at most."""
    arguments = machine["States"]["AlertDeadlineExceeded"]["Arguments"]
    purges = [
        {"request_id": f"{number:024x}", "url": f"https://x/{'k' * 1000}{number}", "reason": "Pending"}
        for number in range(300)
    ]
    context = {"context": {"Execution": {"Id": "arn:execution"}}}
    assert len(_evaluated(arguments["Subject"], purges=purges)) <= 100
    assert len(_evaluated(arguments["Message"], purges=purges, states=context)) == 60_000
    message = _evaluated(arguments["Message"], purges=purges[:1], states=context)
    for part in ("arn:execution", *purges[0].values()):
        assert part in message
