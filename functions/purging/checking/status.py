"""Checks tracked purges: which ones has ImageKit completed, and does the CDN serve them fresh?"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from purging.aws.clients import AWS_ERRORS
from purging.errors import KeyRefused, Throttled, Unavailable, UnknownRequest
from purging.imagekit.client import ImageKit
from purging.imagekit.freshness import Freshness
from purging.ledger.store import Ledger
from purging.telemetry import Metric, logger, publish
from purging.tracked import Cause, CheckAnswer, TrackedPurge

# A purge is checked only if more seconds than these remain. That is enough for one purge if everything hangs:
# ImageKit (12), Secrets Manager (10), the note in the ledger (10), the CDN (8).
_CLOSING = 40.0

# URLs to check at the CDN in one invocation. A few are enough: a purge works for all its URLs or for none.
_SAMPLES = 5

_BLOCKING: frozenset[Cause] = frozenset({"throttled", "key refused", "key not read"})


class Problem(NamedTuple):
    """Why a purge is unfinished: the `cause`, the `reason` in words, and the seconds to wait at least."""

    cause: Cause
    reason: str
    wait_seconds: float = 0.0

    @property
    def blocks(self) -> bool:
        """Whether further status calls would now fail for the same cause."""
        return self.cause in _BLOCKING


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of a check: the `unfinished` purges, each with its cause and reason; the number of finished
    ones (`completed`); and how many seconds to wait at least before the next check."""

    unfinished: list[TrackedPurge]
    completed: int
    wait_seconds: float

    def answer(self) -> CheckAnswer:
        """The JSON for the state machine. In the next check, the purges that were not checked come first."""
        return {
            "purges": sorted(self.unfinished, key=lambda purge: purge["cause"] != "not asked"),
            "completed": self.completed,
            "wait_seconds": math.ceil(self.wait_seconds),
        }


class Checker:
    """Checks tracked purges. `freshness` is None if the CDN is not asked. `clock` gives unix seconds."""

    def __init__(
        self,
        imagekit: ImageKit,
        ledger: Ledger,
        freshness: Freshness | None,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._imagekit = imagekit
        self._ledger = ledger
        self._freshness = freshness
        self._clock = clock

    def check(self, purges: Iterable[TrackedPurge], remaining: Callable[[], float]) -> Findings:
        """Ask ImageKit for the status of each purge, and the CDN for a few samples of completed ones.

        `remaining` gives the seconds that the function has left. The check stops asking when they run short,
        or when a problem blocks all further calls. It raises no error of ImageKit, AWS or the CDN.
        """
        unfinished: list[TrackedPurge] = []
        finished = 0
        blocked: Problem | None = None
        ledger_answers, samples = True, _SAMPLES
        for purge in purges:
            completed = purge.get("completed", False)
            problem: Problem | None = None
            if remaining() <= _CLOSING:
                problem = Problem("not asked", "not asked yet")
            elif not completed:
                problem = blocked or self._status_problem(purge["request_id"])
                if problem:
                    blocked = problem if problem.blocks else None
                else:
                    completed = True
                    now = self._clock()
                    _report_completed(purge, now)
                    # The note is for people only: after one failure, no other note is tried.
                    ledger_answers = ledger_answers and self._note_completed(purge, now)
            if not problem and purge["sample"] and self._freshness and samples:
                samples -= 1
                problem = _freshness_problem(purge, purge["sample"], self._freshness)
            if problem:
                unfinished.append(_unfinished(purge, problem, completed=completed))
            else:
                finished += 1
        return Findings(unfinished, finished, blocked.wait_seconds if blocked else 0.0)

    def _status_problem(self, request_id: str) -> Problem | None:
        """Why ImageKit does not say Completed; None if it does."""
        try:
            status = self._imagekit.status(request_id)
        except Throttled as throttled:
            return Problem("throttled", "throttled", throttled.retry_after)
        except (KeyRefused, Unavailable, UnknownRequest, *AWS_ERRORS) as error:
            problem = _problem_of(error)
            logger.warning("status not known", request_id=request_id, reason=problem.reason)
            return problem
        return Problem("pending", "Pending") if status == "Pending" else None

    def _note_completed(self, purge: TrackedPurge, now: float) -> bool:
        """Write to the ledger that a purge is Completed. Returns whether the ledger could be reached."""
        try:
            self._ledger.complete(purge["request_id"], purge["submitted_at"], now)
        except AWS_ERRORS:
            logger.exception("completion not noted", request_id=purge["request_id"])
            return False
        return True


def _report_completed(purge: TrackedPurge, now: float) -> None:
    seconds = now - purge["submitted_at"]
    logger.info(
        "purge completed", url=purge["url"], request_id=purge["request_id"], seconds=round(seconds, 3)
    )
    publish(Metric.SECONDS_TO_COMPLETED, seconds)


def _freshness_problem(purge: TrackedPurge, sample: str, freshness: Freshness) -> Problem | None:
    """Why a completed purge is not finished: the CDN still serves an old copy. None if it serves none."""
    age = freshness.stale_age(sample, purge["submitted_at"])
    if age is None:
        return None
    logger.warning("stale after Completed", url=sample, request_id=purge["request_id"], age=age)
    publish(Metric.STALE_AFTER_COMPLETED, 1)
    return Problem("stale", f"Completed, but {sample} is still stale: its Age is {age:.0f} s")


def _unfinished(purge: TrackedPurge, problem: Problem, *, completed: bool) -> TrackedPurge:
    """The purge as the next check receives it."""
    result: TrackedPurge = {**purge, "cause": problem.cause, "reason": problem.reason}
    return {**result, "completed": True} if completed else result


def _problem_of(error: Exception) -> Problem:
    match error:
        case KeyRefused():
            return Problem("key refused", str(error))
        case Unavailable():
            return Problem("unavailable", str(error))
        case UnknownRequest():
            return Problem("unknown id", str(error))
    return Problem("key not read", f"the private key cannot be read from Secrets Manager: {error}")
