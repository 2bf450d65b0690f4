"""Submits planned purges within the quota, at the speed that ImageKit allows."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from purging.aws.clients import AWS_CALL_SECONDS
from purging.draining.failures import backoff, judge
from purging.draining.recorder import Recorder
from purging.errors import KeyRefused, QuotaExhausted, Throttled, Unavailable, UrlRefused
from purging.imagekit.client import CALL_SECONDS, ImageKit
from purging.ledger.quota import day_of, month_of
from purging.ledger.records import State
from purging.ledger.store import Ledger
from purging.planning.planned import PlannedPurge
from purging.planning.targets import PurgeTarget
from purging.purges import NO_NEED, AcceptedPurge, Need
from purging.quoting import without_query
from purging.settings import Settings
from purging.telemetry import Metric, logger, publish

CLOSING_SECONDS = CALL_SECONDS + 2 * AWS_CALL_SECONDS
"""Seconds that a purge may take from now on: the call, writing it to the ledger, giving back unused quota."""

StopReason = Literal["", "time", "quota", "throttled", "unavailable", "key refused"]

# Purges reserved together and tracked together. After a crash, at most so many stay counted but unused.
_BATCH = 25
# If ImageKit says when its quota begins anew, it is called once an hour until then: a refused call costs
# nothing, and shows whether the quota was raised. If ImageKit does not say, each tick makes a call.
_LAST_PROBE = 3600.0
# The shortest wait after a 429, doubled with each further 429 of the same URL.
_FIRST_WAIT, _LAST_WAIT = 0.05, 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a submission: `accepted` purges, and the same in `batches`, as the ledger has them.

    `covered` targets need no other purge. `given_up` targets are never purged, each with its reason.
    `plan_again`: ImageKit refused a wildcard for many objects, and another plan may do without it. `detail`
    says why the submission `stopped` (it is empty for "time"), or else why the last URL failed. `exhausted`:
    ImageKit says that its quota is used up. `imagined`: how many purges a dry run would have made.
    """

    accepted: list[AcceptedPurge] = field(default_factory=list)
    batches: list[tuple[AcceptedPurge, ...]] = field(default_factory=list)
    covered: set[PurgeTarget] = field(default_factory=set)
    given_up: dict[PurgeTarget, str] = field(default_factory=dict)
    plan_again: bool = False
    stopped: StopReason = ""
    detail: str = ""
    exhausted: bool = False
    imagined: int = 0


@dataclass(frozen=True, slots=True)
class Submitter:
    """What a submission works with. `clock` gives unix seconds; `sleep` waits seconds."""

    settings: Settings
    ledger: Ledger
    imagekit: ImageKit
    recorder: Recorder
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def submit(
        self,
        purges: Iterable[PlannedPurge],
        state: State,
        remaining: Callable[[], float],
        *,
        need: Need = NO_NEED,
    ) -> Outcome:
        """Submit purges in the given order until all are done, something says stop, or fewer than
        CLOSING_SECONDS of the `remaining()` seconds of life are left.

        The ledger counts what the changes `need` for later rounds. Raises one of AWS_ERRORS when DynamoDB or
        Secrets Manager fail.
        """
        return _Submission(self, purges, state, remaining, need).run()


