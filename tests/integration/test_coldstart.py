"""The measurement of cold starts: the built functions work in AWS's own runtime loop."""

import json
import sys

import pytest

from benchmarks.coldstart import __main__ as coldstart
from benchmarks.coldstart import runtime


@pytest.mark.skipif(sys.platform != "linux", reason="AWS's runtime interface emulator runs on Linux only")
def test_one_run_measures_every_handler(capsys: pytest.CaptureFixture[str]) -> None:
    """Each handler answers its first event rightly, and has all its numbers. No time is asserted."""
    assert coldstart.main(["--runs", "1", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    handlers = {row["handler"]: row for row in rows if "handler" in row}
    ours = ["SubmitPurge, a change", "SubmitPurge, a tick", "CheckPurges"]
    compiled = [f"{name}, with bytecode" for name in ours]
    assert list(handlers) == [*ours, *compiled, "as peers write it", "empty"]
    for row in handlers.values():
        assert row["runs"] == 1
        assert min(row[name] for name in ("init_ms", "first_invoke_ms", "peak_mb")) > 0
    assert handlers["as peers write it"]["init_to_peer"] == 1
    imports = [row["imports"] for row in rows if "imports" in row]
    assert len(imports) == len({"submit_purge", "check_purges", "peer", "empty"})


def test_a_machine_that_cannot_run_the_emulator_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are no numbers then, and the exit status says so."""
    monkeypatch.setattr(runtime.platform, "machine", lambda: "riscv64")
    assert coldstart.main(["--runs", "1"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "riscv64" in shown.err
