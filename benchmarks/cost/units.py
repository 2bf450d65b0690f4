"""How AWS counts: units of DynamoDB by size, metrics by the hour, traces by the second. Pure.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
https://aws.amazon.com/cloudwatch/pricing/
"""

from collections.abc import Collection
from math import ceil

_HOUR = 3600.0


def write_units(size: int, *, transaction: bool = False) -> int:
    """The units of a write of `size` bytes: one for each KB begun, and twice as many in a transaction.

    The size is the larger one of the item before and after. A deletion writes the item that it deletes. A
    write whose condition fails, and a deletion of nothing, take at least one unit.
    """
    return max(1, ceil(size / 1024)) * (2 if transaction else 1)


def read_units(size: int, *, consistent: bool) -> float:
    """The units of a query that reads items of `size` bytes together: one for each 4 KB begun, and at least
    one; half as many if it is not consistent. A projection changes nothing."""
    return max(1, ceil(size / 4096)) * (1.0 if consistent else 0.5)


def metric_months(hours: Collection[int], seconds: float) -> float:
    """The part of a month for which one metric is charged, if it was published in these `hours` (numbers of
    hours) of a measurement of so many seconds. A metric costs for each hour with data."""
    return min(1.0, len(set(hours)) / max(1.0, seconds / _HOUR))


def traces(times: Collection[float], rate: float) -> float:
    """How many requests at these times (seconds) are traced: the first of each second, and a `rate` of the
    others."""
    first = len({int(time) for time in times})
    return first + (len(times) - first) * rate