class _Submission:
    """One submission under way."""

    def __init__(
        self,
        tools: Submitter,
        purges: Iterable[PlannedPurge],
        state: State,
        remaining: Callable[[], float],
        need: Need,
    ) -> None:
        self._tools = tools
        self._queue = deque(purges)
        self._planned = len(self._queue)
        self._state = state
        self._remaining = remaining
        self._failures = state.failures
        self._resuming = state.exhausted or state.failures > 0
        self._need = need
        self._used = 0  # of the purges reserved for a batch, as far as one can know
        self._batch: list[AcceptedPurge] = []
        self._batches: list[tuple[AcceptedPurge, ...]] = []
        self._covered: set[PurgeTarget] = set()
        self._given_up: dict[PurgeTarget, str] = {}
        self._plan_again = False
        self._stopped: StopReason = ""
        self._detail = ""
        self._exhausted = False
        self._imagined = 0

    def run(self) -> Outcome:
        while self._queue and not self._stopped:
            self._submit_batch()
        return Outcome(
            [purge for batch in self._batches for purge in batch],
            self._batches,
            self._covered,
            self._given_up,
            self._plan_again,
            self._stopped,
            self._detail,
            self._exhausted,
            self._imagined,
        )

    def _submit_batch(self) -> None:
        settings, quota = self._tools.settings, self._tools.ledger.quota
        now, manual = self._tools.clock(), self._queue[0].manual
        month = month_of(now, dry_run=settings.dry_run)
        limit = settings.monthly_quota if manual else settings.automatic_quota
        # What a round needs is counted once, with its first batch for changes.
        need = NO_NEED if manual else self._need
        reserved = quota.reserve(month, min(len(self._queue), _BATCH), limit, need=need, day=day_of(now))
        if not manual:
            self._need = NO_NEED
        if not reserved:
            self._stop("quota", f"This stack's {limit} purges of {month} are used.")
        self._batch, self._used = [], 0
        try:
            while self._used < reserved and self._queue and not self._stopped:
                if self._remaining() < CLOSING_SECONDS:
                    self._stop("time")
                elif self._queue[0].manual != manual or not self._is_month_of(now):
                    break  # the purges were reserved for another limit or another month
                else:
                    self._attempt(self._queue.popleft())
        finally:
            quota.give_back(month, reserved - self._used)
        if self._batch:
            self._batches.append(tuple(self._batch))

    def _is_month_of(self, time: float) -> bool:
        return month_of(time) == month_of(self._tools.clock())

    def _attempt(self, purge: PlannedPurge) -> None:
        """Submit one purge. It is counted to the quota first, since the next steps may fail as well."""
        if self._tools.settings.dry_run:
            self._imagine(purge)
            return
        try:
            submitted_at, request_id = self._purge(purge.url)
        except UrlRefused as refusal:
            self._refused(purge, refusal)
        except Unavailable as failure:
            self._used += failure.may_have_counted
            self._failed(purge, failure)
        except QuotaExhausted as refusal:
            self._stop("quota", str(refusal))
            self._exhausted = True
            self._pause(min(refusal.resumes_in or 0.0, _LAST_PROBE), refusal, failures=0, exhausted=True)
        except KeyRefused as refusal:
            self._stop("key refused", str(refusal))
        except Throttled as throttled:
            self._stop("throttled", str(throttled))
            self._pause(throttled.retry_after, throttled)
        else:
            self._used += 1
            self._accepted(purge, request_id, submitted_at)

    def _imagine(self, purge: PlannedPurge) -> None:
        """Log and count what a dry run would purge."""
        logger.info(
            "would purge",
            url=purge.url,
            changes=purge.changes,
            collateral=purge.collateral,
            weight=purge.weight,
        )
        publish(Metric.DRY_RUN_PURGES, 1)
        publish(Metric.DRY_RUN_EVICTIONS, purge.collateral)
        self._covered.update(purge.targets)
        self._used += 1
        self._imagined += 1

    def _purge(self, url: str) -> tuple[float, str]:
        """Submit a purge. Return when it was submitted, and its request id. After a 429, wait and repeat, as
        long as time allows."""
        times = 0
        while True:
            submitted_at = self._tools.clock()
            try:
                return submitted_at, self._tools.imagekit.purge(url)
            except Throttled as throttled:
                # ImageKit may ask again and again for no wait at all, so the waits grow.
                wait = max(throttled.retry_after, backoff(times, _FIRST_WAIT, _LAST_WAIT))
                if wait > self._remaining() - CLOSING_SECONDS or not self._is_month_of(submitted_at + wait):
                    raise
                times += 1
                self._tools.sleep(wait)

    def _accepted(self, purge: PlannedPurge, request_id: str, submitted_at: float) -> None:
        self._batch.append(self._tools.recorder.accepted(purge, request_id, submitted_at, before=self._batch))
        self._covered.update(purge.targets)
        if purge.url in self._state.failing:
            self._tools.ledger.forget_failing(purge.url)
        if self._resuming:
            self._failures, self._resuming = 0, False
            self._tools.ledger.resume(submitted_at)

    def _refused(self, purge: PlannedPurge, refusal: UrlRefused) -> None:
        """Give up an exact URL, or a URL that a person asked for. For the wildcard of a single object, submit
        its exact URL instead. For another wildcard, the next plan covers its objects without it. That holds
        for a part of an object's wildcard, too, and the other parts are not needed any longer."""
        logger.warning("purge refused", url=purge.url, reason=str(refusal))
        if purge.url.endswith("*"):
            self._tools.ledger.remember_refused(purge.url, self._tools.clock())
        for target in purge.targets:
            if target.exact == purge.url:
                self._given_up[target] = str(refusal)
            elif target.is_part:
                self._queue = deque(each for each in self._queue if not _only_parts_of(target, each))
                self._plan_again = True
            elif target.url == purge.url:
                self._queue.appendleft(PlannedPurge(target.exact, (target,)))
            else:
                self._plan_again = True

    def _failed(self, purge: PlannedPurge, failure: Unavailable) -> None:
        logger.warning("purge failed", url=purge.url, reason=str(failure), counted=failure.may_have_counted)
        publish(Metric.PURGES_FAILED, 1)
        self._detail = str(failure)
        verdict = judge(
            self._state.failing.get(purge.url),
            purge.since,
            failures=self._failures,
            planned=self._planned,
            now=self._tools.clock(),
        )
        if verdict.failing:
            self._tools.ledger.remember_failing(purge.url, verdict.failing)
            if verdict.given_up:
                attempts = verdict.failing.attempts
                reason = f"{without_query(purge.url)!r} was given up after {attempts} attempts: {failure}"
                self._given_up.update(dict.fromkeys(purge.targets, reason))
        if verdict.failures is not None:
            self._failures, self._resuming = verdict.failures, True
            if verdict.outage:
                self._stop("unavailable", str(failure))
            self._pause(verdict.pause, failure)

    def _pause(
        self, seconds: float, reason: Exception, *, failures: int | None = None, exhausted: bool = False
    ) -> None:
        self._tools.ledger.pause(
            self._tools.clock() + seconds,
            failures=self._failures if failures is None else failures,
            exhausted=exhausted,
            reason=str(reason),
        )

    def _stop(self, reason: StopReason, detail: str = "") -> None:
        self._stopped, self._detail = reason, detail


def _only_parts_of(part: PurgeTarget, purge: PlannedPurge) -> bool:
    """Whether a purge is made for nothing but the target that a refused part belongs to."""
    return all(
        each.changed_object is part.changed_object and each.root == part.root for each in purge.targets
    )
