"""Submits planned purges within the quota, at the speed that ImageKit allows."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from purging.errors import KeyRefused, QuotaExhausted, Throttled, Unavailable, UrlRefused
from purging.imagekit import ImageKit
from purging.items import Failing, State, Submitted, joined
from purging.ledger import Ledger, month_of
from purging.needs import Need
from purging.selection import PlannedPurge
from purging.settings import Settings
from purging.telemetry import MetricUnit, logger, metrics

StopReason = Literal["", "time", "quota", "throttled", "unavailable", "key refused"]

# Purges reserved, submitted and committed together: what a crash in between can cost at most.
_BATCH = 25
# Seconds kept free for one call that times out and for the commit after it.
_CLOSING = 20.0
# So many failures in a row are an outage. Each failed call may have counted: probe ever more rarely.
_OUTAGE = 3
_FIRST_RETRY, _LAST_RETRY, _LAST_PAUSE = 30.0, 3600.0, 900.0


@dataclass(slots=True)
class Outcome:
    """What came of a submission. `satisfied` needs wait no longer; `refused` says what is never purged.
    `plan_again`: a wildcard for many was refused, and there may be another one.
    """

    accepted: list[Submitted] = field(default_factory=list)
    satisfied: set[Need] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    plan_again: bool = False
    stopped: StopReason = ""
    detail: str = ""


class Submission:
    """The calls of one drain. `on_accepted` is given each batch of accepted purges, to keep and to follow."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        imagekit: ImageKit,
        *,
        state: State,
        on_accepted: Callable[[list[Submitted]], None],
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
        self._on_accepted = on_accepted
        self._remaining = remaining
        self._clock = clock
        self._sleep = sleep
        self._queue: deque[PlannedPurge] = deque()
        self._used = 0  # of the purges reserved for a batch, as far as one can know
        self.outcome = Outcome()

    def run(self, purges: Iterable[PlannedPurge]) -> Outcome:
        """Submit in the given order, until done or something says stop."""
        self._queue.extend(purges)
        while self._queue and not self.outcome.stopped:
            self._submit_batch()
        return self.outcome

    def _submit_batch(self) -> None:
        now = self._clock()
        month, manual = month_of(now, dry_run=self._settings.dry_run), self._queue[0].manual
        limit = self._settings.monthly_quota if manual else self._settings.automatic_quota
        units = self._ledger.reserve(month, min(len(self._queue), _BATCH), limit)
        if not units:
            self._stop("quota", f"{limit} purges of {month} are used")
        first, self._used = len(self.outcome.accepted), 0
        try:
            # What is reserved counts to its month: a batch does not go on into the next one.
            while self._used < units and self._goes_on(manual=manual) and self._is_month_of(now):
                self._attempt(self._queue.popleft())
        finally:
            # Even if something unforeseen ends the batch, what was accepted is not to be purged again.
            try:
                self._ledger.give_back(month, units - self._used)
            finally:
                if accepted := self.outcome.accepted[first:]:
                    self._on_accepted(accepted)

    def _goes_on(self, *, manual: bool) -> bool:
        if self._queue and self._remaining() < _CLOSING:
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
                changes=len(purge.identities),
                collateral=purge.collateral,
            )
            self.outcome.satisfied.update(purge.needs)
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
            self._ledger.pause(self._clock(), exhausted=True)
        except KeyRefused as refusal:
            self._stop("key refused", str(refusal))
        except Throttled as throttled:
            self._stop("throttled", str(throttled))
            self._ledger.pause(self._clock() + throttled.retry_after, failures=self._failures)
        else:
            self._used += 1
            self._accepted(purge, request_id, submitted_at)

    def _purge(self, url: str) -> tuple[float, str]:
        """(when submitted, request id), after as long a wait as ImageKit asks for and time allows."""
        while True:
            submitted_at = self._clock()
            try:
                return submitted_at, self._imagekit.purge(url)
            except Throttled as throttled:
                resume_at = submitted_at + throttled.retry_after
                if throttled.retry_after > self._remaining() - _CLOSING or not self._is_month_of(resume_at):
                    raise
                self._sleep(throttled.retry_after)

    def _accepted(self, purge: PlannedPurge, request_id: str, submitted_at: float) -> None:
        identities = purge.identities
        logger.info(
            "purge accepted",
            url=purge.url,
            request_id=request_id,
            changes=len(identities),
            collateral=purge.collateral,
        )
        metrics.add_metric("SecondsToAccepted", MetricUnit.Seconds, submitted_at - purge.since)
        self.outcome.accepted.append(
            Submitted(request_id, purge.url, submitted_at, joined(identities), purge.sample)
        )
        self.outcome.satisfied.update(purge.needs)
        if purge.url in self._state.failing:
            self._ledger.forget_failing(purge.url)
        if self._failures or self._resume:
            self._failures, self._resume = 0, False
            self._ledger.resume()

    def _refused(self, purge: PlannedPurge, refusal: UrlRefused) -> None:
        """A wildcard that nobody asked for is not used again; an exact URL will never be purged."""
        logger.warning("purge refused", url=purge.url, reason=str(refusal))
        if instead := purge.instead():
            self._ledger.remember_refused(purge.url, self._clock())
            self._queue.appendleft(instead)
        elif len(purge.needs) > 1:
            self._ledger.remember_refused(purge.url, self._clock())
            self.outcome.plan_again = True
        else:
            self.outcome.satisfied.update(purge.needs)
            self.outcome.refused.append(str(refusal))

    def _failed(self, purge: PlannedPurge, failure: Unavailable) -> None:
        """Leave the URL for later; after failures of several URLs in a row, everything."""
        logger.warning("purge failed", url=purge.url, reason=str(failure), counted=failure.may_have_counted)
        known = self._state.failing.get(purge.url)
        outage = self._failures >= _OUTAGE
        # One bad URL, tried now and then, is no outage; and what fails in an outage is no bad URL.
        if not outage:
            attempts = known.attempts + 1 if known else 1
            wait = min(_FIRST_RETRY * 2.0 ** (attempts - 1), _LAST_RETRY)
            self._ledger.remember_failing(purge.url, Failing(attempts, self._clock() + wait))
        if known and not outage:
            return
        self._failures += 1
        pause = 0.0
        if self._failures >= _OUTAGE:
            self._stop("unavailable", str(failure))
            pause = min(_FIRST_RETRY * 2.0 ** (self._failures - _OUTAGE), _LAST_PAUSE)
        self._ledger.pause(self._clock() + pause, failures=self._failures)

    def _stop(self, reason: StopReason, detail: str = "") -> None:
        self.outcome.stopped, self.outcome.detail = reason, detail
