"""Alerts people to purges that TrackPurges gives up: once a day for each cause, not for each execution."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from purging.aws.alerts import Alerts
from purging.telemetry import Metric, logger, publish
from purging.tracked import GiveUp, TrackedPurge

_DAY = 86_400.0
# Characters of a message. A character takes up to 4 bytes, and SNS accepts 256 KB with the form for the chat:
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_MESSAGE = 50_000
_CAUSE = 2_000


def give_up(purges: Sequence[TrackedPurge], why: GiveUp, alerts: Alerts) -> None:
    """Log every purge, and send the alerts that were not sent in the last 24 hours.

    Each field of a purge may be missing: a malformed purge may be why CheckPurges failed. Raises one of
    AWS_ERRORS if the ledger does not say which alerts were sent.
    """
    for purge in purges:
        logger.warning("purge given up", purge=purge, execution=why.get("execution"))
    if "minutes" in why:
        publish(Metric.PURGES_OVERDUE, len(purges))
        _alert_late(purges, why, why["minutes"], alerts)
    else:
        _alert_unknown(purges, why, alerts)


def _alert_late(purges: Sequence[TrackedPurge], why: GiveUp, minutes: str, alerts: Alerts) -> None:
    by_cause: dict[str, list[TrackedPurge]] = defaultdict(list)
    for purge in purges:
        by_cause[purge.get("cause", "unknown")].append(purge)
    for cause, late in by_cause.items():
        alerts.send(
            f"late {cause}",
            f"ImageKit: {len(late)} purge(s) not Completed in time ({cause})",
            _text(
                "ImageKit accepted these purges, but they were not Completed and fresh within "
                f"{minutes} minutes. Cause: {cause}.",
                "Purge them again, or give the request ids to support@imagekit.io.",
                late,
                why,
            ),
            every=_DAY,
        )


def _alert_unknown(purges: Sequence[TrackedPurge], why: GiveUp, alerts: Alerts) -> None:
    error = str(why.get("error", "unknown"))[:100]
    alerts.send(
        f"unknown {error}",
        f"ImageKit: the status of {len(purges)} purge(s) is unknown",
        _text(
            "ImageKit accepted these purges. CheckPurges failed, so their status is unknown.",
            f"Error: {error}\nDetails: {str(why.get('details', ''))[:_CAUSE]}",
            purges,
            why,
        ),
        every=_DAY,
    )


def _text(what: str, remedy: str, purges: Iterable[TrackedPurge], why: GiveUp) -> str:
    lines = (
        "  ".join(str(purge.get(name)) for name in ("request_id", "url", "reason") if name in purge)
        for purge in purges
    )
    text = (
        what,
        remedy,
        "For a day, no alert follows for other purges with the same cause. The failed executions of "
        'TrackPurges and the lines "purge given up" in the log of CheckPurges name all of them.',
        "",
        f"Execution: {why.get('execution', 'unknown')}",
        "",
        *lines,
    )
    return "\n".join(text)[:_MESSAGE]
