"""Time and peak memory of the planner, and how they grow with the number of keys.

The first table is the cover at a price. The second one is the cover for a budget of purges, where 10 % of
the keys changed. Its gap bounds how many evictions fewer another cover could have. Below 1, none has fewer.

Every row is measured in a process of its own, so that a peak is that row's; a run of 1,000,000 keys takes
some seconds. Keys, changes and thus plans are the same on every machine. The rule is ImageKit's own.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from benchmarks.keys import split
from benchmarks.memory import peak_megabytes
from purging.cover import Purge, cover
from purging.planning.budget import Choice, fewest_evictions
from purging.planning.frontier import Frontier
from purging.urls import encode, wildcard_allowed

SHARES = {"dense": 0.5, "sparse": 0.001, "all": 1.0}
"""The share of the keys that changed. Keys are picked at random: this is the hardest case, since few whole
folders change."""

BUDGET_SHARE = 0.1
"""The share of the keys that changed in the second table."""

Result = TypeVar("Result")
Row = dict[str, Any]

# A busy machine slows many runs in a row. A small size needs many runs, so that one of them is fast.
_AT_LEAST_SECONDS = 2.0


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns 0 if every row could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner", description=__doc__)
    parser.add_argument("--sizes", type=_sizes, default="1000,10000,100000,1000000", help="keys in all")
    parser.add_argument(
        "--changes", type=_shares, default="dense,sparse", help="of: dense (50 %%), sparse (0.1 %%), all"
    )
    parser.add_argument("--price", type=float, default=1.0, help="needless evictions a purge (default: 1)")
    parser.add_argument(
        "--budget", type=_positive, default=900, help="purges of the second table (default: 900)"
    )
    parser.add_argument(
        "--budget-sizes", type=_sizes, default="10000,100000,1000000", help="keys in all of the second table"
    )
    parser.add_argument("--runs", type=_positive, default=5, help="least runs a row; the fastest counts")
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the table")
    parser.add_argument("--here", choices=("cover", "budget"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if not options.price >= 0:
        parser.error(f"--price {options.price} is no number from 0 to infinity")
    if options.here == "budget":
        print(json.dumps(measure_budget(options.sizes[0], options.budget, options.runs)))
        return 0
    if options.here == "cover":
        print(json.dumps(measure(options.sizes[0], options.changes[0], options.price, options.runs)))
        return 0
    rows = []
    for change in options.changes:
        arguments = [
            "cover",
            "--changes",
            change,
            "--price",
            repr(options.price),
            "--runs",
            str(options.runs),
        ]
        rows += _reported(_rows(options.sizes, arguments), options.json)
    arguments = ["budget", "--budget", str(options.budget), "--runs", str(options.runs)]
    budget_rows = _reported(_rows(options.budget_sizes, arguments), options.json)
    if not options.json:
        _print_table(f"cover at price {options.price:g}", _COLUMNS, rows)
        _print_table(f"cover for {options.budget:,} purges", _BUDGET_COLUMNS, budget_rows)
    return 0


def measure(size: int, changes: str, price: float, runs: int) -> Row:
    """One row, measured in this process: the seconds of the fastest run, and the peak megabytes of all runs.

    Seconds are processor time. On an idle machine that is also real time, since `cover` never waits.
    """
    changed, unchanged = split(size, SHARES[changes])
    asked = 0

    def allowed(prefix: str) -> bool:
        nonlocal asked
        asked += 1
        return wildcard_allowed("/" + encode(prefix))

    def run() -> list[Purge]:
        nonlocal asked
        asked = 0
        return cover(changed, unchanged, price, allowed)

    plan, seconds, before, peak = _fastest(run, runs)
    return {
        "keys": size,
        "changes": changes,
        "price": price,
        "changed": len(changed),
        "purges": len(plan),
        "collateral": sum(purge.collateral for purge in plan),
        "rule_asked": asked,
        "seconds": round(seconds, 4),
        "peak_mb": round(peak, 1),
        "cover_mb": round(peak - before, 1),
    }


def measure_budget(size: int, budget: int, runs: int) -> Row:
    """One row of the second table, measured like those of the first one."""
    changed, unchanged = split(size, BUDGET_SHARE)

    def allowed(prefix: str) -> bool:
        return wildcard_allowed("/" + encode(prefix))

    def run() -> Choice:
        return fewest_evictions([(Frontier(changed, unchanged, allowed, lambda _: 1), 1)], budget)

    choice, seconds, _, peak = _fastest(run, runs)
    return {
        "what": "budget",
        "keys": size,
        "budget": budget,
        "changed": len(changed),
        "purges": choice.purges,
        "evictions": choice.evicted,
        "bound": round(choice.bound, 2),
        "exact": choice.exact,
        "seconds": round(seconds, 4),
        "peak_mb": round(peak, 1),
    }


def _fastest(run: Callable[[], Result], runs: int) -> tuple[Result, float, float, float]:
    """The result, the seconds of the fastest run, and the peak megabytes before and after all runs."""
    gc.collect()
    before = peak_megabytes()
    seconds: list[float] = []
    while True:
        started = time.process_time()
        result = run()
        seconds.append(time.process_time() - started)
        if len(seconds) >= runs and sum(seconds) >= _AT_LEAST_SECONDS:
            return result, min(seconds), before, peak_megabytes()
        del result  # Otherwise the next one would be in memory beside it.


def _rows(sizes: list[int], arguments: list[str]) -> Iterator[Row]:
    """Each row with its growth, which is the factor to the seconds of the next smaller size."""
    smaller: Row | None = None
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.planner", "--sizes", str(size), "--here", *arguments]
        finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        row: Row = json.loads(finished.stdout)
        row["growth"] = smaller and smaller["seconds"] and round(row["seconds"] / smaller["seconds"], 1)
        yield row
        smaller = row


def _reported(rows: Iterator[Row], as_json: bool) -> list[Row]:
    """The rows. Each is reported as soon as it is measured."""
    reported = []
    for row in rows:
        reported.append(row)
        if as_json:
            print(json.dumps(row), flush=True)
        elif sys.stderr.isatty():
            print(
                f"{row['keys']:,} keys, {row.get('changes', 'budget')}: {row['seconds']} s", file=sys.stderr
            )
    return reported


_COMMON: dict[str, Callable[[Row], str]] = {
    "keys": lambda row: f"{row['keys']:,}",
    "changed": lambda row: f"{row['changed']:,}",
    "purges": lambda row: f"{row['purges']:,}",
    "seconds": lambda row: f"{row['seconds']:.4f}",
    "growth": lambda row: f"{row['growth']}×" if row["growth"] else "",
    "peak MB": lambda row: f"{row['peak_mb']:.0f}",
}
_COLUMNS: dict[str, Callable[[Row], str]] = {
    "changes": lambda row: row["changes"],
    **_COMMON,
    "cover MB": lambda row: f"{row['cover_mb']:.1f}",
}
_BUDGET_COLUMNS: dict[str, Callable[[Row], str]] = {
    **_COMMON,
    "evictions": lambda row: f"{row['evictions']:,}",
    "gap": lambda row: f"{row['evictions'] - row['bound']:.2f}",
}


def _print_table(title: str, columns: dict[str, Callable[[Row], str]], rows: list[Row]) -> None:
    # Not at the top: a process inherits the peak of its parent, and rich is larger than cover.
    from rich.box import SIMPLE  # noqa: PLC0415 - the measured subprocesses go without rich
    from rich.console import Console  # noqa: PLC0415 - likewise
    from rich.table import Table  # noqa: PLC0415 - likewise

    table = Table(title=title, box=SIMPLE, collapse_padding=True, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True, justify="left" if name == "changes" else "right")
    for row in rows:
        last = "changes" in row and row["keys"] == rows[-1]["keys"]
        table.add_row(*(show(row) for show in columns.values()), end_section=last)
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
