"""The environments of the stack's processes: only what they need, without the user's credentials."""

import os
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError
from local.workspace import PROJECT

REGION = "us-east-1"

# MiniStack's root credentials. They are not secret, and work nowhere else.
ROOT_KEY_ID = "test"
ROOT_KEY = "test"


def bare(scratch: Path) -> dict[str, str]:
    """Returns the minimal environment. The home folder is empty, so there is no AWS configuration in it."""
    return {
        "PATH": _path(),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def aws(endpoint: str, certificate: Path) -> dict[str, str]:
    """Returns variables that make AWS's SDKs and tools use the emulated AWS, as its root user."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_ACCESS_KEY_ID": ROOT_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the user's environment without AWS variables, for commands that use a package registry."""
    return {name: value for name, value in environ.items() if not name.startswith("AWS_")} | {"PATH": _path()}


def sam() -> dict[str, str]:
    """Returns settings of the SAM CLI: no telemetry, and a check of a deployment every half second."""
    return {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5", "AWS_DEFAULT_REGION": REGION}


def tool(name: str) -> str:
    """Returns the path of a program that `make setup` installs. Raises LocalError if it is missing."""
    program = PROJECT / ".tools" / name / "bin" / name
    if not program.exists():
        raise LocalError(f"There is no {program}: run `make setup` first.")
    return str(program)


def _path() -> str:
    # `sam build` calls uv, which `make setup` installs here.
    return f"{PROJECT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
