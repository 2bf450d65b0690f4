"""What a month of so many changes costs in AWS: one call an event by its formula, this system as measured.

Prints a JSON object. `measured` is the smallest measurement in benchmarks/RESULTS.md with as many changes at
least, so this system costs no more; null if there is none. `per_event_usd` is one call an event, of which the
purges beyond the quota are refused. ImageKit takes no money for a purge: it counts it to the quota.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks import quotes
from benchmarks.cost import bill, peer, prices

RESULTS = Path(__file__).parents[1] / "RESULTS.md"

_ROW = re.compile(r"^\| (?P<changes>[\d,]+) \| [\d,]+ \| \$(?P<usd>[\d,.]+) \|", re.MULTILINE)


def main(arguments: list[str] | None = None) -> int:
    """Print the estimate."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost.estimate", description=__doc__)
    parser.add_argument("changes", type=int, help="changes of the month")
    parser.add_argument("quota", type=int, help="purges of the month")
    options = parser.parse_args(arguments)
    found = quotes.blocks(RESULTS.read_text())
    print(json.dumps(estimate(options.changes, options.quota, measurements(found.get("cost", "")))))
    return 0


def estimate(changes: int, quota: int, measured: dict[int, float]) -> dict[str, Any]:
    """Return the estimate. `measured` has US dollars a month by changes a month."""
    listed = prices.load()
    enough = min((scale for scale in measured if scale >= changes), default=None)
    return {
        "changes": changes,
        "prices_of": listed.date,
        "per_event_usd": round(bill.total(bill.lines(peer.usage(changes, listed, quota), listed)), 2),
        "measured": None if enough is None else {"changes": enough, "usd": measured[enough]},
    }


def measurements(block: str) -> dict[int, float]:
    """Return US dollars a month by changes a month, of the table of RESULTS.md."""
    return {
        int(row["changes"].replace(",", "")): float(row["usd"].replace(",", ""))
        for row in _ROW.finditer(block)
    }


if __name__ == "__main__":
    sys.exit(main())
