"""The change queue. The event source mapping receives its messages; a function deletes or hides them."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from purging.aws.clients import AWS_ERRORS
from purging.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Entries of a batch request:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html
_AT_ONCE = 10
# Seconds until a message that could not be kept is received again. They double with each receipt.
_FIRST_RETRY, _LAST_RETRY = 5, 600

Message = Mapping[str, Any]
"""A record of an event that the queue sent."""


class ChangeQueue:
    """Messages of one SQS queue. No method raises an error if SQS fails: then the effect only comes later."""

    def __init__(self, url: str, client: "SQSClient") -> None:
        self._url = url
        self._client = client

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Delete messages now. The event source mapping deletes them only after the function's answer: if the
        function is killed before that, they come again."""
        self._send("not deleted yet", self._client.delete_message_batch, messages, lambda _message: {})

    def retry(self, messages: Sequence[Message]) -> None:
        """Let messages be received again within seconds, which double with each receipt. Their own visibility
        time-out would hide them for longer."""
        self._send(
            "retried later",
            self._client.change_message_visibility_batch,
            messages,
            lambda message: {"VisibilityTimeout": _wait(message)},
        )

    def reject(self, messages: Sequence[Message]) -> None:
        """Let malformed messages be received again at once, so that they reach the dead-letter queue within
        seconds."""
        self._send(
            "rejected later",
            self._client.change_message_visibility_batch,
            messages,
            lambda _message: {"VisibilityTimeout": 0},
        )

    def _send(
        self,
        otherwise: str,
        call: Callable[..., Any],
        messages: Sequence[Message],
        more: Callable[[Message], dict[str, int]],
    ) -> None:
        """Make the batch calls. `more` gives further fields of a message's entry, and `otherwise` is what the
        log says of the messages if SQS fails."""
        for start in range(0, len(messages), _AT_ONCE):
            part = messages[start : start + _AT_ONCE]
            try:
                answer = call(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": message["receiptHandle"], **more(message)}
                        for number, message in enumerate(part)
                    ],
                )
            except AWS_ERRORS:
                # The next call would probably fail, too, and take as long.
                logger.exception("messages " + otherwise, count=len(messages) - start)
                return
            if failed := answer.get("Failed"):
                logger.warning("messages " + otherwise, count=len(failed), reason=failed[0].get("Code"))


def oldest_seconds(messages: Sequence[Message], now: float) -> float:
    """The age in seconds of the oldest message at a time (unix seconds). SQS says when each was sent:
    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    sent = [int(message.get("attributes", {}).get("SentTimestamp", now * 1000)) for message in messages]
    return max(now - min(sent, default=now * 1000) / 1000, 0.0)


def _wait(message: Message) -> int:
    """Seconds until the message may be received again."""
    received = int(message.get("attributes", {}).get("ApproximateReceiveCount", 1))
    return int(min(_FIRST_RETRY * 2 ** min(received - 1, 10), _LAST_RETRY))
