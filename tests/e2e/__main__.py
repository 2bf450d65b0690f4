"""``python -m tests.e2e``: the end-to-end tests again and again, beside a busy loop on each core if asked.

A wait that assumes how fast a machine is shows itself only on one that is slower.
"""

# ruff: noqa: T201 - a command-line tool prints

import argparse
import os
import sys
import time
from pathlib import Path

from local import interruption
from local.processes import Process
from local.watchdog import Watchdog
from local.workspace import PROJECT, SHARED

_LOGS = SHARED / "e2e-runs"
# A run that takes longer hangs: on a busy machine it takes a fifth of this.
_RUN_SECONDS = 1800.0


def main() -> int:
    """Run them; 0 if every run passed, 1 if not, 128 + n on signal n."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="how often (1)")
    parser.add_argument("--load", action="store_true", help="keep a busy loop on each core meanwhile")
    parser.add_argument(
        "pytest", nargs="*", metavar="ARGUMENT", help="for pytest, after `--`, as in: -- -k operations"
    )
    options = parser.parse_args()
    interruption.listen()
    try:
        failed = _runs(options.runs, options.pytest, load=options.load)
    except interruption.Interrupted as interrupted:
        print(f"Ended by {interrupted}.", flush=True)
        return interrupted.exit_status
    print(f"{options.runs - failed} of {options.runs} runs passed.", flush=True)
    return 1 if failed else 0


def _runs(count: int, arguments: list[str], *, load: bool) -> int:
    """How many of so many runs failed."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    failed = 0
    with Watchdog() as watchdog:  # which stops everything at its end, and if this process is killed
        if load:
            loops = [_busy_loop(watchdog) for _ in range(os.cpu_count() or 1)]
            print(f"Busy loops: {', '.join(str(loop.pid) for loop in loops)}.", flush=True)
        for number in range(1, count + 1):
            log = _LOGS / f"{number:02}.log"
            start = time.monotonic()
            passed = _run(log, arguments, watchdog)
            seconds = time.monotonic() - start
            print(
                f"Run {number} of {count}: {'passed' if passed else 'FAILED'} in {seconds:.0f} s", flush=True
            )
            if not passed:
                failed += 1
                _tell(log)
    return failed


def _busy_loop(watchdog: Watchdog) -> Process:
    command = [sys.executable, "-c", "while True: pass"]
    return watchdog.guard(Process.start(command, env={}, log=Path(os.devnull), folder=PROJECT))


def _run(log: Path, arguments: list[str], watchdog: Watchdog) -> bool:
    command = [sys.executable, "-m", "pytest", "tests/e2e", "--durations=15", *arguments]
    process = watchdog.guard(Process.start(command, env=os.environ, log=log, folder=PROJECT))
    try:
        return process.wait(_RUN_SECONDS) == 0
    finally:
        process.stop()


def _tell(log: Path) -> None:
    """Which tests failed, and where the whole story is."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            print(f"  {line}", flush=True)
    print(f"  The whole log: {log}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
