"""Logs and metrics, shaped by the POWERTOOLS_* variables that template.yaml sets.

Lambda traces invocations itself (`Tracing: Active`), without a library here.
"""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "logger", "metrics"]

logger = Logger(serialize_stacktrace=False)
metrics = Metrics()
# An invocation that counts nothing is none to warn of.
warnings.filterwarnings("ignore", "No application metrics to publish", UserWarning)
