"""Runs a benchmark in a process of its own, so that the next one finds the machine as this one did."""

import json
import subprocess
import sys
import time

from benchmarks.results import Outcome, tabulated
from benchmarks.suite import Benchmark, Command
from local.processes import Process
from local.watchdog import Watchdog
from local.workspace import PROJECT

_LIMIT_SECONDS = 1800.0
"""A benchmark that takes longer hangs: in the short form the longest takes three minutes."""


class _Failed(Exception):
    """The text says why, in one line."""


def run(benchmark: Benchmark, watchdog: Watchdog, *, limit: float = _LIMIT_SECONDS) -> Outcome:
    """Run a benchmark to its end, each command for `limit` seconds at most.

    A failure is an outcome, too. What a failed command said is on standard error then.
    """
    started = time.monotonic()
    try:
        for command in benchmark.before:
            _output(command, watchdog, limit)
        rows = [json.loads(line) for line in _output(benchmark.command, watchdog, limit).splitlines()]
    except (_Failed, json.JSONDecodeError) as error:
        return Outcome(benchmark, time.monotonic() - started, failure=str(error))
    return tabulated(benchmark, time.monotonic() - started, rows)


def _output(command: Command, watchdog: Watchdog, limit: float) -> str:
    """What a command prints. Raises _Failed if it fails or hangs."""
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        process = watchdog.guard(Process.of(started.pid))
        try:
            output, errors = started.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise _Failed(f"it had not ended after {limit:.0f} seconds") from None
        finally:
            process.stop()  # the block waits for its end
    if started.returncode:
        print(errors, file=sys.stderr, flush=True)
        last = (errors.strip().splitlines() or ["it said nothing"])[-1]
        raise _Failed(f"exit status {started.returncode}: {last.replace(f'{PROJECT}/', '')}")
    return output
