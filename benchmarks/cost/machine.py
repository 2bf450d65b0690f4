"""Walks an execution of TrackPurges through its definition, and counts the state transitions.

Only what a successful or late execution passes is known: Pass, Wait, Choice, Succeed, Fail and calls of
Lambda, with JSONata. No task fails here, so `Retry` and `Catch` are not followed.
"""

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonata  # type: ignore[import-untyped] # it has no stubs

FILE = Path(__file__).parents[2] / "statemachine" / "track_purges.asl.json"
_DEADLINE_MINUTES = "15"  # as template.yaml has it


@cache
def track_purges() -> Any:
    """The definition of TrackPurges, with the default deadline filled in."""
    return json.loads(FILE.read_text().replace("${DeadlineMinutes}", _DEADLINE_MINUTES))


@dataclass(slots=True)
class Execution:
    """One execution. `clock` gives unix seconds, `call` the answer of CheckPurges to a payload."""

    definition: Any
    input: Any
    clock: Callable[[], float]
    call: Callable[[Any], Any]
    transitions: int = 0
    variables: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Generator[float, None, str]:
        """Walk from state to state. Yields the seconds of each wait, and returns the name of the last state.

        Each state that is entered is a transition (https://aws.amazon.com/step-functions/pricing/).
        """
        name = self.definition["StartAt"]
        started = f"{datetime.fromtimestamp(self.clock(), UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
        execution = {"Id": "execution", "StartTime": started}
        while True:
            state = self.definition["States"][name]
            self.transitions += 1
            states: dict[str, Any] = {"input": self.input, "context": {"Execution": execution}}
            match state["Type"]:
                case "Succeed" | "Fail":
                    return str(name)
                case "Wait":
                    yield float(self._value(state["Seconds"], states))
                case "Task":
                    payload = self._value(state["Arguments"]["Payload"], states)
                    states["result"] = {"Payload": self.call(payload)}
                case "Choice":
                    chosen: Any = next(
                        (each for each in state["Choices"] if self._value(each["Condition"], states)), {}
                    )
                    self._assign(state | chosen if "Assign" in chosen or not chosen else {}, states)
                    name = chosen.get("Next", state.get("Default"))
                    continue
            self._assign(state, states)
            name = state["Next"]

    def _assign(self, state: Mapping[str, Any], states: Mapping[str, Any]) -> None:
        """Each expression sees the variables as they were when the state began."""
        self.variables |= self._value(state.get("Assign", {}), states)

    def _value(self, part: Any, states: Mapping[str, Any]) -> Any:
        """A part of a state with its JSONata evaluated."""
        if isinstance(part, dict):
            return {name: self._value(each, states) for name, each in part.items()}
        if not (isinstance(part, str) and part.startswith("{%")):
            return part
        expression = _compiled(part)
        expression.register_lambda("millis", lambda: self.clock() * 1000)
        frame = expression.create_frame()
        for name, value in {**self.variables, "states": states}.items():
            frame.bind(name, value)
        return expression.evaluate({}, frame)


@cache
def _compiled(text: str) -> jsonata.Jsonata:
    return jsonata.Jsonata(text.removeprefix("{%").removesuffix("%}"))
