"""The replay from beginning to end."""

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from local.domain import manual
from local.errors import LocalError
from local.observer import Observer
from local.progress import Progress
from local.replay.event import Event
from local.replay.fate import Fate, Fates
from local.session import session
from local.stack import Stack

DEADLINE_SECONDS = 300.0
"""For all purges to be Completed, and for their executions to end: also on a busy machine."""

_POLL = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class Execution:
    """One of TrackPurges."""

    arn: str
    status: str


def replay(path: Path, console: Console) -> int:
    """Deliver a file to the running stack, or to one of its own; 0 if nothing of it is left to purge, else 1.

    Raises BadInput for a file that cannot work, LocalError if this machine fails.
    """
    event = Event.read(path)
    with session(progress=Progress(console)) as stack:
        return Replay(stack, console).run(event)


class Replay:
    """Delivers events to one stack."""

    def __init__(self, stack: Stack, console: Console) -> None:
        self._stack = stack
        self._console = console
        self._observer = Observer(stack)

    def run(self, event: Event, deadline: float = DEADLINE_SECONDS) -> int:
        """Deliver one, show what becomes of it within `deadline` seconds; 0 if nothing is left to purge."""
        meant = event.here(self._stack.url_endpoint)
        if meant != event:
            self._say(f"Here {self._stack.url_endpoint} stands for the event's URL-endpoint at ImageKit.")
        settings = self._observer.settings()
        since = time.time()
        changes = meant.changes(settings, since)
        answer = self._deliver(meant)
        self._say(f"Delivered {event.path} to SubmitPurge, which took {time.time() - since:.1f} s.")
        by_hand = manual.is_manual(meant.body)
        asked_at = self._asked_at(answer, since)
        fates = Fates(self._observer, settings, changes, manual=by_hand, since=since, asked_at=asked_at)
        seen, executions, held = self._follow(fates, since, deadline)
        self._show(seen, executions)
        if held:
            self._say(f"{held}: the next tick tries again.", "yellow")
        reasons = event.poison()
        poison = [failure["itemIdentifier"] for failure in answer.get("batchItemFailures", [])]
        for message in poison:
            why = reasons.get(message, "see the log of SubmitPurge")
            self._say(f"Poison: message {message} is not understood: {why}", "red")
        if poison:
            often = self._observer.most_receives()
            self._say(f"  The queue delivers a message {often} times, then moves it to the dead letters.")
        return self._verdict(seen, executions, poisoned=len(poison))

    def _deliver(self, event: Event) -> dict[str, Any]:
        response = self._stack.functions.invoke(
            FunctionName=self._stack.outputs["SubmitPurgeFunction"], Payload=json.dumps(event.body)
        )
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            self._observer.keep_logs()
            log = self._stack.workspace.logs / "SubmitPurge.log"
            raise LocalError(f"SubmitPurge failed on {event.path}: {answer.get('errorMessage')}", log)
        return answer

    def _asked_at(self, answer: dict[str, Any], since: float) -> float:
        """When a manual purge was first asked for: the answer to a repetition says it."""
        if "repetition" not in answer:
            return since
        self._say(answer["repetition"]["help"], "yellow")
        return datetime.fromisoformat(answer["repetition"]["first_asked_at"]).timestamp()

    def _held(self, since: float) -> str:
        """What the last drain left waiting, and why; empty if nothing.

        A drain that was busy says nothing about it: the one that was at it does, once it ends.
        """
        drains = [line for line in self._observer.log("SubmitPurge", "drained", since) if not line["busy"]]
        last = max(drains, key=lambda line: line["at"], default=None)
        if last is None or not last["held"]:
            return ""
        count = last["held"]
        return f"{_count(count, 'change')} {'is' if count == 1 else 'are'} held ({last['reason']})"

    def _follow(self, fates: Fates, since: float, deadline: float) -> tuple[list[Fate], list[Execution], str]:
        """Look until nothing is open, or what is left waits for something that does not come by itself: then
        what is held, and why."""
        end = time.monotonic() + deadline
        with self._console.status("Follow the purges until they are Completed …"):
            while True:
                late = time.monotonic() >= end
                held = self._held(since)
                seen = fates.look()
                executions = self._executions(seen, since)
                waiting = [fate for fate in seen if fate.open and not fate.purge]
                moving = [fate for fate in seen if fate.open and (fate.purge or not held)]
                running = [each for each in executions if each.status == "RUNNING"]
                if not (moving or running) or late:
                    return seen, executions, held if waiting else ""
                time.sleep(_POLL)

    def _executions(self, fates: list[Fate], since: float) -> list[Execution]:
        """Those that follow the purges made for this delivery, which was at unix time `since`."""
        ids = {fate.purge.purge.request_id for fate in fates if fate.own and fate.purge}
        if not ids:
            return []
        states = self._stack.states
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=self._stack.outputs["TrackPurgesArn"]
        )
        return [
            Execution(each["executionArn"], each["status"])
            for page in pages
            for each in page["executions"]
            if each["startDate"].timestamp() > since - 1  # the list has no fractions of a second
            and ids.intersection(
                _followed(states.describe_execution(executionArn=each["executionArn"])["input"])
            )
        ]

    def _show(self, fates: list[Fate], executions: list[Execution]) -> None:
        change = ""
        for fate in fates:
            if fate.change != change:
                change = fate.change
                self._say(change, "bold")
            if fate.url:
                self._say(f"  {fate.url}")
            self._say(f"    {fate.text()}", "yellow" if fate.open else "green")
        if not fates:
            self._say("It names no change, so there is nothing to purge.")
        for execution in executions:
            style = {"SUCCEEDED": "green", "RUNNING": "yellow"}.get(execution.status, "red")
            self._say(f"Execution {execution.arn}: {execution.status}", style)

    def _verdict(self, fates: list[Fate], executions: list[Execution], *, poisoned: int) -> int:
        waiting = sum(fate.open for fate in fates)
        failed = sum(execution.status != "SUCCEEDED" for execution in executions)
        if not (waiting or failed or poisoned):
            own = {fate.purge.purge.request_id for fate in fates if fate.own and fate.purge}
            done = f"{_count(len(own), 'purge')} Completed." if own else "No purge was needed."
            if fates:
                self._say(done, "bold green")
            return 0
        counts = {
            f"not purged: {_count(waiting, 'URL')}": waiting,
            f"did not succeed: {_count(failed, 'execution')}": failed,
            f"not understood: {_count(poisoned, 'message')}": poisoned,
        }
        self._say("; ".join(text for text, count in counts.items() if count) + ".", "bold red")
        self._observer.keep_logs()
        self._say(f"Logs: {self._stack.workspace.logs}")
        return 1

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=True)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _followed(given: str) -> set[str]:
    """The request ids of the purges that an execution was given."""
    return {purge["request_id"] for purge in json.loads(given)["purges"]}
