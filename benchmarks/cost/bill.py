"""A month's bill: what the usage costs by the list prices, line by line."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cost.prices import PriceList
from benchmarks.cost.usage import Usage

_TEMPLATE = Path(__file__).parents[2] / "template.yaml"
_ALARM = re.compile(
    r"^  \w+:\n    Type: AWS::CloudWatch::Alarm\n(    Condition: ExistingBuckets\n)?", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Line:
    """US dollars a month for one reason. `amount` is in the units of its price, `calls` is how often."""

    service: str
    unit: str
    reason: str
    amount: float
    calls: float
    usd: float

    def row(self) -> dict[str, Any]:
        """The line as JSON."""
        return {name: getattr(self, name) for name in ("service", "unit", "reason", "amount", "calls", "usd")}


def lines(usage: Usage, prices: PriceList) -> list[Line]:
    """The lines of a bill, the largest first."""
    found = []
    for name, reason, amount, calls in usage.lines():
        price = prices.prices[name]
        found.append(Line(price.service, price.unit, reason, amount, calls, price.of(amount)))
    return sorted(found, key=lambda line: -line.usd)


def by_service(bill: Iterable[Line]) -> Mapping[str, float]:
    """US dollars of each service, the largest first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for line in bill:
        sums[line.service] += line.usd
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))


def total(bill: Iterable[Line]) -> float:
    """US dollars of all lines."""
    return sum(line.usd for line in bill)


def in_any_case(prices: PriceList, *, eventbridge: bool) -> Sequence[Line]:
    """What the stack costs even if nothing runs. The secret is an operator's own choice if one exists.

    The table is encrypted by the key that AWS manages for DynamoDB: it has no monthly price, but its requests
    have one (https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html).
    """
    usage = Usage()
    usage.add("secret_month", 1, "ImageKit's private key")
    usage.add("alarm_month", alarms(existing_buckets=eventbridge), "alarms of the template")
    asked = prices.assumptions["month_seconds"] / prices.assumptions["kms_seconds"]
    usage.add("kms_request", asked, "the table's key, at most", asked)
    return lines(usage, prices)


def alarms(*, existing_buckets: bool) -> int:
    """How many alarms template.yaml makes."""
    return sum(existing_buckets or not condition for condition in _ALARM.findall(_TEMPLATE.read_text()))
