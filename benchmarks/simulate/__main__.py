"""What would my months cost? Plays the change history of a bucket against the planner, and against others.

`ours` is the code that runs in the Lambda, with ledger and listing. DynamoDB, S3, ImageKit, tracker and
alerts are fakes in memory, and the clock is virtual. The queue delivers in windows of 2 s, the tick comes
every minute, and a drain lives for 120 s. ImageKit accepts every purge at once, and nothing else happens in
the account. All settings have their defaults: ours spends at most 90 % of the quota (QuotaReservePercent),
and the others may spend all of it. A policy without quota is blocked until the month ends (UTC). Then ours
goes on with its pending changes; the others never try them again.

With --versioned, only overwritten and deleted keys need a purge. Ours reads that from the bucket's versions;
the simulation tells the others. With --unversioned no policy can know it, and every change needs a purge.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from benchmarks.simulate import baselines, hindsight, ours, table
from benchmarks.simulate.history import History, UnusableTrace, read
from benchmarks.simulate.score import Score
from purging.errors import InvalidSetting
from purging.weights import WeightedPattern, weighted_patterns

EPILOG = """\
Evictions are counted at the moment of each purge: the purged keys that exist and have no pending change.
A month is out of quota if changes were in need of a purge when none was left for them: of the quota, or for
ours of the part that it may spend. No policy spends more.
Stale changes are still pending at the end of the month in which they happened.

--decisions writes a line for each purge:
{"trace", "policy", "t", "prefix", "wildcard", "changed", "collateral"}.
`wildcard` says whether the URL ended in a `*`, and `prefix` is its decoded key without the `*`. With
QueryVariants, a single changed object is purged as `photo.jpg*`. So its line has "wildcard": true, and counts
other keys that this evicts, such as `photo.jpg.bak`. `changed` keys had a pending change.

--json has the figures of each month under "per_month", with the highest price that ours paid.
Seconds are from a change to the purge that covers it; "single" are commits of one change. Stale hours are
the sum of them over all changes. A change that is never purged counts to the end of its month.

Hindsight is a lower bound: no policy with ours' share of the quota evicts less in a month, if it purges each
change within MaxHoldSeconds. --json has "hindsight_evictions" of each month: null if that share is too small
for the changes, whatever is evicted. "evictions_over_hindsight" is the highest ratio of ours in a month in
which hindsight evicts anything; "evictions_where_hindsight_has_none" are ours in the other months.
"""

_POLICIES = ("ours", *baselines.POLICIES)


def main(arguments: list[str] | None = None) -> int:
    """Simulate and print. Returns 2 if a trace or a file cannot be used."""
    options = _parser().parse_args(arguments)
    names = _POLICIES if options.policy == "all" else (options.policy,)
    rows = []
    try:
        histories = [read(path, options.upload_rate) for path in options.traces]
        with ExitStack() as stack:
            decisions = stack.enter_context(options.decisions.open("w")) if options.decisions else None
            for row in _rows(histories, names, options, decisions):
                rows.append(row)
                if options.json:
                    print(json.dumps(row), flush=True)
        if options.plot:
            from benchmarks.simulate import plot  # noqa: PLC0415 - matplotlib takes a second to import

            plot.write(rows, options.plot)
    except (UnusableTrace, OSError) as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 2
    if not options.json:
        table.show(rows)
    return 0


def _rows(
    histories: list[History], names: tuple[str, ...], options: argparse.Namespace, decisions: TextIO | None
) -> Iterator[dict[str, Any]]:
    settings = ours.settings_of(options.quota)
    for history in histories:
        best = hindsight.by_month(
            history,
            versioned=options.versioned,
            hold=settings.max_hold_seconds,
            quota=settings.automatic_quota,
        )
        for name in names:
            score = _score(history, name, options)
            head = {"trace": history.name, "policy": name}
            if decisions:
                decisions.writelines(
                    json.dumps({**head, **asdict(decision)}) + "\n" for decision in score.decisions
                )
            row = hindsight.compared(score.row(), best, ours=name == "ours")
            yield {**head, "mode": "versioned" if options.versioned else "unversioned", **row}


def _score(history: History, policy: str, options: argparse.Namespace) -> Score:
    given = {"versioned": options.versioned, "quota": options.quota, "weights": options.weights}
    if policy == "ours":
        return ours.run(history, **given)
    return baselines.run(history, baselines.POLICIES[policy], **given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulate",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("traces", nargs="+", type=Path, metavar="TRACE.jsonl.gz", help="with its .keys.gz")
    parser.add_argument("--policy", choices=("all", *_POLICIES), default="all", help="default: all")
    parser.add_argument("--quota", type=_count, default=1000, help="purges a month (default: 1000)")
    parser.add_argument(
        "--weights", type=_weights, default=(), help="EvictionWeights; counts evictions by weight as well"
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--versioned", action="store_true", default=True, help="a versioned bucket (default)")
    modes.add_argument("--unversioned", action="store_false", dest="versioned", help="one without versions")
    parser.add_argument("--upload-rate", type=_rate, default=50.0, help="objects a second (default: 50)")
    parser.add_argument("--json", action="store_true", help="one JSON object a row instead of the table")
    parser.add_argument("--decisions", type=Path, metavar="FILE", help="one JSON line a purge")
    parser.add_argument(
        "--plot", type=_picture, metavar="FILE", help="evictions against purges, as .svg or .png"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        # Without a purge, changes would be pending forever. MonthlyPurgeQuota is 1 or more, too.
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _weights(text: str) -> tuple[WeightedPattern, ...]:
    try:
        return weighted_patterns(text)
    except InvalidSetting as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError(f"{text!r} ends neither in .svg nor in .png")
    return path


if __name__ == "__main__":
    sys.exit(main())
