"""Runs all benchmarks in a short form, one after another, and writes benchmarks/RESULTS.md.

A benchmark that cannot run is named there, and the exit status is 1 then. Documents quote blocks of
RESULTS.md; --quote brings the quotes up to date.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, quotes
from benchmarks.results import document
from benchmarks.running import run
from benchmarks.suite import Benchmark, suite
from local import interruption
from local.watchdog import Watchdog
from local.workspace import PROJECT

RESULTS = PROJECT / "benchmarks" / "RESULTS.md"


def main(arguments: list[str] | None = None) -> int:
    """Run all benchmarks, or quote. Returns 1 if a benchmark or a quote failed, and 128 + n on signal n."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--long", action="store_true", help="more runs, which take longer")
    parser.add_argument("--quote", action="store_true", help="only copy RESULTS.md to where it is quoted")
    options = parser.parse_args(arguments)
    if options.quote:
        return quote(RESULTS, quoting())
    interruption.listen()
    try:
        return measure(suite(long=options.long), RESULTS)
    except interruption.Interrupted as interrupted:
        print(f"Ended by {interrupted}. {RESULTS.name} is as it was.", file=sys.stderr)
        return interrupted.exit_status


def measure(benchmarks: Sequence[Benchmark], results: Path) -> int:
    """Run benchmarks and write their results. Returns 1 if any of them failed."""
    facts = machine.facts()
    outcomes = []
    with Watchdog() as watchdog:  # ends the benchmark that runs if this process is killed
        for benchmark in benchmarks:
            print(f"{benchmark.name} …", end=" ", flush=True)
            outcome = run(benchmark, watchdog)
            print(outcome.failure or "done", f"({outcome.seconds:.0f} s)", flush=True)
            outcomes.append(outcome)
    results.write_text(document(facts, outcomes))
    print(f"Wrote {results}. `python -m benchmarks --quote` brings the documents up to date.")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def quoting() -> list[Path]:
    """The documents that may quote results."""
    return [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def quote(results: Path, documents: Sequence[Path]) -> int:
    """Bring the quotes in documents up to date. Returns 1 if one cannot be: then it stays as it is."""
    failed = False
    try:
        found = quotes.blocks(results.read_text())
    except (OSError, quotes.UnusableBlocks) as error:
        print(f"{results}: {error}", file=sys.stderr)
        return 1
    for path in documents:
        before = path.read_text()
        try:
            after = quotes.requoted(before, found)
        except quotes.UnusableBlocks as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed = True
            continue
        if after != before:
            path.write_text(after)
            print(f"{path}: changed")
        for problem in quotes.problems(after, found):
            print(f"{path}: {problem}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
