"""The change queue with its dead letters, and the mapping that gives its messages to SubmitPurge.

As Lambda and SQS have it: what is received stays invisible for a while; what a finished invocation did not
report is deleted; a failed or killed invocation deletes nothing; what was received twenty times is dead.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

VISIBILITY = 780.0
"""Seconds that a received message stays invisible: template.yaml's VisibilityTimeout."""

MAX_RECEIVES = 20
"""How often a message is received before it is dead: template.yaml's maxReceiveCount."""


@dataclass(slots=True)
class Message:
    """One message; `visible_at` in unix seconds. `malformed`: the truth about it."""

    id: str
    body: str
    malformed: bool
    visible_at: float
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """As SubmitPurge gets it."""
        return {
            "messageId": self.id,
            "receiptHandle": f"{self.id}/{self.receives}",
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:changes",
        }


class Queue:
    """Messages by id. `on_visible` is told when a message can be received (again), in unix seconds."""

    def __init__(self, on_visible: Callable[[float], None]) -> None:
        self._on_visible = on_visible
        self.messages: dict[str, Message] = {}
        self.dead: list[Message] = []

    def send(self, body: str, now: float, *, malformed: bool, number: int) -> None:
        """A message arrives."""
        message = Message(f"message-{number}", body, malformed, now)
        self.messages[message.id] = message
        self._on_visible(now)

    def receive(self, now: float, most: int) -> list[Message]:
        """A batch; what was received too often goes to the dead letters instead."""
        batch: list[Message] = []
        for message in list(self.messages.values()):
            if message.visible_at > now or len(batch) == most:
                continue
            if message.receives >= MAX_RECEIVES:
                self.dead.append(self.messages.pop(message.id))
                continue
            message.receives += 1
            self._hide(message, now + VISIBILITY)
            batch.append(message)
        return batch

    def delete(self, ids: Iterable[str]) -> None:
        """The mapping is done with them."""
        for each in ids:
            self.messages.pop(each, None)

    def change_visibility(self, receipt: str, visible_at: float) -> None:
        """SQS's ChangeMessageVisibility."""
        each, _, receives = receipt.rpartition("/")
        message = self.messages.get(each)
        if message is None or str(message.receives) != receives:
            raise ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "ChangeMessageVisibility")
        self._hide(message, visible_at)

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        self._on_visible(until)


class SqsClient:
    """What the functions call of SQS; `cross` is the boundary, `now` unix seconds."""

    def __init__(self, queue: Queue, now: Callable[[], float], cross: Callable[..., Any]) -> None:
        self._queue = queue
        self._now = now
        self._cross = cross

    # The names are boto3's.
    def change_message_visibility(
        self,
        QueueUrl: str,  # noqa: N803, ARG002
        ReceiptHandle: str,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
    ) -> None:
        """Hide a message for so many seconds from now."""

        def send() -> None:
            self._queue.change_visibility(ReceiptHandle, self._now() + VisibilityTimeout)

        def spoil(fault: Any, _send: Callable[[], None]) -> None:
            raise ClientError({"Error": {"Code": fault.name}}, "ChangeMessageVisibility")

        self._cross("sqs.ChangeMessageVisibility", send, spoil)
