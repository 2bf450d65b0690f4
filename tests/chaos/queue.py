"""The change queue with its dead-letter queue, as in SQS.

A received message stays invisible for a time. If it is not deleted by then, it can be received again, or it
becomes a dead letter after too many receives.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

VISIBILITY = 780.0
"""template.yaml's VisibilityTimeout, in seconds."""

MAX_RECEIVES = 20
"""template.yaml's maxReceiveCount."""

_MOST_ENTRIES = 10


@dataclass(slots=True)
class Message:
    """A message that is visible from `visible_at` on, in unix seconds."""

    id: str
    body: str
    visible_at: float
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """Returns the record that SubmitPurge gets."""
        return {
            "messageId": self.id,
            "receiptHandle": f"{self.id}/{self.receives}",
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:changes",
        }


class Queue:
    """Messages by id. `on_visible` is called with the time, in unix seconds, when a message is visible."""

    def __init__(self, on_visible: Callable[[float], None]) -> None:
        self._on_visible = on_visible
        self.messages: dict[str, Message] = {}
        self.dead: list[Message] = []

    def send(self, body: str, now: float, *, number: int) -> None:
        """Adds a message."""
        message = Message(f"message-{number}", body, now)
        self.messages[message.id] = message
        self._on_visible(now)

    def receive(self, now: float, most: int) -> list[Message]:
        """Returns a batch. A message that was received too often becomes a dead letter instead."""
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
        """Deletes messages for the event source mapping."""
        for each in ids:
            self.messages.pop(each, None)

    def handle(self, operation: str, order: dict[str, Any], now: float) -> dict[str, Any]:
        """Answers a call of the functions. Raises ValueError for a wrong batch.

        A batch has 1 to 10 entries with different ids, and each entry has a result of its own:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html
        """
        if operation == "ChangeMessageVisibility":
            self._change(order, now)
            return {}
        change = {"DeleteMessageBatch": self._delete_one, "ChangeMessageVisibilityBatch": self._change}[
            operation
        ]
        entries = order["Entries"]
        if not 1 <= len(entries) <= _MOST_ENTRIES or len({each["Id"] for each in entries}) < len(entries):
            raise ValueError(f"{operation} with {len(entries)} entries")
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in entries:
            if change(entry, now):
                answer["Successful"].append({"Id": entry["Id"]})
            else:
                failed = {"Id": entry["Id"], "SenderFault": True, "Code": "ReceiptHandleIsInvalid"}
                answer["Failed"].append(failed)
        return answer

    def _delete_one(self, entry: dict[str, Any], _now: float) -> bool:
        """Deletes a message. With an old receipt handle this succeeds too, but may delete nothing:

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
        """
        if message := self._message_of(entry):
            del self.messages[message.id]
        return True

    def _change(self, entry: dict[str, Any], now: float) -> bool:
        message = self._message_of(entry)
        if message:
            self._hide(message, now + entry["VisibilityTimeout"])
        return message is not None

    def _message_of(self, entry: dict[str, Any]) -> Message | None:
        """Returns the message of a receipt handle, if this is its latest one."""
        each, _, receives = entry["ReceiptHandle"].rpartition("/")
        message = self.messages.get(each)
        return message if message and str(message.receives) == receives else None

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        self._on_visible(until)
