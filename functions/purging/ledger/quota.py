"""The quota: how many purges each month has used. Conditional writes keep it below its limit."""

from datetime import UTC, datetime
from typing import Any

from purging.ledger import items
from purging.ledger.items import Item
from purging.ledger.table import Table, reasons_of
from purging.purges import NO_NEED, Need


def month_of(now: float, *, dry_run: bool = False) -> str:
    """Return the calendar month (UTC) that a purge at this time (unix seconds) counts to, e.g. `2026-11`.

    Purges of a dry run count to a month of their own, e.g. `2026-11#dry-run`.
    """
    return f"{datetime.fromtimestamp(now, UTC):%Y-%m}{'#dry-run' if dry_run else ''}"


def day_of(now: float) -> int:
    """Return the day of the month (UTC) of a time in unix seconds, from 1 on."""
    return datetime.fromtimestamp(now, UTC).day


class Quota:
    """The quota of one ledger. Every method raises one of AWS_ERRORS when DynamoDB fails."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reserve(self, month: str, wanted: int, limit: int, *, need: Need = NO_NEED, day: int = 1) -> int:
        """Count up to `wanted` purges to a month, never above `limit` in all. Return how many it counted.

        If it counts any, it also counts the purges that a round on a `day` of the month would `need`.
        """
        wanted = min(wanted, limit)
        while wanted > 0:
            try:
                self._count(
                    month,
                    wanted,
                    ConditionExpression="attribute_not_exists(used) OR used <= :room",
                    values={":room": items.number(limit - wanted)},
                    need=need,
                    day=day,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._table.errors.TransactionCanceledException as refused:
                (reason,) = reasons_of(refused)
                if "Item" not in reason:
                    raise
                wanted = min(wanted - 1, limit - int(reason["Item"]["used"]["N"]))
            else:
                return wanted
        return 0

    def give_back(self, month: str, count: int) -> None:
        """Subtract purges that were reserved and surely not used."""
        if count:
            self._count(month, -count)

    def _count(
        self,
        month: str,
        count: int,
        *,
        need: Need = NO_NEED,
        day: int = 1,
        values: Item | None = None,
        **condition: str,
    ) -> None:
        """Add to what a month has used, and to what it and one of its days have needed."""
        of_the_day = f", {items.needed_on(day)} :large" if need.large else ""
        update: Any = {
            "Key": items.key("state", f"quota#{month}"),
            "UpdateExpression": f"ADD used :count, needed :needed, sparing :sparing{of_the_day}",
            "ExpressionAttributeValues": {
                ":count": items.number(count),
                ":needed": items.number(need.least),
                ":sparing": items.number(need.sparing),
                **({":large": items.number(need.large)} if need.large else {}),
                **(values or {}),
            },
            **condition,
        }
        self._table.update_once(update)
