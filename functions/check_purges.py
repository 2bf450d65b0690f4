"""Lambda CheckPurges: checks tracked purges for the state machine TrackPurges, and alerts when that gives up.

Problems of ImageKit or Secrets Manager come back as data, never as errors: the state machine matches only
errors of the AWS services by name.
"""

import os
import time
from functools import cache
from typing import Any

from purging.aws import clients
from purging.aws.alerts import Alerts
from purging.checking import bootstrap
from purging.checking.giving_up import give_up
from purging.checking.status import Checker
from purging.settings import Settings
from purging.telemetry import logger, metrics
from purging.tracked import CheckAnswer, CheckRequest


@cache
def checker() -> Checker:
    """The checker, built on first use from the environment. Raises InvalidSetting."""
    return bootstrap.checker(Settings.from_env(os.environ), clients.aws, time.time)


def alerts() -> Alerts:
    """The alerts, built from the environment when they are needed, which is rare. Raises InvalidSetting."""
    return bootstrap.alerts(Settings.from_env(os.environ), clients.aws, time.time)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: CheckRequest, context: Any) -> CheckAnswer | dict[str, Any]:
    """Check the purges of the request. With `give_up` in it, alert people instead and return `{}`."""
    if "give_up" in event:
        give_up(event["purges"], event["give_up"], alerts())
        return {}
    findings = checker().check(event["purges"], lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info("checked", completed=findings.completed, open=len(findings.unfinished))
    return findings.answer()
