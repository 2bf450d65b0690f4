"""The processes of the embedded stack: they end as a group, and end with the process that started them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import LocalError
from local.health import wait
from local.ports import Reservation
from local.processes import Process
from local.workspace import PROJECT, Workspace

# Prints the id of its child. Then both wait, and both ignore SIGTERM.
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(600)
"""
GUARDED = """
import sys, time
from pathlib import Path
from local.processes import Process
from local.watchdog import Watchdog
watchdog = Watchdog()
command = [sys.executable, "-c", "import time; time.sleep(600)"]
process = Process.start(command, env={}, log=Path(sys.argv[1]), folder=Path("/"))
watchdog.guard(process)
if sys.argv[2] == "release":
    watchdog.release()
print(process.pid, process.born, watchdog._process.pid, flush=True)
time.sleep(600)
"""


def _eventually(holds: Callable[[], bool], seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _started(code: str, log: Path) -> Process:
    return Process.start([sys.executable, "-c", code], env={}, log=log, folder=log.parent)


def test_a_stubborn_group_is_ended(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed, and so are its children."""
    log = tmp_path / "log"
    process = _started(STUBBORN, log)
    assert _eventually(lambda: log.read_text().endswith("\n"))
    child = Process.of(int(log.read_text()))
    assert child.alive()
    process.stop(patience=0.2)
    assert not process.alive()
    assert _eventually(lambda: not child.alive())


def test_a_later_process_under_the_same_id_is_left_alone(tmp_path: Path) -> None:
    """The id is not enough: the start time of the process must match too."""
    process = _started("import time; time.sleep(600)", tmp_path / "log")
    Process(process.pid, born="another time").stop()
    assert process.alive()
    process.stop()
    assert not process.alive()
    process.stop()


def test_a_status_is_reported_once_it_is_there(tmp_path: Path) -> None:
    """While the process runs, the status is None."""
    flag = tmp_path / "flag"
    code = f"import os, time\nwhile not os.path.exists({str(flag)!r}): time.sleep(0.02)\nraise SystemExit(3)"
    process = _started(code, tmp_path / "log")
    assert process.wait(0) is None
    flag.touch()
    assert process.wait(60) == 3


@pytest.mark.parametrize(("word", "survives"), [("guard", False), ("release", True)])
def test_the_watchdog_outlives_a_kill(tmp_path: Path, word: str, survives: bool) -> None:
    """A guarded process ends with its starter, even after SIGKILL; a released process keeps running."""
    starter = subprocess.Popen(  # noqa: S603 - this interpreter, and code of this file
        [sys.executable, "-c", GUARDED, str(tmp_path / "log"), word],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout
        pid, born, watchdog_pid = starter.stdout.readline().split()
        process, watchdog = Process(int(pid), born), Process.of(int(watchdog_pid))
        assert process.alive()
        os.kill(starter.pid, signal.SIGKILL)
    assert _eventually(lambda: not watchdog.alive())
    assert process.alive() == survives
    process.stop()
    assert not process.alive()


@pytest.mark.parametrize("option", [0, 1])
def test_a_reserved_port_is_free_once_released(option: int) -> None:
    """No other socket can bind it before, with or without SO_REUSEADDR."""
    with Reservation() as reserved, socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, option)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", reserved.port))
        other.bind(("127.0.0.1", reserved.release()))


def test_a_reserved_port_is_outside_the_range_of_the_system() -> None:
    """The system must not give it to a connection before a process listens there."""
    for _ in range(50):
        with Reservation() as reserved:
            assert reserved.port < 32_768  # where Linux begins; macOS begins later


def test_a_failed_start_names_the_log_and_shows_its_end(tmp_path: Path) -> None:
    """The message shows the reason."""
    log = tmp_path / "log"
    process = _started("raise SystemExit('no such bucket')", log)
    with pytest.raises(LocalError, match="ended while it was starting") as raised:
        wait("The emulator", process, "http://127.0.0.1:1/health", log, seconds=60)
    assert "no such bucket" in str(raised.value)
    assert str(log) in str(raised.value)


def test_an_unreadable_state_counts_as_none(tmp_path: Path) -> None:
    """A damaged file does not prevent the next start."""
    workspace = Workspace(tmp_path)
    assert workspace.load_state() is None
    (tmp_path / "state.json").write_text("{")
    assert workspace.load_state() is None
    workspace.save_state({"endpoint": "https://127.0.0.1:1"})
    assert workspace.load_state() == {"endpoint": "https://127.0.0.1:1"}
    workspace.remove_state()
    assert workspace.load_state() is None
