"""Alerts people, through the SNS topic, to problems that only people can solve."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from purging.aws.clients import AWS_ERRORS
from purging.ledger.store import Ledger
from purging.telemetry import logger

# Seconds for which no other function may send an alert that a function has claimed.
_CLAIM_SECONDS = 120.0
# Characters of an alert that a chat shows. It is no place for hundreds of URLs.
_CHAT = 2_000

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class Alerts:
    """Publishes each alert once, although its cause may be found every minute. `clock` gives unix seconds."""

    def __init__(
        self, topic_arn: str, client: "SNSClient", ledger: Ledger, clock: Callable[[], float]
    ) -> None:
        self._arn = topic_arn
        self._client = client
        self._ledger = ledger
        self._clock = clock

    def send(self, name: str, subject: str, message: str, *, every: float) -> bool:
        """Publish an alert, unless one with this name was published in the last `every` seconds.

        Returns whether it was published, now or earlier. `subject` is ASCII and is cut to 100 characters:
        https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
        Raises one of AWS_ERRORS if the ledger fails. If SNS fails, the next call tries again.
        """
        claim = self._ledger.alerts.claim(name, uuid4().hex, self._clock(), _CLAIM_SECONDS)
        if claim != "ours":
            return claim == "sent"
        logger.warning("alert", subject=subject, text=message)
        try:
            self._client.publish(
                TopicArn=self._arn,
                Subject=subject[:100],
                Message=_by_protocol(subject, message),
                MessageStructure="json",
            )
        except AWS_ERRORS:
            # Purges matter more than alerts: the caller goes on, and the next call tries again.
            logger.exception("alert not published", subject=subject)
            self._ledger.alerts.forget(name)
            return False
        self._ledger.alerts.sent(name, self._clock(), every)
        return True


def _by_protocol(subject: str, message: str) -> str:
    """The message for each protocol of a subscription, as JSON:
    https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html

    Amazon Q Developer brings alerts to a chat, subscribes by HTTPS, and drops texts that have not its form:
    https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
    """
    content = {"title": subject, "description": message[:_CHAT]}
    chat = {"version": "1.0", "source": "custom", "content": content}
    return json.dumps({"default": message, "https": json.dumps(chat)}, ensure_ascii=False)
