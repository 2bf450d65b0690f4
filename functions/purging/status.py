"""One look at purges that are under way: which are Completed, and seen to be fresh."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from purging.aws.clients import AWS_ERRORS
from purging.errors import KeyRefused, Throttled, Unavailable, UnknownRequest
from purging.imagekit.client import ImageKit
from purging.imagekit.freshness import Freshness
from purging.ledger.store import Ledger
from purging.telemetry import MetricUnit, logger, metrics

# Seconds kept free for the last purge that is asked for, if everything hangs: ImageKit (12), Secrets Manager
# (9), the note in the ledger (9), the CDN (8).
_CLOSING = 40.0

# URLs to look at in one check; a purge as a whole works or does not.
_SAMPLES = 5

Cause = Literal[
    "pending", "stale", "throttled", "unknown id", "unavailable", "key refused", "key not read", "not asked"
]


class Problem(NamedTuple):
    """Why a purge is still open: which `cause`, the same for all purges that share it, and in words."""

    cause: Cause
    reason: str


@dataclass(slots=True)
class Findings:
    """What a look found: purges still `open`, with cause and reason, and how long to wait at least."""

    open: list[dict[str, Any]] = field(default_factory=list)
    completed: int = 0
    wait_seconds: float = 0.0
    blocked: Problem | None = None
    """Why asking further makes no sense now; None if it does."""
    noted: bool = True
    """Whether the ledger takes notes."""

    def answer(self) -> dict[str, Any]:
        """The JSON that the state machine goes on with. What was not asked for comes first next time."""
        return {
            "purges": sorted(self.open, key=lambda purge: purge["cause"] != "not asked"),
            "completed": self.completed,
            "wait_seconds": math.ceil(self.wait_seconds),
        }


class Checker:
    """`freshness` is None if purges are to be believed without a look. `clock` gives unix seconds."""

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

    def look(self, purges: Iterable[dict[str, Any]], remaining: Callable[[], float]) -> Findings:
        """Ask for the status of each purge, as `tracking.py` describes one, as long as ImageKit answers
        and `remaining()` seconds of life allow. Never raises for what ImageKit, AWS or the CDN say."""
        findings = Findings()
        samples = _SAMPLES
        for purge in purges:
            completed = purge.get("completed", False)
            problem = findings.blocked
            if remaining() <= _CLOSING:
                problem = Problem("not asked", "not asked yet")
            elif completed:
                problem = None
            elif not problem:
                problem = self._pending(purge, findings)
                completed = not problem
            if not problem and purge["sample"] and self._freshness and samples:
                samples -= 1
                problem = self._stale(purge, self._freshness)
            if problem:
                done = {"completed": True} if completed else {}
                findings.open.append({**purge, **done, "cause": problem.cause, "reason": problem.reason})
            else:
                findings.completed += 1
        return findings

    def _pending(self, purge: dict[str, Any], findings: Findings) -> Problem | None:
        """Why a purge is not Completed; None if it is."""
        request_id = purge["request_id"]
        try:
            if self._imagekit.status(request_id) == "Pending":
                return Problem("pending", "Pending")
        except Throttled as throttled:
            findings.wait_seconds = throttled.retry_after
            findings.blocked = Problem("throttled", "throttled")
            return findings.blocked
        except (KeyRefused, Unavailable, UnknownRequest, *AWS_ERRORS) as error:
            problem = _problem(error)
            if problem.cause in ("key refused", "key not read"):
                findings.blocked = problem
            logger.warning("status not known", request_id=request_id, reason=problem.reason)
            return problem
        self._note(purge, findings)
        return None

    def _note(self, purge: dict[str, Any], findings: Findings) -> None:
        """A purge is Completed: say so in log, metrics and ledger."""
        request_id, now = purge["request_id"], self._clock()
        seconds = now - purge["submitted_at"]
        logger.info("purge completed", url=purge["url"], request_id=request_id, seconds=round(seconds, 3))
        metrics.add_metric("SecondsToCompleted", MetricUnit.Seconds, seconds)
        if not findings.noted:
            return
        try:
            self._ledger.complete(request_id, purge["submitted_at"], now)
        except AWS_ERRORS:
            # A note for people; the purge is done all the same. A table that hangs must not cost the look.
            findings.noted = False
            logger.exception("completion not noted", request_id=request_id)

    def _stale(self, purge: dict[str, Any], freshness: Freshness) -> Problem | None:
        age = freshness.stale_age(purge["sample"], purge["submitted_at"])
        if age is None:
            return None
        logger.warning("stale after Completed", url=purge["sample"], request_id=purge["request_id"], age=age)
        metrics.add_metric("StaleAfterCompleted", MetricUnit.Count, 1)
        return Problem("stale", f"Completed, but {purge['sample']} is still stale: its Age is {age:.0f} s")


def _problem(error: Exception) -> Problem:
    match error:
        case KeyRefused():
            return Problem("key refused", str(error))
        case Unavailable():
            return Problem("unavailable", str(error))
        case UnknownRequest():
            return Problem("unknown id", str(error))
    return Problem("key not read", f"the private key cannot be read from Secrets Manager: {error}")
