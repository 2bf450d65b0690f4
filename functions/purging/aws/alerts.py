"""Tells people, through the topic Alerts, what only they can put right."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from purging.aws.clients import AWS_ERRORS
from purging.ledger.store import Ledger
from purging.telemetry import logger

# A function that is killed before it has published mutes an alert for so many seconds.
_CLAIM_SECONDS = 120.0

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class Alerts:
    """Publishes each alert once, not every minute for as long as its cause lasts."""

    def __init__(
        self, topic_arn: str, client: "SNSClient", ledger: Ledger, clock: Callable[[], float]
    ) -> None:
        self._arn = topic_arn
        self._client = client
        self._ledger = ledger
        self._clock = clock

    def send(self, name: str, subject: str, message: str, *, every: float) -> bool:
        """Publish, unless an alert of this name went out in the last `every` seconds; whether it went out,
        now or then.

        `subject` has up to 100 ASCII characters (SNS API reference, "Publish").
        """
        claim = self._ledger.alerts.claim(name, uuid4().hex, self._clock(), _CLAIM_SECONDS)
        if claim != "ours":
            return claim == "sent"
        logger.warning("alert", subject=subject, text=message)
        try:
            self._client.publish(TopicArn=self._arn, Subject=subject[:100], Message=message)
        except AWS_ERRORS:
            # The purges matter more: go on, and let the next drain try to say it.
            logger.exception("alert not published", subject=subject)
            self._ledger.alerts.forget(name)
            return False
        self._ledger.alerts.sent(name, self._clock(), every)
        return True
