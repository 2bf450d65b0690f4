"""`python -m local env`: what a shell needs to use the emulated AWS of the running stack."""

import subprocess
from pathlib import Path

import pytest

from local import __main__ as command
from local.stack import Stack
from local.workspace import Workspace


@pytest.fixture(autouse=True)
def no_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signals stay with pytest."""
    monkeypatch.setattr("local.interruption.listen", lambda: None)


def test_a_shell_can_evaluate_what_it_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Also if the project lies in a folder with a blank in its name."""
    certificate = tmp_path / "my folder" / "server.crt"
    stack = Stack("https://127.0.0.1:1", "http://127.0.0.1:2", certificate, Workspace(tmp_path))
    monkeypatch.setattr(command.session, "running", lambda: stack)
    monkeypatch.setattr("sys.argv", ["local", "env"])
    assert command.main() == 0
    script = capsys.readouterr().out + 'printf "%s %s" "$AWS_ENDPOINT_URL" "$AWS_CA_BUNDLE"'
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)  # noqa: S603 - what the command printed
    assert done.stdout == f"https://127.0.0.1:1 {certificate}"


def test_without_a_stack_it_says_how_to_start_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the error output, so that a shell evaluates nothing."""
    monkeypatch.setattr(command.session, "running", lambda: None)
    monkeypatch.setattr("sys.argv", ["local", "env"])
    assert command.main() == 2
    printed = capsys.readouterr()
    assert (printed.out, "make up" in printed.err) == ("", True)
