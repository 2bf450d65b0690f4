"""Records accepted purges: writes them to the ledger, and then starts TrackPurges, which follows them.

A function may be killed in between. Then the next drain starts TrackPurges.
"""

from collections.abc import Callable, Sequence

from purging.aws.clients import AWS_CALL_SECONDS, AWS_ERRORS
from purging.aws.tracking import Tracker
from purging.clocks import surely_before
from purging.ledger.store import Ledger
from purging.planning.planned import PlannedPurge
from purging.purges import AcceptedPurge, joined
from purging.telemetry import Metric, logger, publish


class Recorder:
    """Records accepted purges."""

    def __init__(self, ledger: Ledger, tracker: Tracker) -> None:
        self._ledger = ledger
        self._tracker = tracker

    def accepted(
        self, purge: PlannedPurge, request_id: str, submitted_at: float, *, before: Sequence[AcceptedPurge]
    ) -> AcceptedPurge:
        """Write an accepted purge to the ledger, with those of its batch that came `before` it.

        Purges are written one by one: if a function is killed, the ledger lacks one purge at most. Times are
        unix seconds. Raises one of AWS_ERRORS.
        """
        logger.info(
            "purge accepted",
            url=purge.url,
            request_id=request_id,
            changes=purge.changes,
            collateral=purge.collateral,
            weight=purge.weight,
        )
        publish(Metric.SECONDS_TO_ACCEPTED, submitted_at - purge.since)
        publish(Metric.EVICTIONS, purge.collateral)
        # The purge's time does not prove that it came after these changes, so it keeps their identities.
        identities = joined(
            change.identity
            for target in purge.targets
            for change in target.changed_object.changes
            if not surely_before(change, submitted_at)
        )
        accepted = AcceptedPurge(request_id, purge.url, submitted_at, identities, purge.sample)
        self._ledger.accept([accepted], before=before)
        return accepted

    def track(
        self,
        batches: Sequence[Sequence[AcceptedPurge]],
        remaining: Callable[[], float],
        first_wait: Callable[[Sequence[AcceptedPurge]], int],
        *,
        reserve: float,
    ) -> None:
        """Start TrackPurges for each batch, as long as `reserve` of the `remaining()` seconds are left after
        it. The next drain tracks the other batches. `first_wait` gives the seconds before a batch's first
        check. Raises one of AWS_ERRORS if DynamoDB fails."""
        for batch in batches:
            if remaining() < reserve + 2 * AWS_CALL_SECONDS:
                return
            try:
                self._tracker.start(batch, first_wait(batch))
            except AWS_ERRORS:
                logger.exception("purges not tracked yet", request_ids=[purge.request_id for purge in batch])
                return
            self._ledger.forget_untracked(batch)
