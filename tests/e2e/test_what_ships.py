"""What leaves this machine, and what must not."""

import csv
import json

from local.stack import Stack
from local.workspace import PROJECT, SHARED

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
    stack.s3.put_object(Bucket=stack.bucket, Key="secret/a.jpg", Body=b"1")
    secret = stack.secrets.get_secret_value(SecretId=stack.outputs["ImageKitSecretArn"])["SecretString"]
    key = json.loads(secret)["private_key"].encode()
    for path in stack.workspace.home.rglob("*"):
        assert not path.is_file() or key not in path.read_bytes(), path
    machine = stack.outputs["TrackPurgesArn"]
    for execution in stack.states.list_executions(stateMachineArn=machine)["executions"]:
        history = stack.states.get_execution_history(executionArn=execution["executionArn"])
        assert key not in json.dumps(history["events"], default=str).encode()
