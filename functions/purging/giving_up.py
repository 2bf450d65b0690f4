"""Tells people of purges that TrackPurges gives up on: once a day for each cause, not for each execution."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from purging.aws.alerts import Alerts
from purging.telemetry import logger

_DAY = 86_400.0
# Characters of a message: SNS takes 256 KB (API reference, "Publish"), whatever the characters are.
_MESSAGE = 60_000
_CAUSE = 2_000


def give_up(purges: Sequence[dict[str, Any]], why: dict[str, Any], alerts: Alerts) -> None:
    """Log every purge, and alert what was not alerted today.

    `purges` as `Findings.answer` has them; `why` as TrackPurges says it: `execution` (an ARN), and either
    `minutes` of the deadline that passed, or `error` and `details` of a CheckPurges that failed. Raises one
    of AWS_ERRORS if the ledger cannot say what was alerted.
    """
    for purge in purges:
        logger.warning("purge given up", purge=purge, execution=why.get("execution"))
    if "minutes" in why:
        _late(purges, why, alerts)
    else:
        _unknown(purges, why, alerts)


def _late(purges: Sequence[dict[str, Any]], why: dict[str, Any], alerts: Alerts) -> None:
    by_cause = defaultdict(list)
    for purge in purges:
        by_cause[purge.get("cause", "unknown")].append(purge)
    for cause, late in by_cause.items():
        alerts.send(
            f"late {cause}",
            f"ImageKit: {len(late)} purge(s) not Completed in time ({cause})",
            _text(
                "ImageKit accepted these purges, but they were not Completed and fresh within "
                f"{why['minutes']} minutes. Cause: {cause}.",
                "Purge them again, or give the request ids to support@imagekit.io.",
                late,
                why,
            ),
            every=_DAY,
        )


def _unknown(purges: Sequence[dict[str, Any]], why: dict[str, Any], alerts: Alerts) -> None:
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


def _text(what: str, then: str, purges: Iterable[dict[str, Any]], why: dict[str, Any]) -> str:
    lines = (
        "  ".join(str(purge.get(name, "?")) for name in ("request_id", "url", "reason") if name in purge)
        for purge in purges
    )
    text = (
        what,
        then,
        "More purges with the same cause are not alerted for a day: the failed executions of TrackPurges and "
        'the lines "purge given up" in the log of CheckPurges name them all.',
        "",
        f"Execution: {why.get('execution', 'unknown')}",
        "",
        *lines,
    )
    return "\n".join(text)[:_MESSAGE]
