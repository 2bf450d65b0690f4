"""Starts the emulated AWS: MiniStack over TLS, which enforces IAM and resource policies."""

from pathlib import Path

from local import environment, health
from local.processes import Process
from local.watchdog import Watchdog
from local.workspace import PROJECT, Workspace

_SERVICES = (
    "cloudformation",
    "dynamodb",
    "events",
    "iam",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "scheduler",
    "secretsmanager",
    "sns",
    "sqs",
    "states",
    "sts",
)
_APPLICATION = PROJECT / "local" / "aws" / "app.py"
_START_SECONDS = 300.0  # a busy machine is slow


def start(
    workspace: Workspace, port: int, certificate: tuple[Path, Path], watchdog: Watchdog, *, wait_scale: float
) -> Process:
    """Start it, and wait until it answers. Raises LocalError if it does not.

    A wait of a state machine takes `wait_scale` times as long as its definition says.
    """
    certificate_file, key_file = certificate
    log = workspace.logs / "ministack.log"
    env = environment.bare(workspace.scratch) | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificate_file),
        "MINISTACK_SSL_KEY": str(key_file),
        # For the functions: MiniStack starts them, and they call it over TLS.
        "AWS_CA_BUNDLE": str(certificate_file),
        "SERVICES": ",".join(_SERVICES),
        "SFN_WAIT_SCALE": str(wait_scale),
        "LAMBDA_EXECUTOR": "local",
        "PERSIST_STATE": "0",
        "STATE_DIR": str(workspace.scratch / "state"),
        "LOG_LEVEL": "INFO",
    }
    process = watchdog.guard(
        Process.start(_command(port, certificate_file, key_file), env=env, log=log, folder=workspace.scratch)
    )
    health.wait(
        "MiniStack",
        process,
        f"https://127.0.0.1:{port}/_ministack/health",
        log,
        seconds=_START_SECONDS,
        certificate=certificate_file,
    )
    return process


def _command(port: int, certificate: Path, key: Path) -> list[str]:
    """Returns a command that starts MiniStack with Hypercorn, as MiniStack's own image does.

    The command `ministack` would also listen on port 443 if it may. Others may need that port, and the second
    of two stacks would end with "Address already in use".
    """
    return [
        str(Path(environment.tool("ministack")).with_name("hypercorn")),
        f"{_APPLICATION}:app",
        *("--bind", f"127.0.0.1:{port}"),
        *("--certfile", str(certificate)),
        *("--keyfile", str(key)),
        *("--workers", "0"),  # only the process itself
        *("--keep-alive", "75"),
        *("--log-level", "INFO"),
    ]
