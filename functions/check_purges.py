"""Lambda CheckPurges: asks how far submitted purges are, for the state machine TrackPurges.

It answers with data whatever happens at ImageKit or in Secrets Manager: a state machine knows no error names
but the service's. It also alerts what TrackPurges gives up on.
"""

import os
import time
from functools import cache
from typing import Any

import boto3

from purging.aws.alerts import Alerts
from purging.aws.clients import AWS_CLIENT
from purging.giving_up import give_up
from purging.imagekit.client import ImageKit
from purging.imagekit.freshness import Freshness
from purging.imagekit.private_key import PrivateKey
from purging.ledger.store import Ledger
from purging.settings import Settings
from purging.status import Checker
from purging.telemetry import logger, metrics


@cache
def checker() -> Checker:
    """Built on first use, from the environment."""
    settings = Settings.from_env(os.environ)
    private_key = PrivateKey(settings.secret_arn, boto3.client("secretsmanager", config=AWS_CLIENT))
    return Checker(
        ImageKit(settings.api_url, private_key),
        _ledger(settings),
        Freshness(time.time) if settings.verify_freshness else None,
        clock=time.time,
    )


def alerts() -> Alerts:
    """Built when it is needed, which is rare."""
    settings = Settings.from_env(os.environ)
    sns = boto3.client("sns", config=AWS_CLIENT)
    return Alerts(settings.alerts_topic_arn, sns, _ledger(settings), time.time)


def _ledger(settings: Settings) -> Ledger:
    return Ledger(settings.ledger_table, boto3.client("dynamodb", config=AWS_CLIENT))


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
