"""`python -m benchmarks` runs each benchmark in a process of its own, and survives those that fail."""

import json
from pathlib import Path

import pytest

from benchmarks import quotes
from benchmarks.__main__ import measure
from benchmarks.running import run
from benchmarks.suite import Benchmark, suite
from local.watchdog import Watchdog
from local.workspace import PROJECT

(POLLING,) = (benchmark for benchmark in suite(long=False) if benchmark.name == "polling")


def _benchmark(name: str, *command: str) -> Benchmark:
    return Benchmark(name, name.capitalize(), "A note.", command, json.dumps)


def test_a_benchmark_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    """The file names it without a path of this machine, has the other's table, and the exit status is 1."""
    results = tmp_path / "RESULTS.md"
    broken = _benchmark("broken", "benchmarks.simulate", f"{PROJECT}/no-such-trace.jsonl.gz", "--json")
    assert measure([broken, POLLING], results) == 1
    text = results.read_text()
    assert "could not run: broken.**" in text
    assert "exit status 2: simulate: no-such-trace.jsonl.gz" in text
    assert "| 2 to 5 min |" in quotes.blocks(text)["polling"]
    assert measure([POLLING], results) == 0
    assert "could not run" not in results.read_text()


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (("http.server", "0", "--bind", "127.0.0.1"), "had not ended after 1 seconds"),
        (("this",), "Expecting value"),
        (("benchmarks.no_such_module",), "exit status 1"),
    ],
    ids=["it hangs", "it prints no JSON", "it is not there"],
)
def test_whatever_goes_wrong_is_an_outcome(command: tuple[str, ...], reason: str) -> None:
    """With its reason, and without rows."""
    with Watchdog() as watchdog:
        outcome = run(_benchmark("broken", *command), watchdog, limit=1.0 if "0" in command else 60.0)
    assert reason in outcome.failure
    assert not outcome.rows
