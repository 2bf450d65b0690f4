"""Evaluates alarms of template.yaml on data, as CloudWatch does. No emulator of AWS does it faithfully.

See "Evaluating an alarm":
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {"Sum": sum, "Maximum": max}
_BREACHES: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold
}


@dataclass(frozen=True)
class Datum:
    """A value of a metric at a time (unix seconds)."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]
    unit: str
    value: float
    time: float


def datum(namespace: str, name: str, value: float, time: float, **dimensions: str) -> Datum:
    """A value that a service of AWS publishes, with the unit Count."""
    return Datum(namespace, name, frozenset(dimensions.items()), "Count", value, time)


def published(output: str, time: float) -> list[Datum]:
    """The values in what a function printed, in the embedded metric format. They get this time:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    found = []
    for line in output.splitlines():
        content = json.loads(line) if line.startswith("{") else {}
        for directive in content.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, content[name]) for name in names)
                found += [
                    Datum(directive["Namespace"], metric["Name"], dimensions, metric["Unit"], value, time)
                    for metric in directive["Metrics"]
                    for value in content[metric["Name"]]
                ]
    return found


def rings(alarm: Mapping[str, Any], data: Iterable[Datum], now: float) -> bool:
    """Whether an alarm, given by its properties, is in the state ALARM at a time (unix seconds).

    Missing data do not breach: every alarm of the template says so.
    """
    assert alarm["TreatMissingData"] == "notBreaching"
    dimensions = frozenset((each["Name"], each["Value"]) for each in alarm["Dimensions"])
    watched = [
        each
        for each in data
        if (each.namespace, each.name, each.dimensions)
        == (alarm["Namespace"], alarm["MetricName"], dimensions)
        and each.unit == alarm.get("Unit", each.unit)
    ]
    period, periods = alarm["Period"], alarm["EvaluationPeriods"]
    breaching = 0
    for number in range(periods):
        end = now - number * period
        values = [each.value for each in watched if end - period < each.time <= end]
        breaching += bool(values) and _BREACHES[alarm["ComparisonOperator"]](
            _STATISTICS[alarm["Statistic"]](values), alarm["Threshold"]
        )
    return breaching >= alarm.get("DatapointsToAlarm", periods)
