"""The change queue, as far as a function has a say in it: the event source mapping receives."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from purging.aws.clients import AWS_ERRORS
from purging.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Entries in a batch request (SQS API reference, "DeleteMessageBatch").
_AT_ONCE = 10
# Seconds until a message that could not be kept comes again, doubled with each time it was received.
_FIRST_RETRY, _LAST_RETRY = 5, 600

Message = Mapping[str, Any]
"""A record of an event of the queue."""


class ChangeQueue:
    """Messages of one SQS queue. No method raises: what SQS does not take happens later by itself."""

    def __init__(self, url: str, client: "SQSClient") -> None:
        self._url = url
        self._client = client

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Delete messages now. The event source mapping deletes them only when the function has answered,
        and receives them again if it is cut off before."""
        self._send("not deleted yet", self._client.delete_message_batch, messages, lambda _message: {})

    def retry(self, messages: Sequence[Message]) -> None:
        """Let messages be received again within seconds, rather than when their visibility time-out is over,
        which is made for slow work; ever later if that fails again and again."""
        self._send(
            "retried later",
            self._client.change_message_visibility_batch,
            messages,
            lambda message: {"VisibilityTimeout": _wait(message)},
        )

    def reject(self, messages: Sequence[Message]) -> None:
        """Let messages that will never be understood be received again at once, and so reach the dead-letter
        queue within seconds."""
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
                # The next call would take as long to fail.
                logger.exception("messages " + otherwise, count=len(messages) - start)
                return
            if failed := answer.get("Failed"):
                logger.warning("messages " + otherwise, count=len(failed), reason=failed[0].get("Code"))


def _wait(message: Message) -> int:
    received = int(message.get("attributes", {}).get("ApproximateReceiveCount", 1))
    return int(min(_FIRST_RETRY * 2 ** min(received - 1, 10), _LAST_RETRY))
