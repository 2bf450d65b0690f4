"""Starts the emulated ImageKit as a process: its API, and its CDN edge in front of the origin bucket."""

import sys

from local import environment, health
from local.options import Options
from local.ports import Reservation
from local.processes import Process
from local.stack import Stack
from local.watchdog import Watchdog
from local.workspace import PROJECT

_START_SECONDS = 300.0  # a busy machine is slow


def start(
    stack: Stack, reserved: Reservation, private_key: str, options: Options, watchdog: Watchdog
) -> Process:
    """Start it on the reserved port, and wait until it answers. Raises LocalError if it does not."""
    log = stack.workspace.logs / "imagekit.log"
    # The environment carries the key, because everybody can see a command line.
    env = environment.bare(stack.workspace.scratch) | environment.aws(stack.endpoint, stack.certificate)
    env["IMAGEKIT_PRIVATE_KEY"] = private_key
    command = [
        *(sys.executable, "-m", "local.imagekit"),
        *("--port", str(reserved.release())),
        *("--origin", f"{stack.imagekit_id}={stack.bucket}"),
        *("--s3-endpoint", stack.endpoint),
        *("--delay", str(options.completion_delay)),
        *("--quota", str(options.quota)),
        *options.emulator,
    ]
    process = watchdog.guard(Process.start(command, env=env, log=log, folder=PROJECT))
    health.wait(
        "The ImageKit emulator",
        process,
        f"{stack.imagekit}/_control/health",
        log,
        seconds=_START_SECONDS,
    )
    return process
