"""The package that is deployed, and the private key that must not be in it."""

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path

from local.observer import Observer
from local.stack import Stack
from local.workspace import PROJECT, SHARED
from tests.e2e.polling import until

_BUILT = SHARED / "sam" / "build"


def test_the_package_is_small(stack: Stack) -> None:
    """Both functions use the same package, of at most 15 MB zipped."""
    sizes = {
        stack.functions.get_function_configuration(FunctionName=stack.outputs[name])["CodeSize"]
        for name in ("SubmitPurgeFunction", "CheckPurgesFunction")
    }
    assert len(sizes) == 1
    assert 0 < sizes.pop() < 15_000_000


def test_the_package_holds_only_the_functions_and_their_dependencies(stack: Stack) -> None:
    """Every file is from functions/, or a dependency lists it as its own."""
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
        # A dependency lists its scripts relative to the library folder of an environment.
        if not row[0].startswith("..")
    }
    found = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    # uv leaves the dependencies' scripts and an empty lock file.
    left_by_uv = {path for path in found if path.parts[0] == "bin" or path.name == ".lock"}
    assert found - ours - theirs - left_by_uv == set()
    assert not any(path.parts[0] in ("boto3", "botocore") for path in found)


def test_the_private_key_is_in_no_file_and_no_log(stack: Stack) -> None:
    """The key is not in logs, unpacked packages, state or execution histories."""
    for body in (b"1", b"2"):  # the first put makes a new object, which needs no purge
        stack.s3.put_object(Bucket=stack.bucket, Key="secret/a.jpg", Body=body)
    url = f"{stack.url('secret/a.jpg')}*"
    until(
        lambda: [each.purge.url for each in Observer(stack).ledger_purges().values() if each.completed_at],
        "a purge made and followed with the key",
        lambda completed: url in completed,
    )
    secret = stack.secrets.get_secret_value(SecretId=stack.outputs["ImageKitSecretArn"])["SecretString"]
    key = json.loads(secret)["private_key"].encode()
    assert [path for path in _files(stack.workspace.home) if key in _content(path)] == []
    machine = stack.outputs["TrackPurgesArn"]
    pages = stack.states.get_paginator("list_executions").paginate(stateMachineArn=machine)
    for execution in (each for page in pages for each in page["executions"]):
        history = stack.states.get_execution_history(executionArn=execution["executionArn"])
        assert key not in json.dumps(history["events"], default=str).encode()


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder. The folders of functions that end meanwhile are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def _content(path: Path) -> bytes:
    """Returns the content of a file; empty if it is no file, or was deleted with its function."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        return b""
