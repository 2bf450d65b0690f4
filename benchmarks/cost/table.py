"""The bills as tables for people."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks.cost.prices import PriceList

_LINES = 12


def show(row: Mapping[str, Any]) -> None:
    """Print the bill of a scale."""
    ours, peer = row["services"], row["peer"]["services"]
    table = Table(title=_title(row), box=SIMPLE, title_justify="left")
    table.add_column("service")
    for name in ("ours, $ a month", "share", "one call an event, $"):
        table.add_column(name, justify="right")
    for service in dict.fromkeys([*ours, *peer]):
        usd = ours.get(service, 0.0)
        table.add_row(service, _usd(usd), f"{usd / row['usage_usd']:.0%}", _usd(peer.get(service, 0.0)))
    table.add_section()
    table.add_row("use", _usd(row["usage_usd"]), "", "")
    for line in row["in_any_case"]:
        table.add_row(f"in any case: {line['amount']:,.0f} {line['unit']}", _usd(line["usd"]), "", "")
    table.add_row("total", _usd(row["usd"]), "", _usd(row["peer"]["usd"]), style="bold")
    _print(table)
    if row["changes"]:
        print(
            f"  One call an event costs {row['peer']['ratio']:,.2f} times as much, and needs "
            f"{row['changes']:,.0f} purges a month. With the quota of {row['quota']:,}, it costs "
            f"${row['peer']['usd_within_quota']:,.2f}, and {row['peer']['refused']:,.0f} changes stay stale."
        )
    if row["purges"] > row["quota"]:
        print("  The slice makes more purges than the quota has for a month: it cannot go on like that.")
    _lines(row["lines"])


def assumptions(prices: PriceList) -> None:
    """Print when the prices were checked, and what is assumed."""
    unsure = [name for name, price in prices.prices.items() if price.checked == "memory"]
    print(f"List prices of {prices.region}, {prices.date}, no free tiers. From memory: {', '.join(unsure)}.")
    for name, value in prices.assumptions.items():
        print(f"  {name:<20} {value:>12,g}  {prices.reasons[name]}")


def _lines(lines: Iterable[Mapping[str, Any]]) -> None:
    table = Table(title="The largest lines", box=SIMPLE, title_justify="left")
    for name in ("$ a month", "service", "for", "amount", "unit", "calls"):
        table.add_column(
            name, justify="left" if name in ("service", "for", "unit") else "right", no_wrap=True
        )
    for line in list(lines)[:_LINES]:
        amount = f"{line['amount']:,.0f}" if line["amount"] >= 10 else f"{line['amount']:,.2f}"
        cells = (
            _usd(line["usd"]),
            line["service"],
            line["reason"],
            amount,
            line["unit"],
            f"{line['calls']:,.0f}",
        )
        table.add_row(*cells)
    _print(table)


def _title(row: Mapping[str, Any]) -> str:
    return (
        f"{row['scale']}: {row['changes']:,} changes and {row['purges']:,.0f} purges a month, quota "
        f"{row['quota']:,}, bucket of {row['keys']:,} keys; measured over "
        f"{row['measured_seconds'] / 3600:.3g} hours with {row['measured_changes']:,} changes"
    )


def _usd(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.005 or not value else f"{value:.4f}"


def _print(table: Table) -> None:
    """Print a table. It is never cut off, even if the screen is too narrow for it."""
    needed = Console(width=1000).measure(table).maximum
    Console(width=max(needed, Console().width)).print(table)
