"""Lambda SubmitPurge: changes in, purges out.

Events: batches of the change queue, S3 and EventBridge events, manual purges, questions, the tick of
every minute.
"""

import gc
import os
import time
from functools import cache
from typing import Any

from purging import bootstrap
from purging.aws import clients
from purging.events.fields import is_manual
from purging.events.questions import is_question
from purging.intake import Intake, is_batch
from purging.settings import Settings
from purging.telemetry import logger, metrics

# A batch makes very many objects that live as long as it, and hardly a cycle. With Python's own thresholds,
# the search for cycles takes a sixth of the processor time.
gc.set_threshold(100_000, 50, 50)

# Each invocation uses the ledger.
clients.read_description("dynamodb")


@cache
def application() -> Intake:
    """What the function works with, built on first use from the environment. Raises InvalidSetting."""
    return bootstrap.intake(Settings.from_env(os.environ), clients.aws, time.time, time.sleep)


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Answer a question of a person. Its modules are imported here, since they would slow down each cold
    start. Raises InvalidSetting or InvalidRequest."""
    from purging.answers.bootstrap import desk  # noqa: PLC0415 - few cold starts are for a question

    return desk(Settings.from_env(os.environ), clients.aws, time.time).answer(question)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Keep the changes of an event, then drain the ledger. Answer a question instead, and change nothing.

    For a batch of the queue, return `batchItemFailures`: the messages that were malformed or not kept. For
    any other event, return what came of it. Raises MalformedEvent or InvalidRequest.
    """
    if is_question(event):
        return answer(event)
    intake = application()
    if is_batch(event):
        return intake.take_batch(event["Records"], context)
    if is_manual(event):
        return intake.take_manual(event, context)
    return intake.take_event(event, context)
