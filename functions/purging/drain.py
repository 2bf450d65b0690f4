"""Drains the ledger: pending changes are planned, submitted, handed to TrackPurges and taken out.

The only module that ties the others together. One drain runs at a time; it drains for everyone.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from purging.aws.alerts import Alerts
from purging.aws.clients import AWS_CALL_SECONDS, AWS_ERRORS
from purging.aws.tracking import Tracker
from purging.changes import Change
from purging.clocks import SKEW_SECONDS
from purging.imagekit.client import ImageKit
from purging.ledger.changesets import ChangeSet
from purging.ledger.records import State
from purging.ledger.store import Ledger, month_of
from purging.planning.coverage import Coverage
from purging.planning.planner import Planner
from purging.planning.targets import ChangedObject, gather
from purging.planning.wildcards import PlannedPurge
from purging.purges import AcceptedPurge
from purging.reporting import Reporter, Round
from purging.settings import Settings
from purging.submission import CLOSING_SECONDS, Submission
from purging.telemetry import logger

# The lease outlives the function that holds it, whatever its clock says; nobody else drains meanwhile.
_LEASE_MARGIN = 2 * SKEW_SECONDS
# Seconds of life that a round needs to be worth starting.
_ROUND = CLOSING_SECONDS + AWS_CALL_SECONDS
# Seconds of life that following one batch and then telling people need.
_TELLING = 2 * AWS_CALL_SECONDS
_FOLLOWING = _TELLING + 2 * AWS_CALL_SECONDS
# Of what is left of the quota, for a window with others behind it.
_SHARE = 0.1
_DAY = 86_400.0


@dataclass(slots=True)
class Report:
    """What a drain did. `held` changed objects wait for `reason`, of which `detail` says more to people.
    `given_up` are URLs that are never purged, each for its reason. `busy`: another drain was at it, and does
    the same."""

    accepted: list[AcceptedPurge] = field(default_factory=list)
    given_up: dict[str, str] = field(default_factory=dict)
    settled: int = 0
    held: int = 0
    reason: str = ""
    detail: str = ""
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
        self._reporter = Reporter(settings, alerts, clock)
        self._clock = clock
        self._sleep = sleep

    def run(self, owner: str, remaining: Callable[[], float]) -> Report:
        """Drain as long as there is something new and `remaining()` seconds of life allow.

        `owner` names this attempt of this invocation, and no other. Raises one of AWS_ERRORS when DynamoDB or
        Secrets Manager fail: nothing is lost then, the next drain goes on.
        """
        if remaining() <= _ROUND:
            return Report(reason="time", detail="No time was left to drain: the next tick does so.")
        report = Report(busy=True, detail="Another drain is at work and takes these changes along.")
        again, behind = True, 0
        while (
            again
            and remaining() > _ROUND
            and self._ledger.acquire(owner, self._clock(), remaining() + _LEASE_MARGIN)
        ):
            if report.busy:
                report = Report()
            report.held = behind
            try:
                done = self._round(report, remaining)
            finally:
                self._ledger.release(owner)
            if done.passed:
                behind = report.held
            # Whoever came while the lease was taken has left: look once more, on their behalf.
            again = done.again or (done.sees_all and bool(self._ledger.pending_ids() - done.ids))
        return report

    def _round(self, report: Report, remaining: Callable[[], float]) -> "_Done":
        """Drain one window of what is pending now."""
        now = self._clock()
        state = self._ledger.state(month_of(now, dry_run=self._settings.dry_run))
        sets, after = self._ledger.window(state.cursor, self._settings.url_map.most_urls)
        waiting = gather(sets)
        paused = self._paused(waiting, state, now, remaining)
        tried = [each for each in waiting if each not in paused]
        share = self._share(state, after)
        plan = self._planner.plan(
            tried,
            self._coverage(tried, now),
            replace(state, used=self._settings.automatic_quota - share),
            self._clock(),
            lambda: remaining() - CLOSING_SECONDS,
        )
        outcome = Submission(
            self._settings,
            self._ledger,
            self._imagekit,
            state=state,
            remaining=remaining,
            clock=self._clock,
            sleep=self._sleep,
        ).run(_within(plan.purges, share) if after else plan.purges)
        # What is given up is told first: nobody could tell it once it is settled.
        done_with = outcome.satisfied | self._reporter.give_up(outcome.hopeless)
        held = paused | {target.changed_object for target in plan.targets if target not in done_with}
        ids = self._settle(sets, held)
        self._follow((*state.untracked, *outcome.batches), remaining)
        round_ = Round(state, plan, outcome, held, paused)
        if remaining() > _TELLING:
            self._reporter.tell(round_)
        report.accepted += outcome.accepted
        report.given_up |= {
            target.exact: reason for target, reason in outcome.hopeless.items() if target in done_with
        }
        report.settled += len(waiting) - len(held)
        report.held += len(held)
        report.reason, report.detail = round_.reason, round_.detail
        return self._goes_on(round_, after, ids, remaining)

    def _share(self, state: State, after: str) -> int:
        """Purges that a window may spend on changes. Nobody knows how many windows are behind one: it leaves
        most of the quota to them, and what is dear to this one may well cover some of theirs."""
        left = max(0, self._settings.automatic_quota - state.used)
        return ceil(left * _SHARE) if after else left

    def _paused(
        self, waiting: Sequence[ChangedObject], state: State, now: float, remaining: Callable[[], float]
    ) -> set[ChangedObject]:
        """What is not to be tried now, after a pause that is short enough to wait for."""
        pause = state.paused_until - now
        if not waiting or pause <= 0:
            return set()
        if pause <= remaining() - _ROUND:
            self._sleep(pause)
            return set()
        # Someone who asks may know that there is a new quota, and a refused call costs nothing.
        return {each for each in waiting if not (each.manual and state.exhausted)}

    def _goes_on(self, round_: Round, after: str, ids: set[str], remaining: Callable[[], float]) -> "_Done":
        """Whether another round can do more: for the same changes, or for those behind them."""
        state, plan, outcome = round_.state, round_.plan, round_.outcome
        sees_all = not state.cursor and not after
        done = _Done(ids, sees_all=sees_all)
        if outcome.stopped or round_.paused:
            return done
        untold = any(target.changed_object in round_.held for target in outcome.hopeless)
        if not untold and (outcome.plan_again or (state.exhausted and outcome.accepted)):
            return replace(done, again=True)
        if sees_all and plan.wait == "gathering" and plan.gather_seconds < remaining() - _ROUND:
            self._sleep(plan.gather_seconds)
            return replace(done, again=True)
        if after != state.cursor:
            self._ledger.go_on_after(after)
        return replace(done, again=bool(after), passed=bool(after))

    def _coverage(self, waiting: Sequence[ChangedObject], now: float) -> Coverage:
        """Purges since the oldest change and a day before: they tell of what is put again soon after its
        removal, and of changes that are delivered again and whose clock was ahead."""
        oldest = min((each.since for each in waiting), default=now)
        return Coverage(self._ledger.accepted_since(min(oldest, now) - _DAY) if waiting else ())

    def _follow(self, batches: Sequence[Sequence[AcceptedPurge]], remaining: Callable[[], float]) -> None:
        """Have accepted purges followed. What cannot be followed now is in the ledger for the next drain."""
        for batch in batches:
            if remaining() < _FOLLOWING:
                return
            try:
                self._tracker.start(batch)
            except AWS_ERRORS:
                logger.exception("purges not tracked yet", request_ids=[purge.request_id for purge in batch])
                return
            self._ledger.forget_untracked(batch)

    def _settle(self, sets: Sequence[ChangeSet], held: set[ChangedObject]) -> set[str]:
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
        return untouched | self._ledger.settle(consumed, rest) if consumed else untouched


def _within(purges: Sequence[PlannedPurge], share: int) -> list[PlannedPurge]:
    """All manual purges, and the first ones of the others up to their share."""
    automatic = [purge for purge in purges if not purge.manual]
    return [purge for purge in purges if purge.manual] + automatic[:share]


@dataclass(frozen=True, slots=True)
class _Done:
    """What a round left: the ids of the sets that may stay as they are, whether these are all (`sees_all`),
    whether another round is due (`again`), and whether that one sees what is behind them (`passed`)."""

    ids: set[str]
    sees_all: bool = True
    again: bool = False
    passed: bool = False
