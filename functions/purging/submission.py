"""Submits planned purges within the quota, at the speed that ImageKit allows."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from purging.aws.clients import AWS_CALL_SECONDS
from purging.clocks import surely_before
from purging.errors import KeyRefused, QuotaExhausted, Throttled, Unavailable, UrlRefused
from purging.imagekit.client import CALL_SECONDS, ImageKit
from purging.ledger.records import State
from purging.ledger.store import Ledger, month_of
from purging.planning.targets import PurgeTarget
from purging.planning.wildcards import PlannedPurge
from purging.purges import AcceptedPurge, FailingUrl, joined
from purging.settings import Settings
from purging.telemetry import MetricUnit, logger, metrics

CLOSING_SECONDS = CALL_SECONDS + 2 * AWS_CALL_SECONDS
"""What a call that is begun now may need: itself, keeping what was accepted, giving back what was unused."""

StopReason = Literal["", "time", "quota", "throttled", "unavailable", "key refused"]

# Purges reserved together, and followed together: what a crash in between can leave unused at most.
_BATCH = 25
# So many failures in a row are an outage. Each failed call may have counted: probe ever more rarely.
_OUTAGE = 3
_FIRST_PAUSE, _LAST_PAUSE = 30.0, 900.0
# ImageKit says when its quota begins anew. Until then, a call an hour costs nothing, and finds out if it was
# raised.
_LAST_PROBE = 3600.0
# A URL that fails while others succeed is tried for about a day, since each attempt may have counted.
_ATTEMPTS = 12
# The least wait after a 429, doubled with each further one of the same URL.
_FIRST_WAIT, _LAST_WAIT = 0.05, 5.0
_FIRST_RETRY, _LAST_RETRY = 30.0, 10_800.0


@dataclass(slots=True)
class Outcome:
    """What came of a submission: `accepted` purges, and the same in `batches`, as the ledger has them.

    `satisfied` needs wait no longer; `hopeless` ones would wait for ever, each for its reason. `plan_again`:
    a wildcard for many was refused, and there may be another one. `detail` says why it `stopped`, or else
    why the last URL failed; `exhausted`: ImageKit says that the quota is used up.
    """

    accepted: list[AcceptedPurge] = field(default_factory=list)
    batches: list[tuple[AcceptedPurge, ...]] = field(default_factory=list)
    satisfied: set[PurgeTarget] = field(default_factory=set)
    hopeless: dict[PurgeTarget, str] = field(default_factory=dict)
    plan_again: bool = False
    stopped: StopReason = ""
    detail: str = ""
    exhausted: bool = False


class Submission:
    """The calls of one round of a drain, until CLOSING_SECONDS of life remain."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        imagekit: ImageKit,
        *,
        state: State,
        remaining: Callable[[], float],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._imagekit = imagekit
        self._state = state
        self._failures = state.failures
        self._resume = state.exhausted
        self._remaining = remaining
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[PlannedPurge] = deque()
        self._planned = 0
        self._batch: list[AcceptedPurge] = []  # accepted of the purges reserved together
        self._used = 0  # of the purges reserved for a batch, as far as one can know
        self.outcome = Outcome()

    def run(self, purges: Iterable[PlannedPurge]) -> Outcome:
        """Submit in the given order, until done or something says stop."""
        self._queue.extend(purges)
        self._planned = len(self._queue)
        while self._queue and not self.outcome.stopped:
            self._submit_batch()
        return self.outcome

    def _submit_batch(self) -> None:
        now = self._clock()
        month, manual = month_of(now, dry_run=self._settings.dry_run), self._queue[0].manual
        limit = self._settings.monthly_quota if manual else self._settings.automatic_quota
        units = self._ledger.reserve(month, min(len(self._queue), _BATCH), limit)
        if not units:
            self._stop("quota", f"This stack's {limit} purges of {month} are used.")
        self._batch, self._used = [], 0
        try:
            # What is reserved counts to its month: a batch does not go on into the next one.
            while self._used < units and self._goes_on(manual=manual) and self._is_month_of(now):
                self._attempt(self._queue.popleft())
        finally:
            self._ledger.give_back(month, units - self._used)
        if self._batch:
            self.outcome.batches.append(tuple(self._batch))

    def _goes_on(self, *, manual: bool) -> bool:
        if self._queue and self._remaining() < CLOSING_SECONDS:
            self._stop("time")
        return not self.outcome.stopped and bool(self._queue) and self._queue[0].manual == manual

    def _is_month_of(self, time: float) -> bool:
        return month_of(time) == month_of(self._clock())

    def _attempt(self, purge: PlannedPurge) -> None:
        """Submit one purge. What it used of the quota is counted first: what follows may fail as well."""
        if self._settings.dry_run:
            logger.info(
                "would purge",
                url=purge.url,
                changes=_count(purge),
                collateral=purge.collateral,
            )
            self.outcome.satisfied.update(purge.targets)
            self._used += 1
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
            self.outcome.exhausted = True
            pause = min(refusal.resumes_in or 0.0, _LAST_PROBE)
            self._ledger.pause(self._clock() + pause, exhausted=True, reason=str(refusal))
        except KeyRefused as refusal:
            self._stop("key refused", str(refusal))
        except Throttled as throttled:
            self._stop("throttled", str(throttled))
            self._ledger.pause(
                self._clock() + throttled.retry_after, failures=self._failures, reason=str(throttled)
            )
        else:
            self._used += 1
            self._accepted(purge, request_id, submitted_at)

    def _purge(self, url: str) -> tuple[float, str]:
        """(when submitted, request id), after as long a wait as ImageKit asks for and time allows."""
        times = 0
        while True:
            submitted_at = self._clock()
            try:
                return submitted_at, self._imagekit.purge(url)
            except Throttled as throttled:
                # Who is refused again and again by a limit that ends at once waits ever longer.
                wait = max(throttled.retry_after, _backoff(times, _FIRST_WAIT, _LAST_WAIT))
                if wait > self._remaining() - CLOSING_SECONDS or not self._is_month_of(submitted_at + wait):
                    raise
                times += 1
                self._sleep(wait)

    def _accepted(self, purge: PlannedPurge, request_id: str, submitted_at: float) -> None:
        logger.info(
            "purge accepted",
            url=purge.url,
            request_id=request_id,
            changes=_count(purge),
            collateral=purge.collateral,
        )
        metrics.add_metric("SecondsToAccepted", MetricUnit.Seconds, submitted_at - purge.since)
        identities = joined(
            change.identity
            for target in purge.targets
            for change in target.changed_object.changes
            if not surely_before(change, submitted_at)
        )
        accepted = AcceptedPurge(request_id, purge.url, submitted_at, identities, purge.sample)
        # One by one: a function that is killed now has at most one purge of which the ledger does not know.
        self._ledger.accept([accepted], before=self._batch)
        self._batch.append(accepted)
        self.outcome.accepted.append(accepted)
        self.outcome.satisfied.update(purge.targets)
        if purge.url in self._state.failing:
            self._ledger.forget_failing(purge.url)
        if self._failures or self._resume:
            self._failures, self._resume = 0, False
            self._ledger.resume(submitted_at)

    def _refused(self, purge: PlannedPurge, refusal: UrlRefused) -> None:
        """Neither an exact URL nor what someone asked for has an alternative. A wildcard of a single object
        has its exact URL; what else it was to cover is planned again, without it."""
        logger.warning("purge refused", url=purge.url, reason=str(refusal))
        if purge.url.endswith("*"):
            self._ledger.remember_refused(purge.url, self._clock())
        for target in purge.targets:
            if target.exact == purge.url:
                self.outcome.hopeless[target] = str(refusal)
            elif target.url == purge.url:
                self._queue.appendleft(PlannedPurge(target.exact, (target,)))
            else:
                self.outcome.plan_again = True

    def _failed(self, purge: PlannedPurge, failure: Unavailable) -> None:
        """Leave the URL for later; after failures of several URLs in a row, everything."""
        logger.warning("purge failed", url=purge.url, reason=str(failure), counted=failure.may_have_counted)
        self.outcome.detail = str(failure)
        known = self._state.failing.get(purge.url)
        if known and not known.concerns(purge.since):
            known = None
        outage = min(self._failures, self._planned) >= _OUTAGE
        # One bad URL, tried now and then, is no outage, even if one came before: nothing else is left that
        # could end it. And what fails in an outage is no bad URL.
        if not outage:
            self._remember_failing(purge, known.attempts + 1 if known else 1, failure)
        if known and not outage:
            return
        self._failures += 1
        pause = 0.0
        if self._failures >= _OUTAGE:
            self._stop("unavailable", str(failure))
            pause = _backoff(self._failures - _OUTAGE, _FIRST_PAUSE, _LAST_PAUSE)
        self._ledger.pause(self._clock() + pause, failures=self._failures, reason=str(failure))

    def _remember_failing(self, purge: PlannedPurge, attempts: int, failure: Unavailable) -> None:
        if attempts >= _ATTEMPTS:
            reason = f"{purge.url!r} was given up after {attempts} attempts: {failure}"
            self.outcome.hopeless.update(dict.fromkeys(purge.targets, reason))
        now, wait = self._clock(), _backoff(2 * (attempts - 1), _FIRST_RETRY, _LAST_RETRY)
        self._ledger.remember_failing(purge.url, FailingUrl(attempts, now + wait, now, purge.since))

    def _stop(self, reason: StopReason, detail: str = "") -> None:
        self.outcome.stopped, self.outcome.detail = reason, detail


def _count(purge: PlannedPurge) -> int:
    return sum(len(target.changed_object.changes) for target in purge.targets)


def _backoff(times: int, first: float, last: float) -> float:
    """Seconds to wait: `first`, doubled so many times, up to `last`."""
    return min(first * 2.0 ** min(times, 20), last)
