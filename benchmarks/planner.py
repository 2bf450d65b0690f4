"""Time and peak memory of the planner, and how they grow with the number of keys.

Every row is measured in a process of its own, so each has its own peak. A run of 1,000,000 keys takes some
seconds. Keys, changes and plans are the same on every machine. Wildcards follow ImageKit's rule.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.keys import split
from benchmarks.memory import peak_megabytes
from purging.cover import cover
from purging.urls import encode, wildcard_allowed

SHARES = {"dense": 0.5, "sparse": 0.001, "all": 1.0}
"""The share of the keys that changed. Keys are picked at random: this is the hardest case, since few whole
folders change."""

# A busy machine slows many runs in a row. So a small size needs many runs, of which one is fast.
_AT_LEAST_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns 0 if every row could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default="1000,10000,100000,1000000", help="keys in all")
    parser.add_argument(
        "--changes", type=_shares, default="dense,sparse", help="of: dense (50 %%), sparse (0.1 %%), all"
    )
    parser.add_argument("--price", type=float, default=1.0, help="needless evictions a purge (default: 1)")
    parser.add_argument("--runs", type=_positive, default=5, help="least runs a row; the fastest counts")
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the table")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.price >= 0:
        parser.error(f"--price {options.price} is no number from 0 to infinity")
    if options.here:
        print(json.dumps(measure(options.sizes[0], options.changes[0], options.price, options.runs)))
        return 0
    rows = []
    for row in _rows(options.sizes, options.changes, options.price, options.runs):
        rows.append(row)
        if options.json:
            print(json.dumps(row), flush=True)
        elif sys.stderr.isatty():
            print(f"{row['keys']:,} keys, {row['changes']}: {row['seconds']} s", file=sys.stderr)
    if not options.json:
        _print_table(rows)
    return 0


def measure(size: int, changes: str, price: float, runs: int) -> dict[str, Any]:
    """One row, measured in this process: the seconds of the fastest run, and the peak megabytes of all runs.

    Seconds are processor time. On an idle machine that is also real time, since `cover` never waits.
    """
    changed, unchanged = split(size, SHARES[changes])
    asked = 0

    def allowed(prefix: str) -> bool:
        nonlocal asked
        asked += 1
        return wildcard_allowed("/" + encode(prefix))

    gc.collect()
    before = peak_megabytes()
    seconds: list[float] = []
    while len(seconds) < runs or sum(seconds) < _AT_LEAST_SECONDS:
        plan, asked = [], 0
        started = time.process_time()
        plan = cover(changed, unchanged, price, allowed)
        seconds.append(time.process_time() - started)
    peak = peak_megabytes()
    return {
        "keys": size,
        "changes": changes,
        "price": price,
        "changed": len(changed),
        "purges": len(plan),
        "collateral": sum(purge.collateral for purge in plan),
        "rule_asked": asked,
        "seconds": round(min(seconds), 4),
        "peak_mb": round(peak, 1),
        "cover_mb": round(peak - before, 1),
    }


def _rows(sizes: list[int], changes: list[str], price: float, runs: int) -> Iterator[dict[str, Any]]:
    """Each row with its growth, which is the factor to the seconds of the next smaller size."""
    for change in changes:
        smaller: dict[str, Any] | None = None
        for size in sizes:
            command = [sys.executable, "-m", "benchmarks.planner", "--here", "--sizes", str(size)]
            command += ["--changes", change, "--price", repr(price), "--runs", str(runs)]
            finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            row: dict[str, Any] = json.loads(finished.stdout)
            row["growth"] = smaller and smaller["seconds"] and round(row["seconds"] / smaller["seconds"], 1)
            yield row
            smaller = row


def _print_table(rows: list[dict[str, Any]]) -> None:
    # Imported here, because a process inherits the peak of its parent, and rich takes more memory than cover.
    from rich.box import SIMPLE  # noqa: PLC0415 - the measured subprocesses go without rich
    from rich.console import Console  # noqa: PLC0415 - likewise
    from rich.table import Table  # noqa: PLC0415 - likewise

    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "changes": lambda row: row["changes"],
        "keys": lambda row: f"{row['keys']:,}",
        "changed": lambda row: f"{row['changed']:,}",
        "purges": lambda row: f"{row['purges']:,}",
        "seconds": lambda row: f"{row['seconds']:.4f}",
        "growth": lambda row: f"{row['growth']}×" if row["growth"] else "",
        "peak MB": lambda row: f"{row['peak_mb']:.0f}",
        "cover MB": lambda row: f"{row['cover_mb']:.1f}",
    }
    table = Table(
        title=f"cover at price {rows[0]['price']:g}", box=SIMPLE, collapse_padding=True, pad_edge=False
    )
    for name in columns:
        table.add_column(name, no_wrap=True, justify="left" if name == "changes" else "right")
    for row in rows:
        table.add_row(*(show(row) for show in columns.values()), end_section=row["keys"] == rows[-1]["keys"])
    Console().print(table)


def _sizes(text: str) -> list[int]:
    return sorted({_positive(part) for part in text.split(",")})


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _shares(text: str) -> list[str]:
    for name in (names := text.split(",")):
        if name not in SHARES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SHARES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
