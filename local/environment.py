"""What the processes of the stack find in their environment: only what they need, nobody's credentials."""

import os
from collections.abc import Mapping
from pathlib import Path

from local.errors import LocalError
from local.workspace import PROJECT

REGION = "us-east-1"

# MiniStack's own root credentials: not secret, and worth nothing anywhere else.
ROOT_KEY_ID = "test"
ROOT_KEY = "test"


def bare(scratch: Path) -> dict[str, str]:
    """The least a process needs. Its home is empty, so it finds no AWS configuration of the developer's."""
    return {
        "PATH": _path(),
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def aws(endpoint: str, certificate: Path) -> dict[str, str]:
    """Makes AWS's SDKs and tools talk to the emulated AWS, as its root."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CA_BUNDLE": str(certificate),
        "AWS_ACCESS_KEY_ID": ROOT_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def inherited(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The developer's own environment, for what has to reach a package registry, without anything of AWS."""
    return {name: value for name, value in environ.items() if not name.startswith("AWS_")} | {"PATH": _path()}


def sam() -> dict[str, str]:
    """Settings of the SAM CLI: tell nobody, and look every half second at how a deployment goes."""
    return {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5", "AWS_DEFAULT_REGION": REGION}


def tool(name: str) -> str:
    """A program of `make setup`, each in an environment of its own. Raises LocalError if it is missing."""
    program = PROJECT / ".tools" / name / "bin" / name
    if not program.exists():
        raise LocalError(f"There is no {program}: run `make setup` first.")
    return str(program)


def _path() -> str:
    # `sam build` calls uv, which `make setup` puts here.
    return f"{PROJECT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
