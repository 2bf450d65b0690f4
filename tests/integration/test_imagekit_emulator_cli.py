"""``python -m local.imagekit`` as a process: ready line, refusals, exit status."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).parents[2]
KEY = "private_do_not_show"
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "IMAGEKIT_"))
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "local.imagekit", *arguments]


def refused(*arguments: str, key: str | None = KEY) -> str:
    environment = ENVIRONMENT | ({"IMAGEKIT_PRIVATE_KEY": key} if key else {})
    done = subprocess.run(  # noqa: S603 # our own command
        command(*arguments),
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert KEY not in done.stderr
    return done.stderr


@contextmanager
def running(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    process = subprocess.Popen(  # noqa: S603 # our own command
        command(*arguments),
        cwd=ROOT,
        env=ENVIRONMENT | {"IMAGEKIT_PRIVATE_KEY": KEY, "AWS_DEFAULT_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ImageKit emulator ready on http://127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_runs_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    """It prints a ready line, writes the port file, exits with 0, and never prints the key."""
    port_file = tmp_path / "port"
    with running("--port-file", str(port_file), "--origin", "demo=photos", "--delay", "0") as (process, url):
        assert port_file.read_text() == url.rpartition(":")[2] + "\n"
        with requests.Session() as session:  # kept open: an idle client must not hold up the end
            body = {"url": f"{url}/demo/a.jpg"}
            answer = session.post(f"{url}/v1/files/purge", json=body, auth=(KEY, ""), timeout=60)
            assert answer.status_code == 201
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert KEY not in out


def test_settings_reach_the_emulator() -> None:
    """The emulator uses every number of the command line."""
    numbers = {"quota": 7, "delay": 1.5, "writeRate": 2.5, "writeBurst": 3, "readRate": 8.5, "readBurst": 9}
    options = [
        "--quota=7",
        "--delay=1.5",
        "--write-rate=2.5",
        "--write-burst=3",
        "--read-rate=8.5",
        "--read-burst=9",
    ]
    with running(*options, "--quota-answer=403", "--no-quota-headers") as (_, url):
        state = requests.get(f"{url}/_control/state", timeout=60).json()
    assert state["settings"] == numbers | {"quotaAnswer": 403, "quotaHeaders": False}


def test_refuses_senseless_options() -> None:
    """It exits with 2 and one line that names option and value. Each rule has its unit test."""
    assert "--write-rate is 0" in refused("--write-rate", "0")


def test_refuses_to_run_without_a_key() -> None:
    """Without a key no client could purge."""
    assert "IMAGEKIT_PRIVATE_KEY" in refused(key=None)


def test_refuses_a_port_in_use() -> None:
    """The message names the port and the remedy."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refused("--port", str(port))


def test_refuses_a_port_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Without a port file there is no ready line."""
    (tmp_path / "port").mkdir()
    assert "--port-file" in refused("--port-file", str(tmp_path / "port"))


def test_help_has_an_example() -> None:
    """--help is the documentation: it shows the control endpoints and commands to copy."""
    done = subprocess.run(  # noqa: S603 # our own command
        command("--help"), cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert "/_control/faults" in done.stdout
    assert "--origin demo=" in done.stdout
