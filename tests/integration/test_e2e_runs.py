"""`python -m tests.e2e` under load, as a process: it reports each run, and its busy loops end with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.processes import Process
from local.workspace import PROJECT


@contextmanager
def _running(logs: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", list[Process]]]:
    """Starts the command and yields it with its busy loops. Its pytest only collects, without a stack."""
    command = [sys.executable, "-m", "tests.e2e", "--load", "--logs", str(logs), *arguments]
    with subprocess.Popen(  # noqa: S603 - our own command
        [*command, "--", "--collect-only", "-p", "no:cacheprovider"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        name, _, ids = process.stdout.readline().partition(":")
        assert name == "Busy loops"
        loops = [Process.of(int(pid)) for pid in ids.split()]
        assert len(loops) == os.cpu_count()
        assert all(loop.alive() for loop in loops)
        yield process, loops
    assert not any(loop.alive() for loop in loops)


def test_each_run_is_reported_with_its_seconds(tmp_path: Path) -> None:
    """Its log is kept. The busy loops end with the last run."""
    with _running(tmp_path, "--runs", "2") as (process, _):
        shown, _ = process.communicate(timeout=300)
    *runs, last = shown.splitlines()
    assert [run.partition(" in ")[0] for run in runs] == ["Run 1 of 2: passed", "Run 2 of 2: passed"]
    assert last == "2 of 2 runs passed."
    assert process.returncode == 0
    assert "tests collected" in (tmp_path / "02.log").read_text()


def test_a_signal_ends_the_busy_loops(tmp_path: Path) -> None:
    """Ctrl-C comes during a run. The exit status has the number of the signal."""
    with _running(tmp_path, "--runs", "1000") as (process, _):
        assert process.stdout
        assert process.stdout.readline().startswith("Run 1 of 1000: passed")
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=300)
    assert shown.splitlines()[-1] == "Ended by SIGINT."
    assert process.returncode == 128 + signal.SIGINT
