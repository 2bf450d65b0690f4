"""Traces are Lambda's and Step Functions' own: no library of X-Ray's ships, which is in maintenance."""

import subprocess
import sys

from tests.unit.cloudformation import PROJECT, load


def test_the_functions_import_no_library_for_traces() -> None:
    """X-Ray's took a quarter of the time that importing submit_purge takes, at each cold start."""
    code = "import sys, submit_purge, check_purges; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - the line above
        [sys.executable, "-c", code], cwd=PROJECT / "functions", capture_output=True, text=True, check=True
    )
    assert not {"aws_xray_sdk", "wrapt"} & set(done.stdout.split())
    assert "xray" not in (PROJECT / "functions" / "requirements.txt").read_text()


def test_lambda_and_step_functions_trace_themselves() -> None:
    """For that the roles need their permissions, and nothing else does."""
    template = load()
    assert template["Globals"]["Function"]["Tracing"] == "Active"
    assert template["Resources"]["TrackPurges"]["Properties"]["Tracing"] == {"Enabled": True}
