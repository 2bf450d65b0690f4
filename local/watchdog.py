"""Ends the processes of a stack when whoever started them dies, even if killed outright.

`python -m local.watchdog` reads lines: `guard PID BORN` adds a process, `release` leaves all of them alone.
When its input ends, which it does with the death of the other side, it stops what it guards.
"""

import signal
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType

from local.processes import Process
from local.workspace import PROJECT


class Watchdog:
    """The other side: guards processes for the length of a `with` block, or until released."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "local.watchdog"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._guarded: list[Process] = []

    def __enter__(self) -> "Watchdog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what is guarded here, where the remains can be disposed of; then let it look once more."""
        for process in reversed(self._guarded):
            process.stop()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def guard(self, process: Process) -> Process:
        """The process must not outlive us."""
        self._guarded.append(process)
        self._tell(f"guard {process.pid} {process.born}")
        return process

    def release(self) -> None:
        """What was guarded so far may live on."""
        self._guarded.clear()
        self._tell("release")

    def _tell(self, line: str) -> None:
        assert self._process.stdin  # noqa: S101 - it was opened as a pipe above
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def watch(lines: Iterable[str]) -> None:
    """Follow the lines to their end, then stop what is guarded, the latest first."""
    guarded: list[Process] = []
    for line in lines:
        match line.strip().split(" ", 2):
            case ["guard", pid, born]:
                guarded.append(Process(int(pid), born))
            case ["release"]:
                guarded.clear()
    for process in reversed(guarded):
        process.stop()


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the end of the input counts
    watch(sys.stdin)
