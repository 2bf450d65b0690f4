"""Processes of the embedded stack: started in a group of their own, and ended as a whole group."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.05
_KILLED = 30.0  # seconds in which even a busy machine ends what was killed


@dataclass(frozen=True, slots=True)
class Process:
    """A process that leads its own group. `born` tells it from a later process under the same id."""

    pid: int
    born: str

    @classmethod
    def start(
        cls, command: Sequence[str], *, env: Mapping[str, str], log: Path, folder: Path, append: bool = False
    ) -> "Process":
        """Start a command whose output goes to `log`. Ctrl-C at the terminal does not reach it."""
        with log.open("ab" if append else "wb") as output:
            started = subprocess.Popen(
                command,
                env=dict(env),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        # From here on it is known by its id alone, as it is to a later `down`.
        started.returncode = 0
        return cls.of(started.pid)

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process that has this id now; one that never lives if there is none."""
        seen = _seen(pid)
        return cls(pid, seen[0] if seen else "")

    def alive(self) -> bool:
        """Whether it still runs."""
        seen = _seen(self.pid)
        return seen is not None and seen == (self.born, True)

    def wait(self, seconds: float) -> int | None:
        """The exit status of a child that ends within `seconds`; None if it runs on or is no child."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                return None
            if pid:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() >= deadline:
                return None
            time.sleep(_POLL)

    def stop(self, patience: float = 2.0) -> None:
        """End it and its whole group: asked first, forced after `patience` seconds. Safe to repeat."""
        seen = _seen(self.pid)
        if seen is None or seen[0] != self.born:
            return  # it is gone, and its id may be somebody else's by now
        _signal(self.pid, signal.SIGTERM)
        self._wait_for_end(patience)
        # Also what the leader left behind: the id of a group is not given away while it has members.
        _signal(self.pid, signal.SIGKILL)
        self._wait_for_end(_KILLED)
        self.wait(0)  # gives its id back, if it is a child

    def _wait_for_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(_POLL)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _seen(pid: int) -> tuple[str, bool] | None:
    """When a process started, as the system writes it, and whether it runs; None if there is none.

    What has ended and was not waited for yet keeps its id, and does not run.
    """
    try:
        # After the name, which may hold anything, comes the state (field 3); field 22 is the start.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _seen_by_ps(pid)
    return fields[19], fields[0] != "Z"


def _seen_by_ps(pid: int) -> tuple[str, bool] | None:
    # Where there is no /proc, as on macOS.
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return (shown[1].strip(), not shown[0].startswith("Z")) if len(shown) == 2 else None
