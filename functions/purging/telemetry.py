"""Logs, metrics and traces, shaped by the POWERTOOLS_* variables that template.yaml sets."""

import warnings

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "logger", "metrics", "tracer"]

logger = Logger(serialize_stacktrace=False)
metrics = Metrics()
# An invocation that counts nothing is none to warn of.
warnings.filterwarnings("ignore", "No application metrics to publish", UserWarning)
# Patching every library that it knows would import each of them at a cold start.
tracer = Tracer(patch_modules=("botocore", "requests"))
