"""The audit log of a simulation: changes, manual requests, accepted purges, alerts and ends of invocations.

The checkers read it: `quota_checker.py`, `duplicate_checker.py`, `lost_change_checker.py`,
`end_state_checker.py` and `alert_checker.py`.
"""

import json
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from local.imagekit.answers import Answer, Request
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.bucket import Version
    from tests.chaos.functions import Invocation
    from tests.chaos.schedule import Step
    from tests.chaos.simulation import Simulation

# SubmitPurge treats the same request within 5 minutes as a repetition (README.md, "Purge by hand").
# The clocks of two invocations may differ by several seconds.
_REPETITION_SECONDS, _CLOCK_MARGIN = 300.0, 15.0

INVARIANTS = {
    "a": "every change is purged, or given up with an alert",
    "b": "the quota holds, and only purges that ImageKit may have counted are counted",
    "c": "at the end, nothing is left in the ledger and the queue",
    "d": "every accepted purge is tracked until it is Completed or alerted",
    "e": "the dead letters are exactly the malformed messages",
    "f": "no secret is written to a log, the table, an execution or an alert",
    "g": "every change is covered or alerted in time, and every alert is true",
    "h": "no change is purged twice, except for a known reason",
    "i": "no function runs into its time-out",
}

REPEAT_REASONS = {
    "unclear": "ImageKit accepted it, and the function got no usable answer",
    "killed": "the function was killed after ImageKit accepted it and before the ledger recorded it",
    "not recorded": "DynamoDB did not take the record of the accepted purge",
    "lost lease": "the lease was taken from a running drain (docs/operations.md, `A stuck lease`)",
}
"""Why the functions may purge the same change again. A manual request is a reason of its own."""


@dataclass(frozen=True, slots=True)
class ChangeToPurge:
    """A change that needs a purge at `time` or later. Its message is first receivable at `visible_at`.

    Both are unix seconds by the true clock.
    """

    step: "Step"
    time: float
    visible_at: float


class Purge(NamedTuple):
    """A purge that ImageKit accepted, with the time in unix seconds."""

    time: float
    url: str
    request_id: str


class Tick(NamedTuple):
    """An invocation by the schedule: when it ended, and whether it was undisturbed or failed."""

    time: float
    undisturbed: bool
    failed: bool


