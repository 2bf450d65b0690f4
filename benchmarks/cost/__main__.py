"""What a month costs in AWS, by the list prices, beside a design that makes one call for each event.

The real functions run over a slice of a month on virtual time, with AWS and ImageKit in memory. Every call is
counted in the units that AWS charges. Half of a scale's changes come singly and evenly, the other half in
deploys of keys that stand together; all overwrite objects that exist. Each slice lies in the middle of a
month, of which half the quota is used. Prices and assumptions are in benchmarks/cost/prices.json.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.cost import bill, burst, peer, prices, table
from benchmarks.cost.month import measure
from benchmarks.cost.prices import PriceList
from benchmarks.cost.workload import SCALES, Scale
from benchmarks.keys import split


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the bills of the scales. Returns 2 if an assumption is unknown."""
    options = _parser().parse_args(arguments)
    try:
        listed = prices.load(**dict(options.assume))
    except KeyError as error:
        print(f"cost: {error.args[0]}", file=sys.stderr)
        return 2
    keys, _ = split(options.keys, 1.0)
    if options.burst:
        _show_burst(keys, listed, options)
        return 0
    for name in options.scale or SCALES:
        scale = SCALES[name]
        scale = replace(scale, seconds=options.seconds or scale.seconds, quota=options.quota or scale.quota)
        row = _row(scale, keys, listed, options)
        if options.json:
            print(json.dumps(row), flush=True)
        else:
            table.show(row)
    if not options.json:
        table.assumptions(listed)
    return 0


def _show_burst(keys: Sequence[str], listed: PriceList, options: argparse.Namespace) -> None:
    row = burst.measure(
        keys,
        listed,
        count=options.burst,
        rate=options.rate,
        quota=options.quota or 1000,
        coalesce=options.coalesce,
        scattered=options.scattered,
        versioned=not options.unversioned,
    )
    text = "\n".join(f"{name.replace('_', ' '):<48}{value:>14,}" for name, value in row.items())
    print(json.dumps(row) if options.json else text)


def _row(scale: Scale, keys: Sequence[str], listed: PriceList, options: argparse.Namespace) -> dict[str, Any]:
    found = measure(
        scale,
        keys,
        listed,
        versioned=not options.unversioned,
        eventbridge=options.existing_buckets,
        used_up=options.used_up,
    )
    used = bill.lines(found.usage, listed)
    fixed = bill.in_any_case(listed, eventbridge=options.existing_buckets)
    usd = bill.total(used) + bill.total(fixed)
    other = bill.lines(peer.usage(scale.changes, listed), listed)
    within = bill.total(bill.lines(peer.usage(scale.changes, listed, scale.quota), listed))
    return {
        "scale": scale.name,
        "prices_of": listed.date,
        "changes": scale.changes,
        "purges": found.purges,
        "quota": scale.quota,
        "keys": len(keys),
        "measured_seconds": scale.seconds,
        "measured_changes": found.changes,
        "usd": usd,
        "usage_usd": bill.total(used),
        "services": bill.by_service(used),
        "in_any_case": [line.row() for line in fixed],
        "lines": [line.row() for line in used],
        "peer": {
            "usd": bill.total(other),
            "ratio": bill.total(other) / usd,
            "services": bill.by_service(other),
            "usd_within_quota": within,
            "refused": max(0, scale.changes - scale.quota),
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=__doc__)
    parser.add_argument(
        "--scale", action="append", choices=list(SCALES), help="default: all; may be repeated"
    )
    parser.add_argument("--keys", type=int, default=1_000_000, help="keys in the bucket (1000000)")
    parser.add_argument("--seconds", type=float, help="length of the slice; default: by scale")
    parser.add_argument("--quota", type=int, help="purges a month of the ImageKit plan; default: by scale")
    parser.add_argument(
        "--burst", type=int, help="a single burst of so many changes instead, and its busiest seconds"
    )
    parser.add_argument("--rate", type=float, default=1000.0, help="changes a second, with --burst (1000)")
    parser.add_argument("--coalesce", type=float, default=0.0, help="CoalesceSeconds, with --burst (0)")
    parser.add_argument("--scattered", action="store_true", help="keys apart from one another, with --burst")
    parser.add_argument(
        "--used-up", action="store_true", help="the quota is used up, and the changes of 10 days are held"
    )
    parser.add_argument("--unversioned", action="store_true", help="a bucket without versions")
    parser.add_argument("--existing-buckets", action="store_true", help="events come by EventBridge")
    parser.add_argument(
        "--assume",
        action="append",
        type=_assumption,
        default=[],
        metavar="NAME=VALUE",
        help="another value of an assumption, e.g. completion_seconds=180",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a scale instead of the tables")
    return parser


def _assumption(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


if __name__ == "__main__":
    sys.exit(main())
