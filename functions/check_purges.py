"""Lambda CheckPurges: asks how far submitted purges are, for the state machine TrackPurges.

It answers with data whatever happens at ImageKit or in Secrets Manager: a state machine knows no error names
but the service's. It also alerts what TrackPurges gives up on.
"""

import os
import time
from functools import cache
from typing import Any

from purging import bootstrap
from purging.aws.alerts import Alerts
from purging.giving_up import give_up
from purging.settings import Settings
from purging.status import Checker
from purging.telemetry import logger, metrics


@cache
def checker() -> Checker:
    """Built on first use, from the environment."""
    return bootstrap.checker(Settings.from_env(os.environ), bootstrap.aws, time.time)


def alerts() -> Alerts:
    """Built when it is needed, which is rare."""
    return bootstrap.alerts(Settings.from_env(os.environ), bootstrap.aws, time.time)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """`{"purges": [...]}`, as TrackPurges was given them, to `{"purges": [those still open, each with its
    cause and reason], "completed": how many are done, "wait_seconds": the shortest wait before asking
    again}`.

    With `"give_up": {...}`, as `giving_up.py` describes it, nothing is asked, and `{}` is the answer.
    """
    if "give_up" in event:
        give_up(event["purges"], event["give_up"], alerts())
        return {}
    findings = checker().look(event["purges"], lambda: context.get_remaining_time_in_millis() / 1000)
    logger.info("checked", completed=findings.completed, open=len(findings.open))
    return findings.answer()
