"""The rows of each benchmark as Markdown tables. Pure.

Each function raises LookupError or ValueError if rows lack what it shows.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Cell = Callable[[Row], object]


def planner(rows: Sequence[Row]) -> str:
    """Covers at a price, and covers for a budget of purges."""
    return table(
        {
            "cover": lambda row: (
                f"at price {row['price']:g}, {row['changed'] / row['keys']:.1%} changed"
                if "price" in row
                else f"for {row['budget']:,} purges, {row['changed'] / row['keys']:.1%} changed"
            ),
            "keys": lambda row: row["keys"],
            "purges": lambda row: row["purges"],
            "needless evictions": lambda row: row["collateral"] if "price" in row else row["evictions"],
            "CPU seconds": lambda row: f"{row['seconds']:.3f}",
            "peak MB": lambda row: round(row["peak_mb"]),
        },
        rows,
    )


def simulate(rows: Sequence[Row]) -> str:
    """The planner and other policies on the same histories."""
    return table(
        {
            "history": lambda row: f"{row['trace']}, {row['changes_needing_purge']:,} changes",
            "policy": lambda row: row["policy"],
            "purges": lambda row: row["purges"],
            "months out of quota": lambda row: row["months_out_of_quota"],
            "needless evictions": lambda row: row["evictions"],
            "to hindsight": lambda row: row["evictions_over_hindsight"],
            "seconds, median": lambda row: row["delay_median"],
            "p95": lambda row: row["delay_p95"],
            "stale": lambda row: row["stale_at_month_end"],
        },
        rows,
        text_columns=2,
    )


def throughput(rows: Sequence[Row]) -> str:
    """SubmitPurge beside a handler that makes one call an event."""
    return table(
        {
            "handler": lambda row: row["handler"],
            "changes": lambda row: row["changes"],
            "changes a CPU second": lambda row: row["changes_per_cpu_second"],
            "a real second": lambda row: row["changes_per_real_second"],
            "calls to ImageKit for 1,000": lambda row: row["imagekit_calls_per_1000"],
            "to AWS": lambda row: row.get("aws_calls_per_1000"),
            "SubmitPurge's CPU speed to it": lambda row: (
                f"{row['many_folders_faster_by_cpu']}× to {row['a_folder_a_batch_faster_by_cpu']}×"
                if "many_folders_faster_by_cpu" in row
                else None
            ),
        },
        rows,
    )


def coldstart(rows: Sequence[Row]) -> str:
    """Cold starts beside two yardsticks, without the parts of the imports."""
    return table(
        {
            "handler": lambda row: row["handler"],
            "init, ms": lambda row: round(row["init_ms"]),
            "to peer": lambda row: row["init_to_peer"],
            "first invoke, ms": lambda row: round(row["first_invoke_ms"]),
            "to peer ": lambda row: row["first_invoke_to_peer"],
            "both to peer": lambda row: row["both_to_peer"],
            "peak MB": lambda row: round(row["peak_mb"]),
            "zipped MB": lambda row: row["zip_mb"],
        },
        [row for row in rows if "handler" in row],
    )


def latency(rows: Sequence[Row]) -> str:
    """Lone changes, then the burst."""
    lone = {
        "lone changes, seconds": lambda row: row["what"],
        "count": lambda row: row.get("count", 1),
        "median": lambda row: row["median"],
        "p90": lambda row: row.get("p90"),
        "max": lambda row: row.get("max"),
    }
    burst = {
        "burst": lambda row: row["what"],
        "puts, seconds": lambda row: row["seconds_of_puts"],
        "last put to all accepted": lambda row: row["last_put_to_all_accepted"],
        "to all fresh": lambda row: row["last_put_to_all_fresh"],
        "purges": lambda row: row["purges"],
    }
    lone_rows = [row for row in rows if "median" in row]
    burst_rows = [row for row in rows if "seconds_of_puts" in row]
    return f"{table(lone, lone_rows)}\n\n{table(burst, burst_rows)}"


def cost(rows: Sequence[Row]) -> str:
    """A month's bill beside that of one call an event."""
    return table(
        {
            "changes a month": lambda row: row["changes"],
            "purges": lambda row: round(row["purges"]),
            "this system": lambda row: dollars(row["usd"]),
            "of it alarms and secret": lambda row: dollars(row["usd"] - row["usage_usd"]),
            "one call an event": lambda row: dollars(row["peer"]["usd"]),
            "its ratio": lambda row: f"{row['peer']['ratio']:.2f}×",
            "its purges": lambda row: row["changes"],
        },
        rows,
        text_columns=0,
    )


