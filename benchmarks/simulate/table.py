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
    "out of\nquota": "months_out_of_quota",
    "purges": "purges",
    "worst\nmonth": "purges_in_worst_month",
    "changes\nin need": "changes_needing_purge",
    "evictions": "evictions",
    "by\nweight": "evictions_by_weight",
    "a\nchange": "evictions_per_change",
    "hind-\nsight": "hindsight_evictions",
    "ours /\nhindsight": "evictions_over_hindsight",
    "median\ns": "delay_median",
    "p95\ns": "delay_p95",
    "max\ns": "delay_max",
    "single\ns": "delay_median_single",
    "stale": "stale_at_month_end",
    "stale\nhours": "stale_seconds",
}
"""The field of each column."""

_UNITS = {"stale\nhours": 3600}
"""What a field is divided by for its column."""


def show(rows: Sequence[dict[str, Any]]) -> None:
    """Print a table. It is never cut off, even if the screen is too narrow for it."""
    table = Table(title=f"{rows[0]['mode']} bucket", box=SIMPLE, title_justify="left")
    columns = {name: field for name, field in _COLUMNS.items() if field in rows[0]}
    for name in columns:
        table.add_column(name, justify="left" if name in ("trace", "policy") else "right", no_wrap=True)
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1]["trace"] != row["trace"]
        style = "bold" if row["policy"] == "ours" else ""
        cells = [_text(_value(row[field], _UNITS.get(name))) for name, field in columns.items()]
        if number and rows[number - 1]["trace"] == row["trace"]:
            cells[0] = ""
        table.add_row(*cells, style=style, end_section=last)
    needed = Console(width=1000).measure(table).maximum
    Console(width=max(needed, Console().width)).print(table)


def _value(field: Any, unit: int | None) -> Any:
    return field / unit if unit else field


def _text(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return str(value or "–")
