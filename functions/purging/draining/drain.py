"""Drains the ledger: pending changes are planned, submitted, recorded and taken out.

Only one drain runs at a time, under the lease, for all invocations. It goes round by round: each round sees a
window of the pending changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import ceil, inf

from purging import polling
from purging.aws.clients import AWS_CALL_SECONDS
from purging.aws.surveyor import Surveyor
from purging.clocks import SKEW_SECONDS
from purging.draining.recorder import Recorder
from purging.draining.reporting import Reporter
from purging.draining.rounds import REASONS, Report, Round, Window, changes_of, divide
from purging.draining.submission import CLOSING_SECONDS, Submitter
from purging.ledger.quota import month_of
from purging.ledger.store import Ledger
from purging.planning.coverage import Coverage
from purging.planning.gathering import BURST_CHANGES
from purging.planning.pacing import coming
from purging.planning.plan import Conditions, Plan
from purging.planning.planner import Planner
from purging.planning.targets import ChangedObject, changed_objects
from purging.purges import AcceptedPurge, Need
from purging.settings import Settings

# The lease outlives the function that holds it, whatever its clock says: no two drains run at once.
_LEASE_MARGIN = 2 * SKEW_SECONDS
# Seconds of life that a round needs.
_ROUND_SECONDS = CLOSING_SECONDS + AWS_CALL_SECONDS
# Seconds of life that a report to people needs.
_REPORT_SECONDS = 2 * AWS_CALL_SECONDS
_DAY = 86_400.0

SETTLE_SECONDS = 0.2
"""Seconds that a drain waits for changes that follow a single one: an upload at 50 objects a second shows
itself, and a single change is hardly later."""

_NO_TIME = Report(reason="time", detail="No time was left to drain. The next tick drains.")
_BUSY = Report(busy=True, detail="Another drain is at work. It takes these changes too.")


@dataclass(frozen=True, slots=True)
class Drain:
    """What a drain works with. `clock` gives unix seconds; `sleep` waits seconds."""

    settings: Settings
    ledger: Ledger
    planner: Planner
    surveyor: Surveyor
    submitter: Submitter
    recorder: Recorder
    reporter: Reporter
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def run(
        self,
        owner: str,
        remaining: Callable[[], float],
        *,
        added: int = 0,
        before_work: Callable[[], None] = lambda: None,
    ) -> Report:
        """Drain as long as there is something new and `remaining()` seconds of life allow.

        `owner` names this attempt of this invocation, and no other. It has just `added` so many changes.
        `before_work` is called once, unless there is nothing to do or another drain is at work. Raises one of
        AWS_ERRORS if DynamoDB or Secrets Manager fails. Then nothing is lost: the next drain goes on.
        """
        if remaining() <= _ROUND_SECONDS:
            return _NO_TIME
        if resting := self._resting(added=added > 0):
            return resting
        if not self._acquire(owner, remaining()):
            return _BUSY
        try:
            before_work()
            if added == 1:
                self.sleep(SETTLE_SECONDS)
            return self._rounds(owner, remaining, arriving=added > 0)
        except BaseException:
            self.ledger.lease.release(owner)
            raise

    def _resting(self, *, added: bool) -> Report | None:
        """The report of a drain that would change nothing: no change is pending, or all are held for longer,
        with those that were `added`. None if there may be something to do. This costs a few reads, and an
        empty tick no more."""
        hold = self.ledger.hold() if added else None
        if (added and not (hold and hold.closed)) or self.ledger.has_untracked():
            return None
        first = self.ledger.first_pending()
        if not first:
            return Report()
        hold = hold or self.ledger.hold()
        if hold and hold.stands(first, self.settings.automatic_quota, self.clock()):
            return Report(held=hold.count, reason="held", detail=REASONS["held"])
        return None

    def _rounds(self, owner: str, remaining: Callable[[], float], *, arriving: bool) -> Report:
        """Go round by round under the lease, and give it back at the end. `arriving`: changes came just
        now."""
        report, held_before, latest, known = Report(), 0, inf, inf
        while True:
            window = self._window()
            # Another window has other changes. These did not come just now.
            # The changes of a late upload may be older than one elsewhere.
            many = changes_of(window.objects) >= known + BURST_CHANGES
            arriving = window.sees_all and (arriving or many or window.latest > latest)
            latest = window.latest if window.sees_all else inf
            paused: frozenset[ChangedObject] = frozenset()
            if pause := window.pause_seconds:
                if pause <= remaining() - _ROUND_SECONDS:
                    self.sleep(pause)
                else:
                    paused = window.paused()
            done = self._round(window, paused, remaining, arriving=arriving)
            arriving, known = False, changes_of(done.held) if window.sees_all else inf
            report = report.after(done, held_before)
            step = done.next(wait_at_most=remaining() - _ROUND_SECONDS)
            if step.wait_seconds:
                self.sleep(step.wait_seconds)
            if step.cursor is not None:
                self.ledger.go_on_after(step.cursor)
            if step.passed:
                held_before = report.held
            if remaining() <= _ROUND_SECONDS:
                self.ledger.lease.release(owner)
                return report
            # Others found the lease taken, left word, and ended: look for their changes once more.
            if not step.again and self.ledger.lease.finish(owner):
                return report
            if not self._acquire(owner, remaining()):
                return report

    def _acquire(self, owner: str, remaining: float) -> bool:
        return self.ledger.lease.acquire(owner, self.clock(), remaining + _LEASE_MARGIN)

    def _window(self) -> Window:
        now = self.clock()
        state = self.ledger.state(month_of(now, dry_run=self.settings.dry_run))
        sets, after = self.ledger.window(state.cursor, self.settings.url_map.most_targets)
        objects = changed_objects((change, each.manual) for each in sets for change in each.changes)
        behind = self.ledger.sets_behind(after) if after else 0
        return Window(state, sets, objects, after, now, len(sets) / (len(sets) + behind) if sets else 1.0)

    def _round(
        self,
        window: Window,
        paused: frozenset[ChangedObject],
        remaining: Callable[[], float],
        *,
        arriving: bool,
    ) -> Round:
        """Plan, submit and record what is not paused, and take out of the ledger what is not held."""
        share = window.share(self.settings.automatic_quota)
        objects = [each for each in window.objects if each not in paused]
        accepted = self._recent(objects, window.loaded_at)
        plan = self._plan(window, objects, Coverage(accepted), share, remaining, arriving=arriving)
        outcome = self.submitter.submit(
            window.within_share(plan.purges, share), window.state, remaining, need=plan.need
        )
        # A URL that is given up is told first: nobody could tell it once its change is taken out.
        told = self.reporter.give_up(outcome.given_up)
        held = paused | {
            target.changed_object
            for target in plan.targets
            if target not in outcome.covered and target not in told
        }
        self._commit(window, held)
        self.recorder.track(
            (*window.state.untracked, *outcome.batches),
            remaining,
            partial(polling.first_wait, usual=polling.usual_seconds(accepted), now=self.clock()),
            reserve=_REPORT_SECONDS,
        )
        done = Round(window, plan, outcome, held, paused, told)
        hold = done.hold(self.settings.automatic_quota)
        if hold != window.state.hold:
            self.ledger.remember_hold(hold)
        if remaining() > _REPORT_SECONDS:
            self.reporter.tell(done)
        return done

    def _plan(
        self,
        window: Window,
        objects: list[ChangedObject],
        coverage: Coverage,
        share: int,
        remaining: Callable[[], float],
        *,
        arriving: bool,
    ) -> Plan:
        state = window.state
        draft = self.planner.draft(
            objects,
            coverage,
            Conditions(
                left=share,
                exhausted=state.exhausted,
                refused=state.refused,
                failing=state.failing,
                recovered_at=state.recovered_at,
                further=self._further(window),
                waiting=window.waiting(self.settings.automatic_quota),
                quota=ceil(self.settings.automatic_quota * window.part),
            ),
            self.clock(),
            may_survey=remaining() - CLOSING_SECONDS >= AWS_CALL_SECONDS,
            arriving=arriving,
        )
        found = self.surveyor.run(draft.surveys, lambda: remaining() - CLOSING_SECONDS)
        return self.planner.plan(draft, found)

    def _further(self, window: Window) -> Need:
        """What further rounds of the month will need, as far as this window has to keep it for them."""
        state = window.state
        quota = self.settings.automatic_quota
        found = coming(state.need, state.need_before, window.loaded_at, quota, state.need_by_day)
        return Need(*(number * window.part for number in found))

    def _recent(self, objects: list[ChangedObject], now: float) -> list[AcceptedPurge]:
        """The accepted purges from a day before the oldest change on; none if there is no change.

        The purges of that day matter for objects that are put again soon after their removal, and for
        redelivered changes whose clock was ahead. They also show how long a purge takes.
        """
        if not objects:
            return []
        oldest = min(each.since for each in objects)
        return self.ledger.accepted_since(min(oldest, now) - _DAY)

    def _commit(self, window: Window, held: frozenset[ChangedObject]) -> None:
        """Take out of the ledger what is not held."""
        subjects = {change.subject for each in held for change in each.changes}
        consumed, kept = divide(window.sets, lambda change: change.subject in subjects)
        if consumed:
            self.ledger.replace(consumed, kept)