def polling(rows: Sequence[Row]) -> str:
    """Rules for the first wait, with 72 purges a day."""
    named = [(re.split(r"\s{2,}", row["what"]), row) for row in rows]
    return table(
        {
            "a purge takes": lambda row: row["takes"],
            "first wait": lambda row: row["rule"],
            "late, median s": lambda row: row["late_median"],
            "p95": lambda row: row["late_p95"],
            "max": lambda row: row["late_max"],
            "state transitions": lambda row: row["transitions"],
        },
        [{**row, "takes": takes, "rule": rule} for (takes, often, rule), row in named if often == "72 a day"],
        text_columns=2,
    )


def console(rows: Sequence[Row]) -> str:
    """How quick the page is."""
    return table(
        {
            "objects": lambda row: row["objects"],
            "purges": lambda row: row["purges"],
            "first paint, ms": lambda row: row["first_paint_ms"],
            "first pictures, ms": lambda row: row["pictures_ms"],
            "update, median ms": lambda row: row["update_median_ms"],
            "p95": lambda row: row["update_p95_ms"],
            "max": lambda row: row["update_worst_ms"],
        },
        rows,
        text_columns=0,
    )


def headline(rows: Mapping[str, Sequence[Row]]) -> str:
    """What a reader asks first, from the rows of latency, cost and coldstart."""
    accepted = _only(row for row in rows["latency"] if row["what"] == "put to accepted")
    burst = _only(row for row in rows["latency"] if "seconds_of_puts" in row)
    starts = {row["handler"]: row for row in rows["coldstart"] if "handler" in row}
    lines = [
        ("a lone change, from the put to the accepted purge", f"{accepted['median']:.2f} s", ""),
        (
            f"{burst['what']}, from the last put to all accepted",
            f"{burst['last_put_to_all_accepted']:.1f} s, {_count(burst['purges'], 'purge')}",
            "a purge for each object",
        ),
        *(
            (
                f"AWS for a month with {_count(row['changes'], 'change')}"
                if row["changes"]
                else "AWS for an idle month",
                dollars(row["usd"]),
                dollars(row["peer"]["usd"]),
            )
            for row in rows["cost"]
            if row["changes"] != 1000
        ),
        *(
            (f"cold start with a change{note}, as a ratio", f"{starts[name]['both_to_peer']:.2f}", "1")
            for note, name in (
                ("", "SubmitPurge, a change"),
                (" after `make build`", "SubmitPurge, a change, with bytecode"),
            )
        ),
    ]
    return table(
        {
            "": lambda row: row["what"],
            "this system": lambda row: row["ours"],
            "one call an event": lambda row: row["peer"],
        },
        [{"what": what, "ours": ours, "peer": peer} for what, ours, peer in lines],
    )


def table(columns: Mapping[str, Cell], rows: Sequence[Row], *, text_columns: int = 1) -> str:
    """A Markdown table. The first columns are text, and numbers are on the right.

    Raises ValueError if there is no row: then nothing was measured.
    """
    if not rows:
        raise ValueError(f"there is no row for the table of {', '.join(columns)}")
    rules = [":--" if number < text_columns else "--:" for number in range(len(columns))]
    lines = [list(columns), rules, *([_text(cell(row)) for cell in columns.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(map(str.strip, line))} |" for line in lines)


def dollars(value: float) -> str:
    """An amount in US dollars; never 0 for a small one."""
    return f"${value:,.2f}" if value >= 0.005 or not value else f"${value:.4f}"


def _count(number: float, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _text(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
    return "–" if value is None else str(value)


def _only(rows: Iterable[Row]) -> Row:
    """The only one of the rows. Raises ValueError if there is another number of them."""
    (row,) = rows
    return row
