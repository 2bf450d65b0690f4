"""Delivers an event to the deployed function, and follows it until its purges are Completed."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from local.domain import is_manual
from local.errors import LocalError
from local.observer import Observer
from local.polling import attempts
from local.progress import Progress
from local.replay.event import Event
from local.replay.outcome import ChangeOutcome, OutcomeFinder
from local.session import session
from local.stack import Stack

DEADLINE_SECONDS = 300.0
"""In which all purges must be Completed and their executions ended, also on a busy machine."""

_POLL_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of TrackPurges."""

    arn: str
    status: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What became of a delivery at one moment.

    `hold_reason` is what the last drain says about the changes that it holds; empty if it holds none.
    """

    outcomes: list[ChangeOutcome]
    executions: list[Execution]
    hold_reason: str

    @property
    def in_progress(self) -> bool:
        """Whether more will happen by itself. A change that a drain holds may wait for hours."""
        return any(
            outcome.pending and not (outcome.held and self.hold_reason) for outcome in self.outcomes
        ) or any(execution.status == "RUNNING" for execution in self.executions)

    @property
    def new_purges(self) -> set[str]:
        """The request ids of the purges that were made for the delivery."""
        return _new_purges(self.outcomes)


def replay(path: Path, console: Console) -> int:
    """Deliver a file to the running stack, or to a stack of its own.

    Returns 0 if nothing of the file is left to purge, else 1. Raises BadInput for a file that cannot work,
    and LocalError if this machine fails.
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
        """Deliver an event, and show what becomes of it within `deadline` seconds.

        Returns 0 if nothing is left to purge, else 1. The answer to a question is shown as it is.
        """
        if event.is_question:
            self._say(json.dumps(self._deliver(event), indent=2, ensure_ascii=False))
            return 0
        local_event = event.on_stack(self._stack.url_endpoint)
        if local_event != event:
            self._say(f"Here {self._stack.url_endpoint} stands for the event's URL-endpoint at ImageKit.")
        settings = self._observer.settings()
        since = time.time()
        changes = local_event.changes(settings, since)
        answer = self._deliver(local_event)
        self._say(f"Delivered {event.path} to SubmitPurge, which took {time.time() - since:.1f} s.")
        repetition = answer.get("repetition")
        if repetition:
            self._say(repetition["help"], "yellow")
        finder = OutcomeFinder(
            self._observer,
            settings,
            changes,
            manual=is_manual(local_event.body),
            since=since,
            asked_at=_first_asked_at(repetition) if repetition else since,
        )
        survey = self._follow(finder, since, deadline)
        self._show(survey)
        poison = [failure["itemIdentifier"] for failure in answer.get("batchItemFailures", [])]
        self._show_poison(poison, event.poison_reasons())
        return self._conclude(survey, poisoned=len(poison))

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

    def _follow(self, finder: OutcomeFinder, since: float, deadline: float) -> Survey:
        """Survey until nothing more happens by itself, or until `deadline` seconds have passed."""
        with self._console.status("Follow the purges until they are Completed …"):
            for _ in attempts(deadline, _POLL_SECONDS):
                survey = self._survey(finder, since)
                if not survey.in_progress:
                    break
        return survey

    def _survey(self, finder: OutcomeFinder, since: float) -> Survey:
        hold_reason = self._hold_reason(since)
        outcomes = finder.find()
        return Survey(outcomes, self._executions(_new_purges(outcomes), since), hold_reason)

    def _hold_reason(self, since: float) -> str:
        """Returns what the last drain holds, and why; empty if it holds nothing.

        A `busy` drain does not know: another drain was at work, and logs what it holds when it ends.
        """
        drains = [line for line in self._observer.log("SubmitPurge", "drained", since) if not line["busy"]]
        last = max(drains, key=lambda line: line["at"], default=None)
        if last is None or not last["held"]:
            return ""
        count = last["held"]
        return f"{_count(count, 'change')} {'is' if count == 1 else 'are'} held ({last['reason']})"

    def _executions(self, request_ids: set[str], since: float) -> list[Execution]:
        """Returns the executions since `since` (unix seconds) that follow any of these purges."""
        if not request_ids:
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
            and request_ids.intersection(
                _request_ids(states.describe_execution(executionArn=each["executionArn"])["input"])
            )
        ]

    def _show(self, survey: Survey) -> None:
        change = ""
        for outcome in survey.outcomes:
            if outcome.change != change:
                change = outcome.change
                self._say(change, "bold")
            if outcome.url:
                self._say(f"  {outcome.url}")
            self._say(f"    {outcome.text()}", "yellow" if outcome.pending else "green")
        if not survey.outcomes:
            self._say("It names no change, so there is nothing to purge.")
        for execution in survey.executions:
            style = {"SUCCEEDED": "green", "RUNNING": "yellow"}.get(execution.status, "red")
            self._say(f"Execution {execution.arn}: {execution.status}", style)
        if survey.hold_reason and any(outcome.held for outcome in survey.outcomes):
            self._say(f"{survey.hold_reason}: the next tick tries again.", "yellow")

    def _show_poison(self, messages: list[str], reasons: Mapping[str, str]) -> None:
        for message in messages:
            reason = reasons.get(message, "see the log of SubmitPurge")
            self._say(f"Poison: message {message} is not understood: {reason}", "red")
        if messages:
            often = self._observer.most_receives()
            self._say(f"  The queue delivers a message {often} times, then moves it to the dead letters.")

    def _conclude(self, survey: Survey, *, poisoned: int) -> int:
        """Print a summary. Returns the exit status."""
        pending = sum(outcome.pending for outcome in survey.outcomes)
        failed = sum(execution.status != "SUCCEEDED" for execution in survey.executions)
        if not (pending or failed or poisoned):
            count = len(survey.new_purges)
            if survey.outcomes:
                self._say(
                    f"{_count(count, 'purge')} Completed." if count else "No purge was needed.", "bold green"
                )
            return 0
        counts = {
            f"not purged: {_count(pending, 'URL')}": pending,
            f"did not succeed: {_count(failed, 'execution')}": failed,
            f"not understood: {_count(poisoned, 'message')}": poisoned,
        }
        self._say("; ".join(text for text, count in counts.items() if count) + ".", "bold red")
        self._observer.keep_logs()
        self._say(f"Logs: {self._stack.workspace.logs}")
        return 1

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(text, style), soft_wrap=True)


def _first_asked_at(repetition: Mapping[str, str]) -> float:
    """Returns when the manual purge that was repeated was first requested, in unix seconds."""
    return datetime.fromisoformat(repetition["first_asked_at"]).timestamp()


def _new_purges(outcomes: list[ChangeOutcome]) -> set[str]:
    return {outcome.purge.purge.request_id for outcome in outcomes if outcome.new_purge and outcome.purge}


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _request_ids(execution_input: str) -> set[str]:
    """Returns the request ids of the purges that an execution was given."""
    return {purge["request_id"] for purge in json.loads(execution_input)["purges"]}
