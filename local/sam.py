"""The real SAM CLI, building the real package and deploying the real template to the emulated AWS."""

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

# README.md asks for it. The builder python-uv came with 1.156 (aws/aws-sam-cli#8549).
_OLDEST = (1, 170)
# Of a busy machine, and for the build of a slow network, too.
_BUILD_SECONDS = 1800.0
_DEPLOY_SECONDS = 900.0
_VERSION_SECONDS = 300.0
_FOLDER = SHARED / "sam"
_BUILT = _FOLDER / "build"
_STAMP = _FOLDER / "build.stamp"


@contextmanager
def building() -> Iterator[None]:
    """Keeps the built package as it is for the length of a block: one stack builds or deploys at a time."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def built() -> bool:
    """Whether the package on disk is what a build would make."""
    return _STAMP.exists() and _STAMP.read_text() == _fingerprint() and (_BUILT / "template.yaml").exists()


def build(workspace: Workspace, watchdog: Watchdog) -> None:
    """`sam build`. Raises LocalError, also for a SAM CLI that is too old to build this."""
    check_version()
    _STAMP.unlink(missing_ok=True)
    fingerprint = _fingerprint()
    command = ["build", "--config-env", "local", "--build-dir", str(_BUILT)]
    command += ["--cache-dir", str(_FOLDER / "cache")]
    _run(command, environment.inherited(), workspace.logs / "sam-build.log", watchdog, _BUILD_SECONDS)
    _STAMP.write_text(fingerprint)


def check_version() -> None:
    """Raises LocalError if the SAM CLI is older than what this project is built with."""
    asked = subprocess.run(
        [environment.tool("sam"), "--version"],
        env=environment.inherited() | environment.sam(),
        capture_output=True,
        text=True,
        timeout=_VERSION_SECONDS,
        check=False,
    )
    found = re.search(r"version (\d+)\.(\d+)", asked.stdout)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        said = (asked.stdout or asked.stderr).strip()
        raise LocalError(
            f"The SAM CLI must be {_OLDEST[0]}.{_OLDEST[1]} or later: {said!r}. Run `make setup`."
        )


def deploy(stack: Stack, parameters: Mapping[str, str], watchdog: Watchdog) -> dict[str, str]:
    """`sam deploy` of what was built; the outputs. Parameters not given keep their values.

    Raises LocalError.
    """
    # With a template elsewhere, SAM would look for its configuration there too.
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
    """Everything that `sam build` reads, pyproject.toml for its settings of uv."""
    code = [path for path in (PROJECT / "functions").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return sorted(
        [*code, *(PROJECT / name for name in ("template.yaml", "samconfig.toml", "pyproject.toml"))]
    )
