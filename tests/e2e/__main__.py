"""``python -m tests.e2e``: repeats the end-to-end tests, with a busy loop on each core if requested.

A wait that relies on a fast machine fails only on a slow one.
"""

# ruff: noqa: T201 - a command-line tool prints

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from local import interruption
from local.processes import Process
from local.watchdog import Watchdog
from local.workspace import PROJECT, SHARED

# In seconds. A run that takes longer hangs: on a busy machine a good run takes a tenth of this time.
_RUN_SECONDS, _TEARDOWN_SECONDS = 2400.0, 120.0


def main() -> int:
    """Runs the tests. Returns 0 if every run passed, 1 if not, and 128 + n on signal n."""
    options = _parser().parse_args()
    interruption.listen()
    try:
        failed = _run_all(options)
    except interruption.Interrupted as interrupted:
        print(f"Ended by {interrupted}.", flush=True)
        return interrupted.exit_status
    print(f"{options.runs - failed} of {options.runs} runs passed.", flush=True)
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e", description=__doc__)
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="number of runs (1)")
    parser.add_argument("--load", action="store_true", help="run a busy loop on each core meanwhile")
    parser.add_argument(
        "--logs",
        type=Path,
        default=SHARED / "e2e-runs",
        metavar="FOLDER",
        help="folder for the output of each run",
    )
    parser.add_argument(
        "pytest", nargs="*", metavar="ARGUMENT", help="arguments for pytest, after --, as in: -- -k demo"
    )
    return parser


def _run_all(options: argparse.Namespace) -> int:
    """Runs the tests as often as requested. Returns how many runs failed."""
    options.logs.mkdir(parents=True, exist_ok=True)
    failed = 0
    with Watchdog() as watchdog:  # stops everything at its end, or if this process is killed
        if options.load:
            loops = [_busy_loop(watchdog) for _ in range(os.cpu_count() or 1)]
            print("Busy loops:", *(loop.pid for loop in loops), flush=True)
        for number in range(1, options.runs + 1):
            log = options.logs / f"{number:02}.log"
            start = time.monotonic()
            passed = _run_once(log, options.pytest, watchdog)
            word, seconds = "passed" if passed else "FAILED", time.monotonic() - start
            print(f"Run {number} of {options.runs}: {word} in {seconds:.0f} s", flush=True)
            if not passed:
                failed += 1
                _report_failures(log)
    return failed


def _busy_loop(watchdog: Watchdog) -> Process:
    command = [sys.executable, "-c", "while True: pass"]
    return watchdog.guard(Process.start(command, env={}, log=Path(os.devnull), folder=PROJECT))


def _run_once(log: Path, arguments: list[str], watchdog: Watchdog) -> bool:
    command = [sys.executable, "-m", "pytest", "tests/e2e", "--numprocesses=2", "--durations=20", *arguments]
    process = watchdog.guard(Process.start(command, env=os.environ, log=log, folder=PROJECT))
    try:
        return process.wait(_RUN_SECONDS) == 0
    finally:
        if process.alive():  # SIGINT also makes it stop its embedded stack
            os.kill(process.pid, signal.SIGINT)
            process.wait(_TEARDOWN_SECONDS)
            process.stop()


def _report_failures(log: Path) -> None:
    """Prints which tests failed, and where the whole log is."""
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            print(f"  {line}", flush=True)
    print(f"  The whole log: {log}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
