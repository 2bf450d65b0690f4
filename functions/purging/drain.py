"""Drains the ledger: pending changes are planned, submitted, handed to TrackPurges and taken out.

The only module that ties the others together. One drain runs at a time; it drains for everyone.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from purging.alerts import Alerts
from purging.changes import Change
from purging.changesets import ChangeSet
from purging.errors import AWS_ERRORS
from purging.imagekit import ImageKit
from purging.items import State, Submitted
from purging.ledger import Ledger, month_of
from purging.needs import SKEW_SECONDS, Coverage, Pending, gather
from purging.plan import Plan, Planner
from purging.settings import Settings
from purging.submission import Outcome, Submission
from purging.telemetry import MetricUnit, logger, metrics
from purging.tracking import Tracker

# The lease outlives the function that holds it, whatever its clock says; nobody else drains meanwhile.
_LEASE_MARGIN = 2 * SKEW_SECONDS
# Seconds of life that a round needs to be worth starting.
_ROUND = 30.0
_DAY = 86_400.0


@dataclass(slots=True)
class Report:
    """What a drain did. `held` changes wait for `reason`; `busy`: another drain was at it."""

    accepted: list[Submitted] = field(default_factory=list)
    settled: int = 0
    held: int = 0
    reason: str = ""
    busy: bool = False


class Drain:
    """`clock` gives unix seconds; `sleep` waits seconds."""

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger,
        planner: Planner,
        imagekit: ImageKit,
        tracker: Tracker,
        alerts: Alerts,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._planner = planner
        self._imagekit = imagekit
        self._tracker = tracker
        self._alerts = alerts
        self._clock = clock
        self._sleep = sleep

    def run(self, owner: str, remaining: Callable[[], float]) -> Report:
        """Drain as long as there is something new and `remaining()` seconds of life allow.

        `owner` names this invocation, and no other. Raises one of AWS_ERRORS when DynamoDB or Secrets
        Manager fail: nothing is lost then, the next drain goes on.
        """
        report = Report(busy=True)
        seen: set[str] = set()
        while remaining() > _ROUND and self._ledger.acquire(
            owner, self._clock(), remaining() + _LEASE_MARGIN
        ):
            report.busy = False
            try:
                seen = self._round(report, remaining)
            finally:
                self._ledger.release(owner)
            # Whoever came while the lease was taken has left: look once more, on their behalf.
            if not self._ledger.pending_ids() - seen:
                break
        return report

    def _round(self, report: Report, remaining: Callable[[], float]) -> set[str]:
        """Drain what is pending now; the ids of the change sets that may stay as they are."""
        now = self._clock()
        state = self._ledger.state(month_of(now, dry_run=self._settings.dry_run))
        self._track_again(state)
        sets = self._ledger.pending()
        waiting = gather(sets)
        if waiting and state.paused_until > now:
            if state.paused_until - now > remaining() - _ROUND:
                report.held, report.reason = len(waiting), "paused"
                return {each.id for each in sets}
            self._sleep(state.paused_until - now)
        plan = self._planner.plan(
            waiting, self._coverage(waiting, now), state, self._clock(), lambda: remaining() - _ROUND
        )
        outcome = Submission(
            self._settings,
            self._ledger,
            self._imagekit,
            state=state,
            on_accepted=self._keep,
            remaining=remaining,
            clock=self._clock,
            sleep=self._sleep,
        ).run(plan.purges)
        held = {need.pending for need in plan.needs if need not in outcome.satisfied}
        ids = self._commit(sets, held)
        self._tell(plan, outcome, held)
        report.accepted += outcome.accepted
        report.settled += len(waiting) - len(held)
        report.held, report.reason = len(held), outcome.stopped or plan.wait
        if self._goes_on(plan, outcome, state, remaining):
            return set()
        return ids

    def _goes_on(self, plan: Plan, outcome: Outcome, state: State, remaining: Callable[[], float]) -> bool:
        """Whether another round can do more, after a pause if an upload is still under way."""
        if plan.wait == "gathering" and plan.gather_seconds < remaining() - _ROUND:
            self._sleep(plan.gather_seconds)
            return True
        probe_accepted = state.exhausted and bool(outcome.accepted) and not outcome.stopped
        return not outcome.stopped and (outcome.plan_again or probe_accepted)

    def _coverage(self, waiting: list[Pending], now: float) -> Coverage:
        since = min((each.since for each in waiting), default=now) - SKEW_SECONDS
        if any(each.may_be_new for each in waiting):
            since -= _DAY  # of what is put again soon after its removal, the purge of the removal tells
        return Coverage(self._ledger.submitted_since(since) if waiting else ())

    def _keep(self, accepted: list[Submitted]) -> None:
        """Have accepted purges followed, then known: in this order, what the ledger knows is followed."""
        if not self._track(accepted):
            self._ledger.remember_untracked(accepted)
        self._ledger.commit(accepted)

    def _track_again(self, state: State) -> None:
        if state.untracked and self._track(state.untracked):
            self._ledger.forget_untracked(state.untracked)

    def _track(self, purges: list[Submitted] | tuple[Submitted, ...]) -> bool:
        try:
            self._tracker.start(purges)
        except AWS_ERRORS:
            # Purging again what was accepted would burn the quota: keep it, and try to track it later.
            logger.exception("purges not tracked yet", request_ids=[purge.request_id for purge in purges])
            return False
        return True

    def _commit(self, sets: list[ChangeSet], held: set[Pending]) -> set[str]:
        """Take out what no longer waits. Sets of which everything waits stay as they are."""
        waiting = {change.subject for each in held for change in each.changes}
        consumed: list[ChangeSet] = []
        rest: dict[bool, list[Change]] = defaultdict(list)
        for each in sets:
            left = [change for change in each.changes if change.subject in waiting]
            if len(left) < len(each.changes):
                consumed.append(each)
                rest[each.manual] += left
        untouched = {each.id for each in sets} - {each.id for each in consumed}
        if not consumed:
            return untouched
        return untouched | self._ledger.commit((), consumed=consumed, held=rest)

    def _tell(self, plan: Plan, outcome: Outcome, held: set[Pending]) -> None:
        metrics.add_metric("PurgesAccepted", MetricUnit.Count, len(outcome.accepted))
        metrics.add_metric("ChangesHeld", MetricUnit.Count, len(held))
        metrics.add_metric("Price", MetricUnit.Count, plan.price)
        waiting = f"{len(held)} changed objects wait for their purge; none is lost.\n{outcome.detail}"
        if "quota" in (outcome.stopped, plan.wait):
            month, quota = month_of(self._clock()), self._settings.monthly_quota
            self._alerts.send(
                f"quota {month} {quota}",
                "ImageKit's monthly purge quota is used up",
                f"{waiting}\nThis stack spends {self._settings.automatic_quota} of {quota} purges a month on "
                "changes; the rest is for manual purges. It goes on when the month turns (UTC) or the quota "
                "is raised: at ImageKit, and as MonthlyPurgeQuota of this stack.",
                every=31 * _DAY,
            )
        if outcome.stopped == "key refused":
            self._alerts.send("key", "ImageKit refuses the private key", waiting, every=_DAY)
        for reason in outcome.refused:
            self._alerts.send(
                f"refused {reason}"[:900], "ImageKit refuses to purge a URL", reason, every=_DAY
            )
