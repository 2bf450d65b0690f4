"""Logs and metrics, configured by the POWERTOOLS_* variables that template.yaml sets.

Lambda itself traces the invocations (`Tracing: Active`), so no tracing library is used.
"""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "logger", "metrics"]

logger = Logger(serialize_stacktrace=False)
metrics = Metrics()
# Powertools warns about an invocation without metrics, but that is normal here.
warnings.filterwarnings("ignore", "No application metrics to publish", UserWarning)
