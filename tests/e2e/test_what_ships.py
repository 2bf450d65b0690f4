"""What leaves this machine, and what must not."""

import csv
import json
from pathlib import Path

from local.observer import Observer
from local.stack import Stack
from local.workspace import PROJECT, SHARED
from tests.e2e.polling import until

_BUILT = SHARED / "sam" / "build"


def test_the_package_is_small(stack: Stack) -> None:
    """15 MB zipped at most, as deployed; both functions are the same package."""
    sizes = {
        stack.functions.get_function_configuration(FunctionName=stack.outputs[name])["CodeSize"]
        for name in ("SubmitPurgeFunction", "CheckPurgesFunction")
    }
    assert len(sizes) == 1
    assert 0 < sizes.pop() < 15_000_000


def test_the_package_holds_the_functions_and_their_dependencies_only(stack: Stack) -> None:
    """Every file is one of functions/, or is listed by a dependency as its own."""
    assert stack.outputs
    [package] = [folder for folder in _BUILT.iterdir() if folder.is_dir()]
    ours = {
        path.relative_to(PROJECT / "functions")
        for path in (PROJECT / "functions").rglob("*")
        if path.is_file()
    }
    theirs = {
        (package / row[0]).resolve().relative_to(package)
        for record in package.glob("*.dist-info/RECORD")
        for row in csv.reader(record.read_text().splitlines())
        # Scripts are listed relative to an environment's library.
        if not row[0].startswith("..")
    }
    found = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    # uv leaves the dependencies' scripts and an empty lock file.
    left_by_uv = {path for path in found if path.parts[0] == "bin" or path.name == ".lock"}
    assert found - ours - theirs - left_by_uv == set()
    assert not any(path.parts[0] in ("boto3", "botocore") for path in found)


def test_the_private_key_stands_in_no_file_and_no_log(stack: Stack) -> None:
    """It is in the secret and in memory: not in logs, unpacked packages, state or execution histories."""
    for body in (b"1", b"2"):  # the first is new, which nobody can have seen
        stack.s3.put_object(Bucket=stack.bucket, Key="secret/a.jpg", Body=body)
    url = f"{stack.url('secret/a.jpg')}*"
    until(
        lambda: [each.purge.url for each in Observer(stack).followed().values() if each.completed_at],
        "a purge made and followed with the key",
        lambda completed: url in completed,
    )
    secret = stack.secrets.get_secret_value(SecretId=stack.outputs["ImageKitSecretArn"])["SecretString"]
    key = json.loads(secret)["private_key"].encode()
    assert [path for path in stack.workspace.home.rglob("*") if key in _content(path)] == []
    machine = stack.outputs["TrackPurgesArn"]
    pages = stack.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    for execution in (each for page in pages for each in page["executions"]):
        history = stack.states.get_execution_history(executionArn=execution["executionArn"])
        assert key not in json.dumps(history["events"], default=str).encode()


def _content(path: Path) -> bytes:
    """What is in a file; nothing in what is none, or not there any more: functions come and go."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""
