"""How the end-to-end tests wait: until it is so, and never by what says nothing."""

import io
import json
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e import polling, stack_control
from tests.e2e.polling import until


class Time:
    """Passes only when someone sleeps. Seconds."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    """No test here takes as long as it says."""
    passing = Time()
    monkeypatch.setattr(polling, "time", passing)
    return passing


def test_it_looks_until_it_holds() -> None:
    """What was seen then is the answer."""
    seen = iter(range(10))
    assert until(lambda: next(seen), "a four", lambda number: number == 4) == 4
    assert next(seen) == 5


def test_a_failure_names_what_was_waited_for_and_shows_what_was_last_seen() -> None:
    """So that one who reads a log of CI needs no second run."""
    with pytest.raises(AssertionError, match=r"two purges: not within 3 seconds; last seen: \['a'\]"):
        until(lambda: ["a"], "two purges", lambda purges: len(purges) == 2, seconds=3)


def test_it_looks_once_more_after_the_deadline(time: Time) -> None:
    """A machine that pauses for minutes between two looks is no failure of what is waited for."""

    def slow() -> bool:
        came = time.now > 0
        time.sleep(10_000)
        return came

    assert until(slow, "the end", seconds=3)


def _stack(answers: Iterable[dict[str, Any]]) -> Any:
    payloads: Iterator[dict[str, Any]] = iter(answers)

    def invoke(**_: Any) -> dict[str, Any]:
        return {"Payload": io.BytesIO(json.dumps(next(payloads)).encode())}

    return SimpleNamespace(
        outputs={"SubmitPurgeFunction": "SubmitPurge"}, functions=SimpleNamespace(invoke=invoke)
    )


@pytest.mark.parametrize("reason", ["", "another drain is at it"])
def test_a_busy_answer_is_no_answer(reason: str) -> None:
    """That nothing is held, says somebody who did not look: only a drain of its own can tell."""
    busy = {"purges": [], "settled": 0, "held": 0, "reason": reason, "busy": True}
    own = {"purges": [], "settled": 1, "held": 2, "reason": "quota", "busy": False}
    assert stack_control.tick(_stack([busy, busy, own])) == own
