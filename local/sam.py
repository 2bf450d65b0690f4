"""Runs the real SAM CLI: it builds the real package and deploys the real template to the emulated AWS."""

import fcntl
import hashlib
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from local import environment
from local.errors import LocalError
from local.processes import Process
from local.stack import Stack
from local.watchdog import Watchdog
from local.workspace import PROJECT, SHARED, Workspace

# README.md requires this version. 1.156 is the first with the builder python-uv:
# https://github.com/aws/aws-sam-cli/pull/8549
_OLDEST = (1, 170)
# For a busy machine; the build may also need a slow network.
_BUILD_SECONDS = 1800.0
_DEPLOY_SECONDS = 900.0
_VERSION_SECONDS = 300.0
_FOLDER = SHARED / "sam"
_BUILT = _FOLDER / "build"
_STAMP = _FOLDER / "build.stamp"


@contextmanager
def building() -> Iterator[None]:
    """In the block, no other stack builds or deploys, so the built package does not change."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def built() -> bool:
    """Whether the package on disk is up to date."""
    return _STAMP.exists() and _STAMP.read_text() == _fingerprint() and (_BUILT / "template.yaml").exists()


def package() -> Path:
    """The built folder with the code of both functions. Raises LocalError if there is none."""
    for handler in _BUILT.glob("*/submit_purge.py"):
        return handler.parent
    raise LocalError(f"There is no built function in {_BUILT}.")


def build(workspace: Workspace, watchdog: Watchdog) -> None:
    """Run `sam build`. Raises LocalError if it fails, or if the SAM CLI is too old."""
    check_version()
    _STAMP.unlink(missing_ok=True)
    fingerprint = _fingerprint()
    command = ["build", "--config-env", "local", "--build-dir", str(_BUILT)]
    command += ["--cache-dir", str(_FOLDER / "cache")]
    _run(command, environment.inherited(), workspace.logs / "sam-build.log", watchdog, _BUILD_SECONDS)
    _STAMP.write_text(fingerprint)


def check_version() -> None:
    """Raises LocalError if the SAM CLI is older than README.md requires."""
    shown = subprocess.run(
        [environment.tool("sam"), "--version"],
        env=environment.inherited() | environment.sam(),
        capture_output=True,
        text=True,
        timeout=_VERSION_SECONDS,
        check=False,
    )
    found = re.search(r"version (\d+)\.(\d+)", shown.stdout)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        said = (shown.stdout or shown.stderr).strip()
        raise LocalError(
            f"The SAM CLI must be {_OLDEST[0]}.{_OLDEST[1]} or later: {said!r}. Run `make setup`."
        )


def deploy(stack: Stack, parameters: Mapping[str, str], watchdog: Watchdog) -> dict[str, str]:
    """Run `sam deploy` for the built package. Returns the outputs of the stack. Raises LocalError.

    A parameter that is not given keeps its value.
    """
    # Without this option SAM would look for its configuration beside the built template.
    command = ["deploy", "--config-env", "local", "--config-file", str(PROJECT / "samconfig.toml")]
    command += ["--template-file", str(_BUILT / "template.yaml"), "--stack-name", stack.name]
    if parameters:
        command += [
            "--parameter-overrides",
            *(f"{name}={_quoted(text)}" for name, text in parameters.items()),
        ]
    env = environment.bare(stack.workspace.scratch) | environment.aws(stack.endpoint, stack.certificate)
    _run(command, env, stack.workspace.logs / f"sam-deploy-{stack.name}.log", watchdog, _DEPLOY_SECONDS)
    described = stack.cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _run(command: list[str], env: dict[str, str], log: Path, watchdog: Watchdog, seconds: float) -> None:
    process = watchdog.guard(
        Process.start(
            [environment.tool("sam"), *command], env=env | environment.sam(), log=log, folder=PROJECT
        )
    )
    try:
        status = process.wait(seconds)
    finally:
        process.stop()
    if status is None:
        raise LocalError(f"`sam {command[0]}` did not end within {seconds:g} seconds.", log)
    if status:
        raise LocalError(f"`sam {command[0]}` failed with exit status {status}.", log)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in _inputs():
        digest.update(f"{path.relative_to(PROJECT)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _inputs() -> list[Path]:
    """Returns all files that `sam build` reads. uv reads its settings from pyproject.toml."""
    code = [path for path in (PROJECT / "functions").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(
        [*code, *(PROJECT / name for name in ("template.yaml", "samconfig.toml", "pyproject.toml"))]
    )
