"""The rows of a simulation as a table for people."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

_COLUMNS = {
    "trace": "trace",
    "policy": "policy",
    "months": "months",
    "over\nquota": "months_over_quota",
    "purges": "purges",
    "worst\nmonth": "purges_in_worst_month",
    "changes\nin need": "changes_needing_purge",
    "evictions": "evictions",
    "a\nchange": "evictions_per_change",
    "median\ns": "delay_median",
    "p95\ns": "delay_p95",
    "max\ns": "delay_max",
    "single\ns": "delay_median_single",
    "stale": "stale_at_month_end",
}


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table. It is never cut off, even if the screen is too narrow for it."""
    table = Table(title=f"{rows[0]['mode']} bucket", box=SIMPLE, title_justify="left")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in ("trace", "policy") else "right", no_wrap=True)
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1]["trace"] != row["trace"]
        style = "bold" if row["policy"] == "ours" else ""
        cells = [_text(row[field]) for field in _COLUMNS.values()]
        if number and rows[number - 1]["trace"] == row["trace"]:
            cells[0] = ""
        table.add_row(*cells, style=style, end_section=last)
    needed = Console(width=1000).measure(table).maximum
    Console(width=max(needed, Console().width)).print(table)


def _text(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return str(value or "–")
