"""The change queue, as far as a function has a say in it: the event source mapping receives and deletes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from purging.errors import AWS_ERRORS
from purging.telemetry import logger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class ChangeQueue:
    """Messages of one SQS queue."""

    def __init__(self, url: str, client: "SQSClient") -> None:
        self._url = url
        self._client = client

    def reject(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Let messages that will never be understood be received again at once.

        They reach the dead-letter queue within seconds, instead of once the visibility time-out, which is
        made for slow work, has passed as often as the redrive policy allows.
        """
        for record in records:
            try:
                self._client.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
                )
            except AWS_ERRORS:
                # It goes the same way later.
                logger.exception("rejected message waits for its visibility time-out")
