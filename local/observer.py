"""Reads the state of a running stack: the emulated ImageKit, the ledger and the functions' logs."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from local.domain import AcceptedPurge, Ledger, Settings, as_accepted, month_of
from local.stack import Stack

FUNCTIONS = ("SubmitPurge", "CheckPurges")

LEASE = {"pk": {"S": "state"}, "sk": {"S": "lease"}}
"""The key of the ledger's item that says which invocation drains."""

_TIMEOUT = 60.0  # seconds: a busy machine is slow


@dataclass(frozen=True, slots=True)
class Accepted:
    """A purge that the emulated ImageKit accepted. Times are unix seconds; None: not Completed yet."""

    request_id: str
    url: str
    accepted_at: float
    completed_at: float | None

    def covers(self, url: str) -> bool:
        """Whether it drops the cache entry of a URL."""
        return url.startswith(self.url[:-1]) if self.url.endswith("*") else url == self.url


@dataclass(frozen=True, slots=True)
class LedgerPurge:
    """An accepted purge in the ledger.

    `completed_at` is when TrackPurges saw that it was Completed, in unix seconds; None before that.
    """

    purge: AcceptedPurge
    completed_at: float | None


@dataclass(frozen=True, slots=True)
class Work:
    """What SubmitPurge still has to do.

    `messages` in the change queue, with those that it has received; `pending` change sets in the ledger;
    `draining`: a drain runs.
    """

    messages: int
    pending: int
    draining: bool

    @property
    def done(self) -> bool:
        """Whether there is nothing to do. An event that S3 did not send yet does not count."""
        return not (self.messages or self.pending or self.draining)


class Observer:
    """Reads the state of one stack, and does not change it."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy for loopback addresses

    def imagekit(self) -> dict[str, Any]:
        """Returns the state of the emulated ImageKit: `purgesUsed`, `purgesPending`, `settings` and more."""
        state: dict[str, Any] = self._control("state")
        return state

    def accepted(self, since: float = 0.0) -> list[Accepted]:
        """Returns the purges that ImageKit accepted since a time (unix seconds), oldest first."""
        purges = [
            Accepted(each["requestId"], each["url"], each["acceptedAt"], each["completedAt"])
            for each in self._control("purges")
        ]
        return [purge for purge in purges if purge.accepted_at >= since]

    def ledger_purges(self) -> dict[str, LedgerPurge]:
        """Returns the accepted purges in the ledger, by request id."""
        pages = self._stack.ledger.get_paginator("query").paginate(
            TableName=self._stack.outputs["LedgerTable"],
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "submitted"}},
            ConsistentRead=True,
        )
        return {
            purge.request_id: LedgerPurge(purge, float(done["N"]) if done else None)
            for page in pages
            for item in page["Items"]
            for purge, done in [(as_accepted(item), item.get("completed_at"))]
        }

    def ledger(self) -> Ledger:
        """Returns the ledger, as the functions use it."""
        return Ledger(self._stack.outputs["LedgerTable"], self._stack.ledger)

    def work(self) -> Work:
        """Returns what is still to do.

        A change moves from the queue to the ledger. They are read in this order, so no change is overlooked.
        """
        messages = self._messages()
        pending = len(self.ledger().pending())
        lease = self._stack.ledger.get_item(
            TableName=self._stack.outputs["LedgerTable"], Key=LEASE, ConsistentRead=True
        ).get("Item")
        draining = lease is not None and float(lease["until"]["N"]) >= time.time()
        return Work(messages, pending, draining)

    def used(self, now: float) -> int:
        """Returns how many purges the ledger counts in the month of `now` (unix seconds, month in UTC)."""
        return self.ledger().state(month_of(now)).used

    def settings(self) -> Settings:
        """Returns the settings that SubmitPurge is deployed with."""
        configuration = self._stack.functions.get_function_configuration(
            FunctionName=self._stack.outputs["SubmitPurgeFunction"]
        )
        return Settings.from_env(configuration["Environment"]["Variables"])

    def log(self, function: str, message: str, since: float = 0.0) -> Iterator[dict[str, Any]]:
        """Yields the log lines of a function that have this message, since a time.

        Each line gets a field `at`: its time in unix seconds. The emulated AWS stores the lines of an
        invocation when it ends.
        """
        for line in self.lines(function, since):
            fields = _fields(line)
            if fields.get("message") == message and fields["at"] >= since:
                yield fields

    def lines(self, function: str, since: float = 0.0) -> Iterator[str]:
        """Yields all lines that a function and its platform logged since a time (unix seconds)."""
        pages = self._stack.cloudwatch_logs.get_paginator("filter_log_events").paginate(
            logGroupName=self._stack.log_group(function), startTime=int(since * 1000)
        )
        for page in pages:
            for event in page["events"]:
                yield event["message"]

    def keep_logs(self) -> None:
        """Write the functions' logs to files beside the other logs. The emulated AWS does not keep them."""
        for function in FUNCTIONS:
            text = "".join(f"{line}\n" for line in self.lines(function))
            (self._stack.workspace.logs / f"{function}.log").write_text(text)

    def most_receives(self) -> int:
        """Returns how often the change queue delivers a message before it becomes a dead letter."""
        policy = self._queue_attributes()["RedrivePolicy"]
        return int(json.loads(policy)["maxReceiveCount"])

    def _messages(self) -> int:
        return sum(
            int(count)
            for name, count in self._queue_attributes().items()
            if name.startswith("ApproximateNumberOfMessages")
        )

    def _queue_attributes(self) -> dict[str, str]:
        answer = self._stack.sqs.get_queue_attributes(
            QueueUrl=self._stack.outputs["ChangeQueueUrl"], AttributeNames=["All"]
        )
        return {str(name): value for name, value in answer["Attributes"].items()}

    def _control(self, name: str) -> Any:
        return self._http.get(f"{self._stack.imagekit}/_control/{name}", timeout=_TIMEOUT).json()


def _fields(line: str) -> dict[str, Any]:
    """Returns the fields of a structured log line; none for other lines, such as metrics."""
    try:
        fields = json.loads(line)
        return {**fields, "at": datetime.strptime(fields["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp()}
    except (ValueError, TypeError, KeyError):
        return {}
