"""One look at purges that are under way: which are Completed, and seen to be fresh."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from purging.errors import AWS_ERRORS, KeyRefused, Throttled, Unavailable, UnknownRequest
from purging.freshness import Freshness
from purging.imagekit import ImageKit
from purging.ledger import Ledger
from purging.telemetry import MetricUnit, logger, metrics

# Seconds kept free for one call that times out and for the answer.
_CLOSING = 15.0

# URLs to look at in one check; a purge as a whole works or does not.
_SAMPLES = 5


@dataclass(slots=True)
class Findings:
    """What a look found: purges still `open`, each with its reason, and how long to wait at least."""

    open: list[dict[str, Any]] = field(default_factory=list)
    completed: int = 0
    wait_seconds: float = 0.0
    blocked: str = ""
    """Why asking further makes no sense now; empty if it does."""

    def answer(self) -> dict[str, Any]:
        """The JSON that the state machine goes on with."""
        return {
            "purges": self.open,
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
        and `remaining()` seconds of life allow. Never raises for what ImageKit or the CDN say."""
        findings = Findings()
        samples = _SAMPLES
        for purge in purges:
            reason = self._pending(purge, findings) if remaining() > _CLOSING else "not asked yet"
            if not reason and purge["sample"] and self._freshness and samples:
                samples -= 1
                reason = self._stale(purge, self._freshness)
            if reason:
                findings.open.append({**purge, "reason": reason})
            else:
                findings.completed += 1
        return findings

    def _pending(self, purge: dict[str, Any], findings: Findings) -> str:
        """Why a purge is not Completed; empty if it is."""
        if purge.get("completed"):
            return ""
        if findings.blocked:
            return findings.blocked
        request_id = purge["request_id"]
        try:
            if self._imagekit.status(request_id) == "Pending":
                return "Pending"
        except Throttled as throttled:
            findings.wait_seconds = throttled.retry_after
            findings.blocked = "throttled"
            return findings.blocked
        except (KeyRefused, Unavailable, UnknownRequest) as problem:
            if isinstance(problem, KeyRefused):
                findings.blocked = str(problem)
            logger.warning("status not known", request_id=request_id, reason=str(problem))
            return str(problem)
        purge["completed"] = True
        seconds = self._clock() - purge["submitted_at"]
        logger.info("purge completed", url=purge["url"], request_id=request_id, seconds=round(seconds, 3))
        metrics.add_metric("SecondsToCompleted", MetricUnit.Seconds, seconds)
        try:
            self._ledger.complete(request_id, purge["submitted_at"], self._clock())
        except AWS_ERRORS:
            # A note for people; the purge is done all the same.
            logger.exception("completion not noted", request_id=request_id)
        return ""

    def _stale(self, purge: dict[str, Any], freshness: Freshness) -> str:
        age = freshness.stale_age(purge["sample"], purge["submitted_at"])
        if age is None:
            return ""
        logger.warning("stale after Completed", url=purge["sample"], request_id=purge["request_id"], age=age)
        metrics.add_metric("StaleAfterCompleted", MetricUnit.Count, 1)
        return f"Completed, but {purge['sample']} is still stale: its Age is {age:.0f} s"
