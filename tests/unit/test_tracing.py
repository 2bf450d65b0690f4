"""Traces are Lambda's and Step Functions' own: no library of X-Ray's ships, which is in maintenance."""

import json
import subprocess
import sys

import pytest

from tests.unit.cloudformation import PROJECT, load
from tests.unit.deployment import Deployment


def test_the_functions_import_no_library_for_traces() -> None:
    """X-Ray's took a quarter of the time that importing submit_purge takes, at each cold start."""
    code = "import sys, submit_purge, check_purges; print(*sys.modules)"
    done = subprocess.run(  # noqa: S603 - the line above
        [sys.executable, "-c", code], cwd=PROJECT / "functions", capture_output=True, text=True, check=True
    )
    assert not {"aws_xray_sdk", "wrapt"} & set(done.stdout.split())
    assert "xray" not in (PROJECT / "functions" / "requirements.txt").read_text()


@pytest.mark.parametrize(("tracing", "traced"), [("PassThrough", False), ("Active", True)])
def test_lambda_and_step_functions_trace_themselves_if_asked_to(tracing: str, *, traced: bool) -> None:
    """Only then may their roles do so. It is off by default, since it can be a fifth of the bill."""
    deployed = Deployment({"Tracing": tracing})
    assert deployed.evaluated({"Mode": load()["Globals"]["Function"]["Tracing"]}) == {"Mode": tracing}
    assert deployed.properties("TrackPurges")["Tracing"] == {"Enabled": traced}
    for role in ("SubmitPurgeRole", "CheckPurgesRole", "TrackPurgesRole"):
        assert ("xray:PutTraceSegments" in json.dumps(deployed.properties(role))) is traced
    assert load()["Parameters"]["Tracing"]["Default"] == "PassThrough"
