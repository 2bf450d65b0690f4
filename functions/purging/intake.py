"""Takes what SubmitPurge is given: keeps its changes in the ledger, then drains it."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any
from uuid import uuid4

from purging.aws.change_queue import ChangeQueue, oldest_seconds
from purging.changes import ObjectChange, split
from purging.clocks import SKEW_SECONDS
from purging.draining.drain import Drain
from purging.draining.rounds import Report
from purging.events import manual
from purging.ledger.store import Ledger
from purging.planning.coverage import purges_covering
from purging.purges import AcceptedPurge
from purging.settings import Settings
from purging.telemetry import Metric, logger, publish


@dataclass(frozen=True, slots=True)
class Intake:
    """What an invocation works with, made once for the life of the process. `clock` gives unix seconds.

    `context` is Lambda's
    (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html).
    """

    settings: Settings
    queue: ChangeQueue
    ledger: Ledger
    drain: Drain
    clock: Callable[[], float]

    def take_batch(self, messages: list[dict[str, Any]], context: Any) -> dict[str, Any]:
        """Keep every change of a batch of the queue's messages, and drain. Return `batchItemFailures`: the
        messages that were malformed or not kept
        (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html)."""
        changes: list[ObjectChange] = []
        understood: list[dict[str, Any]] = []
        malformed: list[dict[str, Any]] = []
        for message in messages:
            found, problems = split({"Records": [message]})
            changes += found
            if problems:
                logger.error(
                    "malformed message",
                    message_id=message.get("messageId"),
                    reasons=[str(problem) for problem in problems],
                )
            (malformed if problems else understood).append(message)
        publish(Metric.MALFORMED_MESSAGES, len(malformed))
        self.queue.reject(malformed)
        try:
            added = self._keep(changes)
        except Exception:  # noqa: BLE001 - after any error the messages must come again soon
            logger.exception("changes not kept", messages=len(understood))
            publish(Metric.OLDEST_NOT_KEPT_SECONDS, oldest_seconds(understood, self.clock()))
            self.queue.retry(understood)
            return _failures(messages)
        try:
            # A function that is killed while it drains returns no answer. Otherwise the answer is enough.
            self._drain(context, added=added, before_work=partial(self.queue.acknowledge, understood))
        except Exception:  # noqa: BLE001 - after any error the changes are kept, so the messages are done
            # The next tick drains them. If that fails too, its invocation fails.
            logger.exception("drain failed")
        return _failures(malformed)

    def take_event(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Keep the changes of an event that is not in a batch, and drain. Return what came of it.

        If a part of it is malformed, raises MalformedEvent after all other parts are done.
        """
        changes, problems = split(event)
        for problem in problems:
            logger.error("malformed event", reason=str(problem))
        if problems and not changes:
            raise problems[0]
        answer = self._answer(self._drain(context, added=self._keep(changes)))
        if problems:
            raise problems[0]
        return answer

    def take_manual(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Serve a manual purge once, even if its caller repeats the call. Answer before a repetition.

        Raises InvalidRequest or MalformedEvent if the request cannot be served.
        """
        now, url_map = self.clock(), self.settings.url_map
        manual.requested(event, url_map, now)  # a request that cannot be served is not remembered
        asked_at, repeated = self.ledger.first_asked(
            manual.identity(event), context.aws_request_id, now, manual.REPEATED_SECONDS
        )
        wanted = manual.requested(event, url_map, asked_at)
        self.ledger.add(wanted, manual=True)
        answer = self._answer(self._drain(context, until=now + manual.ANSWER_SECONDS))
        if not repeated:
            return answer
        accepted = self.ledger.accepted_since(asked_at - SKEW_SECONDS)
        covering = purges_covering(wanted, url_map, accepted)
        return {**answer, "repetition": _repetition(asked_at, covering)}

    def _keep(self, changes: list[ObjectChange]) -> int:
        """Write the changes of served objects to the ledger. Then they cannot be lost. Return how many they
        are."""
        settings = self.settings
        served = [
            each for each in changes if settings.url_map.serves(each) and not settings.ignores(each.key)
        ]
        self.ledger.add(served)
        if logger.log_level <= logging.DEBUG:
            for change in served:
                logger.debug(
                    "change received",
                    bucket=change.bucket,
                    key=change.key,
                    kind=change.kind,
                    occurred_at=change.occurred_at.isoformat(),
                )
        publish(Metric.CHANGES_RECEIVED, len(served))
        publish(Metric.CHANGES_NOT_SERVED, len(changes) - len(served))
        return len(served)

    def _drain(
        self,
        context: Any,
        until: float = inf,
        *,
        added: int = 0,
        before_work: Callable[[], None] = lambda: None,
    ) -> Report:
        """Drain for as long as the function lives, but not beyond `until` (unix seconds). This invocation has
        `added` so many changes of objects. `before_work` is called before a drain that may take long."""
        report = self.drain.run(
            # Lambda gives a retry of the same event the same request id.
            f"{context.aws_request_id} {uuid4().hex}",
            lambda: min(context.get_remaining_time_in_millis() / 1000, until - self.clock()),
            added=added,
            before_work=before_work,
        )
        # Most ticks find nothing to do. Their lines would hide the others, and CloudWatch charges for each.
        log = logger.debug if report == Report() else logger.info
        log(
            "drained",
            accepted=len(report.accepted),
            settled=report.settled,
            held=report.held,
            reason=report.reason,
            detail=report.detail,
            busy=report.busy,
        )
        return report

    def _answer(self, report: Report) -> dict[str, Any]:
        return {
            "purges": [{"url": purge.url, "request_id": purge.request_id} for purge in report.accepted],
            "given_up": [{"url": url, "reason": reason} for url, reason in report.given_up.items()],
            "settled": report.settled,
            "held": report.held,
            "reason": report.reason,
            "detail": report.detail,
            "busy": report.busy,
            "dry_run": self.settings.dry_run,
        }


def is_batch(event: object) -> bool:
    """Whether an event is a batch of the change queue's messages."""
    records = event.get("Records") if isinstance(event, dict) else None
    return (
        bool(records)
        and isinstance(records, list)
        and all(isinstance(record, dict) and record.get("eventSource") == "aws:sqs" for record in records)
    )


def _failures(messages: list[dict[str, Any]]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": message["messageId"]} for message in messages]}


def _repetition(asked_at: float, served: Iterable[AcceptedPurge]) -> dict[str, Any]:
    """The part of an answer for a repeated request only: the first call's time, and the purges that `served`
    it."""
    return {
        "first_asked_at": datetime.fromtimestamp(asked_at, UTC).isoformat(timespec="seconds"),
        "purges": [{"url": purge.url, "request_id": purge.request_id} for purge in served],
        "help": "The same request came less than 5 minutes ago. The purges in this list served it, and no "
        'purge was repeated. To purge the same again now, add a new "token": "any text".',
    }
