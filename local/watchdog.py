"""Stops the processes of a stack when the process that started them ends, even by SIGKILL.

`python -m local.watchdog` reads lines: `guard PID BORN` adds a process, and `release` forgets all of them.
Its input ends when the other process ends. Then it stops the processes that it guards.
"""

import signal
import subprocess
import sys
from collections.abc import Iterable
from types import TracebackType

from local.processes import Process
from local.workspace import PROJECT


class Watchdog:
    """Guards processes until the end of a `with` block, or until `release`. It is the writer of the lines."""

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
        """Stop the guarded processes here, so that their parent waits for them; then end the watchdog."""
        for process in reversed(self._guarded):
            process.stop()
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()

    def guard(self, process: Process) -> Process:
        """Stop the process if this one ends. Returns the process."""
        self._guarded.append(process)
        self._send(f"guard {process.pid} {process.born}")
        return process

    def release(self) -> None:
        """Forget all guarded processes, so that they keep running."""
        self._guarded.clear()
        self._send("release")

    def _send(self, line: str) -> None:
        assert self._process.stdin  # noqa: S101 - it was opened as a pipe above
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def watch(lines: Iterable[str]) -> None:
    """Read all lines, then stop the guarded processes, the latest first."""
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
