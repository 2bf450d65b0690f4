"""Processes of the embedded stack: each starts in its own group, and ends with its whole group."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.polling import attempts

_POLL_SECONDS = 0.05
_KILL_SECONDS = 30.0  # in which even a busy machine ends a killed process


@dataclass(frozen=True, slots=True)
class Process:
    """A process that leads its own group.

    `born` is its start time as the system writes it. A later process with the same id has another one.
    """

    pid: int
    born: str

    @classmethod
    def start(cls, command: Sequence[str], *, env: Mapping[str, str], log: Path, folder: Path) -> "Process":
        """Start a command, and write its output to `log`. Ctrl-C at the terminal does not reach it."""
        with log.open("wb") as output:
            started = subprocess.Popen(
                command,
                env=dict(env),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # From now on only its id is used, as a later `down` does; Popen must not wait for it.
        started.returncode = 0
        return cls.of(started.pid)

    @classmethod
    def of(cls, pid: int) -> "Process":
        """Returns the process that has this id now; if there is none, a process that is not alive."""
        seen = _seen(pid)
        return cls(pid, seen[0] if seen else "")

    def alive(self) -> bool:
        """Whether it still runs."""
        seen = _seen(self.pid)
        return seen is not None and seen == (self.born, True)

    def wait(self, seconds: float) -> int | None:
        """Wait up to `seconds` for a child. Returns its exit status; None if it still runs or is no child."""
        for _ in attempts(seconds, _POLL_SECONDS):
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid:
                return os.waitstatus_to_exitcode(status)
        return None

    def stop(self, patience: float = 2.0) -> None:
        """End it and its whole group: SIGTERM first, SIGKILL after `patience` seconds. Safe to repeat."""
        seen = _seen(self.pid)
        if seen is None or seen[0] != self.born:
            return  # it has ended, and another process may have its id
        _signal(self.pid, signal.SIGTERM)
        self._wait_for_end(patience)
        # This also ends other members of the group: its id is not reused while it has members.
        _signal(self.pid, signal.SIGKILL)
        self._wait_for_end(_KILL_SECONDS)
        self.wait(0)  # releases its id if it is a child

    def _wait_for_end(self, seconds: float) -> None:
        for _ in attempts(seconds, _POLL_SECONDS):
            if not self.alive():
                return


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _seen(pid: int) -> tuple[str, bool] | None:
    """Returns (start time as the system writes it, whether it runs) of a process; None if there is none.

    A zombie has ended, but keeps its id until its parent waits for it. It does not run.
    """
    try:
        # The name (field 2) may contain anything. Field 3 is the state, and field 22 the start time.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _seen_by_ps(pid)
    return fields[19], fields[0] != "Z"


def _seen_by_ps(pid: int) -> tuple[str, bool] | None:
    # For systems without /proc, such as macOS.
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return (shown[1].strip(), not shown[0].startswith("Z")) if len(shown) == 2 else None
