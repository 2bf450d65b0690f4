"""The status of the stack, from facts. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from purging.answers.holding import Held, held
from purging.answers.reading import DAY, FOLLOWED_SECONDS, Backlog, Conditions, StackFacts
from purging.answers.times import iso, iso_or_none
from purging.ledger.inspection import Timing
from purging.ledger.quota import month_of
from purging.planning.pacing import coming, runs_out
from purging.settings import Settings

_SHOWN = 20
"""Failing URLs and refused wildcards that an answer names at most."""


def status(facts: StackFacts, settings: Settings) -> dict[str, Any]:
    """Return the answer, as JSON has it. Times are ISO 8601 in UTC, durations seconds.

    `at_least` names the numbers that may be larger, since not all of the ledger could be read in time.
    """
    conditions, backlog = facts.conditions, facts.backlog
    reasons = held(conditions, settings, conditions.state.failing, manual=False)
    return {
        "at": iso(conditions.now),
        "dry_run": settings.dry_run,
        "quota": _quota(conditions, settings),
        "pending": _pending(backlog, conditions.now),
        "held": as_json(reasons),
        "draining": {"at_work": conditions.draining, "until": _lease(conditions)},
        "purges": _purges(facts.timings, conditions.now) | {"untracked": _untracked(conditions)},
        "pause": _pause(conditions),
        "failing": _failing(conditions),
        "refused_wildcards": _named(conditions.state.refused),
        "settings": shown(settings),
        "at_least": at_least(facts),
    }


def as_json(reasons: Iterable[Held]) -> list[dict[str, Any]]:
    """Return why changes are held, as JSON has it."""
    return [
        {"reason": each.reason, "detail": each.detail, "until": iso_or_none(each.until)} for each in reasons
    ]


def at_least(facts: StackFacts) -> list[str]:
    """Return the paths of the numbers that may be larger."""
    purges = ["accepted_last_day", "completed_last_day", "in_flight", "never_seen_completed"]
    return [
        *([] if facts.backlog.all_sets else ["pending.change_sets"]),
        *([] if facts.backlog.all_changes else ["pending.changes", "pending.objects"]),
        *([] if facts.all_timings else [f"purges.{name}" for name in purges]),
    ]


def shown(settings: Settings) -> dict[str, Any]:
    """Return the settings that decide what is purged, and when: no secret, and no name of a resource."""
    roots = settings.url_map.roots
    return {
        "url_map": list(
            dict.fromkeys(f"{root.bucket}/{root.folder}".rstrip("/") + f"={root.endpoint}" for root in roots)
        ),
        "path_transformations": sorted({root.transformation for root in roots} - {""}),
        "seo_urls": any(root.seo for root in roots),
        "dependents": [f"{each.pattern}={each.url}" for each in settings.url_map.dependents.all],
        "query_variants": settings.query_variants,
        "skip_new_objects": settings.skip_new_objects,
        "ignore_keys": list(settings.ignore_keys),
        "eviction_weights": {each.pattern: each.weight for each in settings.eviction_weights},
        "max_hold_seconds": settings.max_hold_seconds,
        "verify_freshness": settings.verify_freshness,
        "imagekit_api_url": settings.api_url,
    }


def _quota(conditions: Conditions, settings: Settings) -> dict[str, Any]:
    now, state, limit = conditions.now, conditions.state, settings.automatic_quota
    left = max(limit - state.used, 0)
    further = coming(state.need, state.need_before, now, limit, state.need_by_day)
    return {
        "month": month_of(now),
        "monthly": settings.monthly_quota,
        "used": state.used,
        "reserve": settings.monthly_quota - limit,
        "left_for_changes": left,
        "left_for_manual_purges": max(settings.monthly_quota - state.used, 0),
        "expected_at_least": round(further.least, 1),
        "expected_without_needless_evictions": _finite(further.sparing),
        "ends_at": iso_or_none(runs_out(left, now, further.least)),
    }


def _finite(number: float) -> float | None:
    """A number as JSON can have it; None if nobody knows it yet."""
    return round(number, 1) if math.isfinite(number) else None


def _pending(backlog: Backlog, now: float) -> dict[str, Any]:
    sampled = max(backlog.sampled_sets, 1)
    return {
        "change_sets": backlog.change_sets,
        "changes": backlog.changes,
        "objects": backlog.objects,
        "estimated_changes": backlog.changes
        if backlog.all_changes
        else round(backlog.changes / sampled * backlog.change_sets),
        "oldest_seconds": None if backlog.oldest_at is None else round(max(now - backlog.oldest_at, 0.0), 1),
    }


def _lease(conditions: Conditions) -> str | None:
    return iso_or_none(conditions.lease_until) if conditions.draining else None


def _untracked(conditions: Conditions) -> int:
    return sum(map(len, conditions.state.untracked))


def _purges(timings: Sequence[Timing], now: float) -> dict[str, Any]:
    recent = [each for each in timings if each.submitted_at >= now - DAY]
    unfinished = [each for each in recent if each.completed_at is None]
    in_flight = [each for each in unfinished if each.submitted_at >= now - FOLLOWED_SECONDS]
    completed = [each for each in timings if each.completed_at is not None and each.completed_at >= now - DAY]
    seconds = sorted(each.completed_at - each.submitted_at for each in completed if each.completed_at)
    return {
        "in_flight": len(in_flight),
        "oldest_in_flight_seconds": round(now - in_flight[-1].submitted_at, 1) if in_flight else None,
        "oldest_in_flight": in_flight[-1].request_id if in_flight else None,
        "never_seen_completed": len(unfinished) - len(in_flight),
        "accepted_last_day": len(recent),
        "completed_last_day": len(completed),
        "median_seconds_to_completed": round(_median(seconds), 1) if seconds else None,
    }


def _median(numbers: Sequence[float]) -> float:
    """The median of sorted numbers. The module `statistics` would make each cold start slower."""
    return (numbers[(len(numbers) - 1) // 2] + numbers[len(numbers) // 2]) / 2


def _pause(conditions: Conditions) -> dict[str, Any] | None:
    state = conditions.state
    if not (state.exhausted or state.failures or state.paused_until > conditions.now):
        return None
    return {
        "until": iso(state.paused_until),
        "over": state.paused_until <= conditions.now,
        "reason": state.pause_reason,
        "failures_in_a_row": state.failures,
        "quota_exhausted": state.exhausted,
    }


def _failing(conditions: Conditions) -> dict[str, Any]:
    failing = sorted(conditions.state.failing.items(), key=lambda each: -each[1].failed_at)
    return {
        "count": len(failing),
        "urls": [
            {
                "url": url,
                "attempts": each.attempts,
                "failed_at": iso(each.failed_at),
                "retry_at": iso(each.retry_at),
            }
            for url, each in failing[:_SHOWN]
        ],
    }


def _named(wildcards: Iterable[str]) -> dict[str, Any]:
    every = sorted(wildcards)
    return {"count": len(every), "urls": every[:_SHOWN]}
