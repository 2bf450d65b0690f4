"""The machine and the versions that figures were measured with."""

import os
import platform
import re
import time
from datetime import UTC, datetime

from local.workspace import PROJECT

_STEPS, _RUNS = 1_000_000, 5

_PACKAGES = {
    "dev": ("aws-lambda-powertools", "boto3", "botocore", "requests", "awslambdaric"),
    "ministack": ("ministack",),
    "sam": ("aws-sam-cli",),
}
"""The main packages, by the file of requirements/ that pins them."""


def facts() -> dict[str, str]:
    """Facts about the machine now, by their names. It takes about a second of processor time."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "Python": platform.python_version(),
        "load before the run": _load(),
        "CPU reference": f"{_reference_ms():.0f} ms for a loop of {_STEPS:,} steps in Python",
        "packages": ", ".join(_versions()),
    }


def _load() -> str:
    """Other work slows a run down, so a reader must know of it."""
    minute, _, quarter = os.getloadavg()
    beside = "; other work ran beside" if minute > 0.5 else ""
    return f"{minute:.1f} in a minute, {quarter:.1f} in 15 minutes{beside}"


def _reference_ms() -> float:
    """The processor time of a fixed loop: figures of two machines differ about as much as this one."""
    times = []
    for _ in range(_RUNS):
        started = time.process_time()
        total = 0
        for number in range(_STEPS):
            total += number & 7
        times.append(time.process_time() - started)
    return min(times) * 1000


def _versions() -> list[str]:
    found = []
    for file, names in _PACKAGES.items():
        pins = (PROJECT / "requirements" / f"{file}.txt").read_text()
        pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", pins, re.MULTILINE))
        found += [f"{name} {pinned[name]}" for name in names]
    return found
