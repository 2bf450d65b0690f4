"""`python -m ops`: its commands have help, and it does not need the embedded stack."""

import subprocess
import sys

import pytest

from local.workspace import PROJECT
from ops import __main__ as command
from ops.bucket_name import bucket_name

# What ops may share with local: nothing of the embedded stack.
SHARED = {"local", "local.errors", "local.interruption", "local.terminal"}
IMPORTED = "import sys, ops.__main__; print(*(name for name in sys.modules if name.split('.')[0] == 'local'))"


@pytest.mark.parametrize("name", ["status", "explain", "watch", "doctor", "connect", "backfill", "redrive"])
def test_each_command_has_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help has the options, and the exit status is 0."""
    monkeypatch.setattr("sys.argv", ["ops", name, "--help"])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: python -m ops {name} ")
    assert "--profile" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["connect", "../x"],
        ["connect", "s3://my-bucket", "--undo"],
        ["connect", ""],
        ["backfill", "my-bucket/media", "--queue", "u", "--since", "2026-11-22"],
        ["doctor", "--bucket", "arn:aws:s3:::my-bucket"],
    ],
)
def test_what_names_no_bucket_is_refused_by_name(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is asked of AWS, and no file outside of the records' folder is looked at."""
    monkeypatch.setattr("sys.argv", ["ops", *arguments])
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == 2
    assert "is no name of a bucket: write its name alone, e.g. my-bucket" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["my-bucket", "a.b.c", "Old_Bucket", "abc"])
def test_names_of_buckets_are_taken(name: str) -> None:
    """Those of old buckets, too."""
    assert bucket_name(name) == name


def test_nothing_of_the_embedded_stack_is_imported() -> None:
    """The commands act on a real account: they know no emulator and start no process."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and code of this file
        [sys.executable, "-c", IMPORTED], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == SHARED
