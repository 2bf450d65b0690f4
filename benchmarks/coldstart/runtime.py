"""A cold start in AWS's runtime interface emulator, which `make setup` installs as a part of the SAM CLI.

The emulator starts the runtime, a new Python process, when the first event comes. Its log has the
milliseconds of both phases: https://github.com/aws/aws-lambda-runtime-interface-emulator
Its own `Init Duration` ends before the runtime has started (issue 106 there), and its `Max Memory Used` is
the function's memory. So the first comes from the line INIT REPORT, and the second from the operating system.
"""

import json
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from local.errors import LocalError
from local.polling import attempts
from local.ports import Reservation
from local.processes import Process
from local.watchdog import Watchdog
from local.workspace import PROJECT

_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_RAPID = "lib/python*/site-packages/samcli/local/rapid"
_PATH = "2015-03-31/functions/function/invocations"
_MEMORY_MB = 512  # as template.yaml has it; the emulator does not enforce it
_SECONDS = 120  # for the whole cold start: a busy machine is slow
_INIT = re.compile(rb"INIT REPORT\(durationMs: ([0-9.]+)\)")
_INVOKE = re.compile(rb"INVOKE RTDONE\(status: success, produced bytes: \d+, duration: ([0-9.]+)ms\)")


@dataclass(frozen=True, slots=True)
class ColdStart:
    """A new process that answered one event: milliseconds until the handler was imported, milliseconds of the
    invocation, the most megabytes of the process, and the answer."""

    init_ms: float
    invoke_ms: float
    peak_mb: float
    answer: Any


def emulator(folder: Path) -> Path:
    """Copy the emulator to a folder, so that it can be executed. Raises LocalError if it cannot run here."""
    machine = _MACHINES.get(platform.machine().lower())
    if sys.platform != "linux" or machine is None:
        raise LocalError(
            "AWS's runtime interface emulator runs on Linux only, on x86-64 and arm64. This machine is "
            f"{sys.platform} on {platform.machine()}, so cold starts cannot be measured here."
        )
    found = list((PROJECT / ".tools" / "sam").glob(f"{_RAPID}/aws-lambda-rie-{machine}"))
    if not found:
        raise LocalError(
            f"The SAM CLI in .tools/sam has no aws-lambda-rie-{machine}: run `make setup` first."
        )
    program = folder / "aws-lambda-rie"
    shutil.copyfile(found[0], program)
    program.chmod(0o700)
    return program


def cold_start(
    program: Path,
    package: Path,
    handler: str,
    event: Mapping[str, Any],
    *,
    env: Mapping[str, str],
    log: Path,
    watchdog: Watchdog,
) -> ColdStart:
    """Give a new process its first event. `package` is the function's code. Raises LocalError if it fails."""
    with Reservation() as front, Reservation() as api:
        command = [
            str(program),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{front.release()}"),
            *("--runtime-api-address", f"127.0.0.1:{api.release()}"),
            *(sys.executable, "-m", "awslambdaric", handler),
        ]
        process = watchdog.guard(
            Process.start(command, env=_lambda(package) | dict(env), log=log, folder=package)
        )
    try:
        answer = _first_answer(process, front.port, event, log)
        peak = _peak_megabytes(process.pid, log)
    finally:
        process.stop()
    return ColdStart(_milliseconds(_INIT, log), _milliseconds(_INVOKE, log), peak, answer)


def _lambda(package: Path) -> dict[str, str]:
    """What Lambda itself sets: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": "coldstart",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(_MEMORY_MB),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(_SECONDS),
        "LAMBDA_TASK_ROOT": str(package),
        "TZ": ":UTC",
        # The folder of the code is read-only in Lambda: no start leaves bytecode to the next one.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _first_answer(process: Process, port: int, event: Mapping[str, Any], log: Path) -> Any:
    with requests.Session() as session:
        session.trust_env = False  # no proxy for loopback addresses
        for _ in attempts(_SECONDS, 0.01):
            if not process.alive():
                break
            try:
                answer = session.post(
                    f"http://127.0.0.1:{port}/{_PATH}", data=json.dumps(event), timeout=_SECONDS
                )
            except requests.ConnectionError:
                continue  # it does not listen yet
            return answer.json()
    raise LocalError("The runtime interface emulator did not answer, so nothing was measured.", log)


def _milliseconds(line: re.Pattern[bytes], log: Path) -> float:
    """The time that the only such line reports: a second start in the same process would be no cold start."""
    found = line.findall(log.read_bytes())
    if len(found) != 1:
        raise LocalError(f"{len(found)} lines of the emulator instead of one match {line.pattern!r}.", log)
    return float(found[0])


def _peak_megabytes(emulator_pid: int, log: Path) -> float:
    """The most memory of the runtime, which is the only child of the emulator."""
    threads = Path(f"/proc/{emulator_pid}/task").iterdir()
    children = [pid for thread in threads for pid in (thread / "children").read_text().split()]
    if len(children) != 1:
        raise LocalError(f"The emulator has {len(children)} children instead of one runtime.", log)
    status = Path(f"/proc/{children[0]}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    if found is None:
        raise LocalError("The operating system does not tell the memory of the runtime (VmHWM).")
    return int(found[1]) * 1024 / 1e6
