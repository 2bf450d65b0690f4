"""How quick is the console? Measured in Chromium, with many objects and purges.

The page and its server are the real ones. The stack behind them is pretended: it only feeds the page, so the
numbers are those of the page. *First paint* is when the browser shows anything, and *pictures* when it has
painted the first objects; both are from the start of the navigation. An *update* changes objects and purges,
on the screen and elsewhere; it lasts from the event until it is painted.
"""

import argparse
import json
import sys
from statistics import median

from benchmarks.console.measure import Sizes, measured
from local import interruption
from local.errors import LocalError


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. Returns 1 if there is no browser, and 128 + n on signal n."""
    options = _parser().parse_args(arguments)
    interruption.listen()
    sizes = Sizes(options.objects, options.purges, options.updates)
    try:
        found = measured(sizes, options.runs)
    except LocalError as error:
        print(f"console: {error}", file=sys.stderr)
        return 1
    except interruption.Interrupted as interrupted:
        print(f"Ended by {interrupted}.", file=sys.stderr)
        return interrupted.exit_status
    updates = sorted(milliseconds for run in found for milliseconds in run.updates)
    row = {
        "objects": sizes.objects,
        "purges": sizes.purges,
        "runs": len(found),
        "first_paint_ms": round(median(run.first_paint for run in found)),
        "pictures_ms": round(median(run.pictures for run in found)),
        "pictures_worst_ms": round(max(run.pictures for run in found)),
        "updates": len(updates),
        "update_median_ms": round(median(updates), 1),
        "update_p95_ms": round(updates[-(-95 * len(updates) // 100) - 1], 1),
        "update_worst_ms": round(updates[-1], 1),
    }
    if options.json:
        print(json.dumps(row))
    else:
        for name, value in row.items():
            print(f"{name:<20} {value:>8,}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.console",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--objects", type=int, default=5000, help="objects in the bucket (default: 5000)")
    parser.add_argument("--purges", type=int, default=1000, help="purges of the month (default: 1000)")
    parser.add_argument("--updates", type=int, default=40, help="updates of a run (default: 40)")
    parser.add_argument("--runs", type=int, default=3, help="visits, each of a new browser (default: 3)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the lines")
    return parser


if __name__ == "__main__":
    sys.exit(main())