class AuditLog:
    """`violations` are the violated invariants, each with its letter. Times are unix seconds."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.changes_to_purge: list[ChangeToPurge] = []
        self.changes: list[tuple[float, str]] = []
        """Time and key of every change, whether it needs a purge or not."""
        self.required_manual_urls: list[tuple[float, str]] = []
        """Time and URL of what people requested by hand, and the functions must purge."""
        self.possible_manual_urls: list[tuple[float, str]] = []
        """Time and URL of what the functions may purge because of a manual request."""
        self.imagekit_log: list[tuple[float, str, str, str]] = []
        """ImageKit's calls: time, URL or request id in the call, outcome, request id in the answer."""
        self.accepted: list[Purge] = []
        self.repeat_reasons: dict[str, str] = {}
        """By request id: why the functions do not know of an accepted purge, a key of REPEAT_REASONS."""
        self.maybe_counted = 0
        """Calls without a usable answer that ImageKit may have counted."""
        self.interrupted = 0
        """Invocations that could not give back their reserved quota."""
        self.refused: dict[str, float] = {}
        """By URL: when its purge was last refused or not answered."""
        self.alerts: list[tuple[float, str]] = []
        self.ticks: list[Tick] = []
        self.failures: list[float] = []
        """When SubmitPurge failed."""
        self.died = False
        """Whether a function was killed, or ran into its time-out."""
        self.tracking_results: dict[str, str] = {}
        """By request id: how its execution ended."""
        self.authorizations: set[str] = set()
        self.violations: list[str] = []
        self._possible_first_calls: dict[str, list[float]] = {}
        """By request: the calls of which the functions may take any one for the first."""
        self._last_requested: dict[str, float] = {}
        self._failed_requests: set[str] = set()

    def add_violation(self, letter: str, text: str) -> None:
        """Records that an invariant does not hold, at most three times for each invariant."""
        if sum(each.startswith(f"({letter})") for each in self.violations) < 3:
            self.violations.append(f"({letter}) {text}")

    def record_change(self, step: "Step", now: float, before: "Version | None") -> None:
        """Records that an object changed. `before` is the latest version before the change.

        With SkipNewObjects and versions, a new key needs no purge. If the latest version is a removal, a
        purge after the removal is enough for the new object too.
        """
        setup = self.simulation.schedule.setup
        self.changes.append((now, step.key))
        visible_at = now + min(step.deliveries)
        if step.kind == "created" and setup.versioned and setup.skip_new:
            if before is None:
                return
            if before.kind == "removed":
                now = before.time
        self.changes_to_purge.append(ChangeToPurge(step, now, visible_at))

    def record_manual_request(self, request: str, now: float) -> None:
        """Records a manual request, in JSON. The same request may come several times."""
        setup, event = self.simulation.schedule.setup, json.loads(request)
        urls = [url for entry in event.get("keys", ()) for url in targets(setup, entry["key"])]
        urls += event.get("urls", ())
        # If some of several equal requests failed, it is not known here which one the functions saw first.
        if now - self._last_requested.get(request, -inf) > _REPETITION_SECONDS + _CLOCK_MARGIN:
            self.required_manual_urls += [(now, url) for url in urls]
        self._last_requested[request] = now
        calls = self._possible_first_calls.get(request, [-inf])
        if request in self._failed_requests or now - min(calls) > _REPETITION_SECONDS - _CLOCK_MARGIN:
            # A failed call may have been remembered, so an earlier one stays possible until it is forgotten.
            remembered = [each for each in calls if now - each <= _REPETITION_SECONDS + _CLOCK_MARGIN]
            self._possible_first_calls[request] = [*remembered, now]
            self.possible_manual_urls += [(now, url) for url in urls]

    def record_manual_answer(self, request: str, answer: Any) -> None:
        """Records the answer to a manual request. After a failure (None) the functions may not know it."""
        if answer is None:
            self._failed_requests.add(request)
        else:
            self._failed_requests.discard(request)

    def record_call(self, request: Request, answer: Answer) -> None:
        """Records a call that ImageKit handled, even if the connection broke before the answer."""
        now = self.simulation.now
        self.authorizations.add((request.authorization or "").removeprefix("Basic "))
        purges = self.simulation.emulator.state.purges.all()
        asked = json.loads(request.body)["url"] if request.body else request.target
        given = ""
        if len(purges) > len(self.accepted):
            purge = purges[-1]
            given = purge.request_id
            self.accepted.append(Purge(now, purge.url, given))
            self.simulation.invocation.accepted.append(given)
            self.simulation.quota_checker.record_purge(now, purge.url)
        self.imagekit_log.append((now, asked, answer.outcome, given))

    def record_refused(self, url: str) -> None:
        """Records that a purge of a URL was refused or not answered, for no limit and for no wrong key."""
        self.refused[url] = self.simulation.now

    def record_unclear(self, accepted: int, *, counts: bool) -> None:
        """Records that a purge call got no usable answer.

        Before the call, the invocation had `accepted` purges. `counts` says whether the caller must assume
        that ImageKit counted the call.
        """
        self.maybe_counted += counts
        self.repeat_reasons |= dict.fromkeys(self.simulation.invocation.accepted[accepted:], "unclear")

    def record_alert(self, subject: str, message: str) -> None:
        """Records an alert that SNS took."""
        self.alerts.append((self.simulation.now, f"{subject}\n{message}"))

    def record_end(self, invocation: "Invocation", answer: Any) -> None:
        """Records the end of an invocation. The answer is None if the function failed or was killed."""
        now = self.simulation.now
        self.died = self.died or invocation.dead
        if invocation.dead and not invocation.killed_by_fault:
            self.add_violation("i", f"{invocation.name}, begun at {invocation.began:.3f}, ran out of time")
        if invocation.name != "SubmitPurge":
            return
        if answer is None:
            self.failures.append(now)
        self.interrupted += answer is None or "dynamodb" in invocation.failed_services
        if invocation.lost_lease:
            for request_id in invocation.accepted:
                self.repeat_reasons.setdefault(request_id, "lost lease")
        unexplained = set(invocation.accepted) - self.repeat_reasons.keys()
        if unexplained and (reason := _why_unknown(invocation)):
            items = self.simulation.aws.items()
            known = {item["request_id"]["S"] for item in items if item["pk"]["S"] == "submitted"}
            self.repeat_reasons |= dict.fromkeys(unexplained - known, reason)

    def record_tick(self, invocation: "Invocation", answer: Any) -> None:
        """Records the end of an invocation by the schedule."""
        undisturbed = answer is not None and not answer["busy"] and "sns" not in invocation.failed_services
        self.ticks.append(Tick(self.simulation.now, undisturbed, answer is None))

    @property
    def by_month(self) -> Counter[str]:
        """How many purges the ledger counted, by month."""
        return Counter(
            {
                item["sk"]["S"].removeprefix("quota#"): int(item["used"]["N"])
                for item in self.simulation.aws.items()
                if item["pk"]["S"] == "state" and item["sk"]["S"].startswith("quota#")
            }
        )


def _why_unknown(invocation: "Invocation") -> str:
    """Why the ledger does not have a purge of an invocation; empty without a known reason."""
    if invocation.killed_by_fault:
        return "killed"
    return "not recorded" if "dynamodb" in invocation.failed_services else ""
