"""Lambda SubmitPurge: changes in, purges out.

Events: batches of the change queue, S3 and EventBridge events, manual purges, the tick of every minute.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Any
from uuid import uuid4

import boto3

from purging import changes
from purging.aws.alerts import Alerts
from purging.aws.change_queue import ChangeQueue
from purging.aws.clients import AWS_CLIENT
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.aws.tracking import Tracker
from purging.changes import ObjectChange
from purging.clocks import SKEW_SECONDS
from purging.drain import Drain, Report
from purging.events import manual
from purging.imagekit.client import ImageKit
from purging.imagekit.private_key import PrivateKey
from purging.ledger.store import Ledger
from purging.planning.planner import Planner
from purging.settings import Settings
from purging.telemetry import MetricUnit, logger, metrics


@dataclass(frozen=True, slots=True)
class Application:
    """What an invocation works with, made once for the life of the process. `clock` gives unix seconds."""

    settings: Settings
    queue: ChangeQueue
    ledger: Ledger
    drain: Drain
    clock: Callable[[], float]


@cache
def application() -> Application:
    """Built on first use, from the environment."""
    settings = Settings.from_env(os.environ)
    ledger = Ledger(settings.ledger_table, boto3.client("dynamodb", config=AWS_CLIENT))
    private_key = PrivateKey(settings.secret_arn, boto3.client("secretsmanager", config=AWS_CLIENT))
    drain = Drain(
        settings,
        ledger=ledger,
        planner=Planner(settings, Surveyor(S3Lister(boto3.client("s3", config=AWS_CLIENT)))),
        imagekit=ImageKit(settings.api_url, private_key),
        tracker=Tracker(settings.track_purges_arn, boto3.client("stepfunctions", config=AWS_CLIENT)),
        alerts=Alerts(settings.alerts_topic_arn, boto3.client("sns", config=AWS_CLIENT), ledger, time.time),
        clock=time.time,
        sleep=time.sleep,
    )
    queue = ChangeQueue(settings.change_queue_url, boto3.client("sqs", config=AWS_CLIENT))
    return Application(settings, queue, ledger, drain, time.time)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Keep the changes of an event, then drain the ledger.

    A batch of the queue is answered with `batchItemFailures`: the messages that hold what is no change.
    Any other event is answered with what became of it, and an error if it cannot be understood.
    """
    app = application()
    if _is_batch(event):
        return {"batchItemFailures": _take_batch(app, event["Records"], context)}
    if manual.is_manual(event):
        return _purge_by_hand(app, event, context)
    return _take_event(app, event, context)


def _take_event(app: Application, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Purge for what is understood of an event, whatever else is in it. Raises MalformedEvent then."""
    found, problems = changes.split(event)
    if found or not problems:
        _keep(app, found)
        answer = _answer(app, _drain(app, context))
    for problem in problems:
        logger.error("malformed event", reason=str(problem))
    if problems:
        raise problems[0]
    return answer


def _purge_by_hand(app: Application, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Serve a manual purge once, however often its caller repeats the call, and answer before it does so."""
    now, url_map = app.clock(), app.settings.url_map
    manual.requested(event, url_map, now)  # what cannot be served is not remembered
    asked_at, repeated = app.ledger.first_asked(
        manual.identity(event), context.aws_request_id, now, manual.REPEATED_SECONDS
    )
    wanted = manual.requested(event, url_map, asked_at)
    app.ledger.add(wanted, manual=True)
    answer = _answer(app, _drain(app, context, until=now + manual.ANSWER_SECONDS))
    if repeated:
        purges = app.ledger.accepted_since(asked_at - SKEW_SECONDS)
        answer["repetition"] = manual.repetition(asked_at, manual.serving(wanted, url_map, purges))
    return answer


def _is_batch(event: dict[str, Any]) -> bool:
    records = event.get("Records") if isinstance(event, dict) else None
    return (
        bool(records)
        and isinstance(records, list)
        and all(isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records)
    )


def _take_batch(app: Application, records: list[dict[str, Any]], context: Any) -> list[dict[str, str]]:
    """Keep every change of a batch of messages; the messages that were not understood."""
    found: list[ObjectChange] = []
    malformed: list[dict[str, Any]] = []
    for record in records:
        good, problems = changes.split({"Records": [record]})
        found += good
        if problems:
            logger.error(
                "malformed message",
                message_id=record.get("messageId"),
                reasons=[str(problem) for problem in problems],
            )
            malformed.append(record)
    metrics.add_metric("MalformedMessages", MetricUnit.Count, len(malformed))
    app.queue.reject(malformed)
    understood = [record for record in records if record not in malformed]
    try:
        _keep(app, found)
    except Exception:  # noqa: BLE001 - whatever it was, the messages are to come again, and soon
        logger.exception("changes not kept", messages=len(understood))
        app.queue.retry(understood)
        return _failures(records)
    # Now, since a drain that is cut off answers nothing.
    app.queue.acknowledge(understood)
    try:
        _drain(app, context)
    except Exception:  # noqa: BLE001 - the changes are kept, so the messages are done, whatever it was
        # The next tick drains them, and fails loudly if it can't.
        logger.exception("drain failed")
    return _failures(malformed)


def _failures(records: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"itemIdentifier": record["messageId"]} for record in records]


def _keep(app: Application, found: list[ObjectChange]) -> None:
    """Write changes of served objects to the ledger. From here on they cannot be lost."""
    served = [
        change
        for change in found
        if app.settings.url_map.serves(change) and not app.settings.ignores(change.key)
    ]
    app.ledger.add(served)
    for change in served:
        logger.debug(
            "change received",
            bucket=change.bucket,
            key=change.key,
            kind=change.kind,
            occurred_at=change.occurred_at.isoformat(),
        )
    metrics.add_metric("ChangesReceived", MetricUnit.Count, len(served))
    metrics.add_metric("ChangesNotServed", MetricUnit.Count, len(found) - len(served))


def _drain(app: Application, context: Any, until: float = inf) -> Report:
    """Drain for as long as the function lives, but not beyond `until` (unix seconds)."""
    report = app.drain.run(
        # Lambda gives a retry of the same event the same request id.
        f"{context.aws_request_id} {uuid4().hex}",
        lambda: min(context.get_remaining_time_in_millis() / 1000, until - app.clock()),
    )
    logger.info(
        "drained",
        accepted=len(report.accepted),
        settled=report.settled,
        held=report.held,
        reason=report.reason,
        detail=report.detail,
        busy=report.busy,
    )
    return report


def _answer(app: Application, report: Report) -> dict[str, Any]:
    return {
        "purges": [{"url": purge.url, "request_id": purge.request_id} for purge in report.accepted],
        "given_up": [{"url": url, "reason": reason} for url, reason in report.given_up.items()],
        "settled": report.settled,
        "held": report.held,
        "reason": report.reason,
        "detail": report.detail,
        "busy": report.busy,
        "dry_run": app.settings.dry_run,
    }
