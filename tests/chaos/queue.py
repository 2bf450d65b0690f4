"""The change queue with its dead letters.

As SQS has it: what is received stays invisible for a while; what is neither deleted meanwhile nor was
received too often comes again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

VISIBILITY = 780.0
"""Seconds that a received message stays invisible: template.yaml's VisibilityTimeout."""

MAX_RECEIVES = 20
"""template.yaml's maxReceiveCount."""

_MOST_ENTRIES = 10


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

    def handle(self, operation: str, order: dict[str, Any], now: float) -> dict[str, Any]:
        """Answer a call of the functions. ValueError for what the queue does not know.

        SQS API reference: a batch has 1 to 10 entries with ids of their own, and answers for each by itself.
        """
        if operation == "ChangeMessageVisibility":
            self._change(order, now)
            return {}
        change = {"DeleteMessageBatch": self._forget, "ChangeMessageVisibilityBatch": self._change}[operation]
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

    def _forget(self, entry: dict[str, Any], _now: float) -> bool:
        """Deleting by an old receipt succeeds too, and often deletes nothing (SQS API reference)."""
        if message := self._of(entry):
            del self.messages[message.id]
        return True

    def _change(self, entry: dict[str, Any], now: float) -> bool:
        message = self._of(entry)
        if message:
            self._hide(message, now + entry["VisibilityTimeout"])
        return message is not None

    def _of(self, entry: dict[str, Any]) -> Message | None:
        """The message of a receipt, if that is its latest."""
        each, _, receives = entry["ReceiptHandle"].rpartition("/")
        message = self.messages.get(each)
        return message if message and str(message.receives) == receives else None

    def _hide(self, message: Message, until: float) -> None:
        message.visible_at = until
        self._on_visible(until)
