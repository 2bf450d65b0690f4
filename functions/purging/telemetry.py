"""Logs and metrics, configured by the POWERTOOLS_* variables that template.yaml sets.

Lambda itself traces the invocations with the parameter `Tracing=Active`, so no tracing library is used.
"""

import warnings
from enum import Enum

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["Metric", "logger", "metrics", "publish"]

logger = Logger(serialize_stacktrace=False)
metrics = Metrics()
# Powertools warns about an invocation without metrics, but that is normal here.
warnings.filterwarnings("ignore", "No application metrics to publish", UserWarning)


class Metric(Enum):
    """Every metric of the functions: its name in CloudWatch. docs/operations.md says what each one means.

    A name that begins or ends with Seconds is in seconds. All others are counts.
    """

    # Intake: what the queue brought.
    CHANGES_RECEIVED = "ChangesReceived"
    CHANGES_NOT_SERVED = "ChangesNotServed"
    MALFORMED_MESSAGES = "MalformedMessages"
    OLDEST_NOT_KEPT_SECONDS = "OldestNotKeptSeconds"

    # Drain: what came of it.
    CHANGES_HELD = "ChangesHeld"
    OLDEST_PENDING_SECONDS = "OldestPendingSeconds"
    SECONDS_TO_ACCEPTED = "SecondsToAccepted"
    PURGES_ACCEPTED = "PurgesAccepted"
    PURGES_FAILED = "PurgesFailed"
    URLS_GIVEN_UP = "UrlsGivenUp"

    # What it costs.
    EVICTIONS = "Evictions"
    PRICE = "Price"
    QUOTA_USED = "QuotaUsed"
    EXPECTED_NEED = "ExpectedNeed"

    # What a dry run would purge.
    DRY_RUN_PURGES = "DryRunPurges"
    DRY_RUN_EVICTIONS = "DryRunEvictions"

    # After ImageKit accepted a purge.
    SECONDS_TO_COMPLETED = "SecondsToCompleted"
    STALE_AFTER_COMPLETED = "StaleAfterCompleted"
    PURGES_OVERDUE = "PurgesOverdue"

    @property
    def unit(self) -> MetricUnit:
        """The unit of its values."""
        return MetricUnit.Seconds if "Seconds" in self.value else MetricUnit.Count


def publish(metric: Metric, value: float) -> None:
    """Publish a value, unless it is 0: CloudWatch charges for each metric in each hour in which it has a
    value (https://aws.amazon.com/cloudwatch/pricing/). So no value means 0 in alarms and graphs."""
    if value:
        metrics.add_metric(metric.value, metric.unit, value)
