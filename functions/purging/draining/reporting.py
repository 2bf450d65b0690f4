"""Reports what came of a round of a drain: to people by alerts, to dashboards by metrics."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from purging.aws.alerts import Alerts
from purging.changes import ObjectChange
from purging.draining.rounds import Round
from purging.ledger.alert_claims import GIVEN_UP, KEY_REFUSED
from purging.ledger.quota import month_of
from purging.planning.pacing import coming, runs_out
from purging.planning.targets import PurgeTarget
from purging.quoting import quoted, without_query
from purging.settings import Settings
from purging.telemetry import Metric, publish

_HOUR, _DAY = 3600.0, 86_400.0
# URLs of an endpoint that an alert names at most.
_NAMED = 10


class Reporter:
    """`clock` gives unix seconds."""

    def __init__(self, settings: Settings, alerts: Alerts, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._alerts = alerts
        self._clock = clock

    def give_up(self, given_up: Mapping[PurgeTarget, str]) -> set[PurgeTarget]:
        """Alert people to URLs that are given up, once a day for each endpoint and each dependent URL. Return
        the targets that people were alerted to, now or earlier. Raises one of AWS_ERRORS if DynamoDB fails.
        """
        alike: dict[tuple[str, bool], dict[PurgeTarget, str]] = defaultdict(dict)
        for target, reason in given_up.items():
            alike[_place(target), _is_dependent(target)][target] = reason
        known: set[PurgeTarget] = set()
        for (place, dependent), reasons in alike.items():
            text = _about_dependent(place, reasons) if dependent else _about_endpoint(place, reasons)
            if self._alerts.send(
                f"{GIVEN_UP}{place}",
                "ImageKit refuses to purge a URL",
                f"{next(iter(reasons.values()))}\n{text}",
                every=_DAY,
            ):
                known |= reasons.keys()
        publish(Metric.URLS_GIVEN_UP, len(known))
        return known

    def tell(self, done: Round) -> None:
        """Publish the metrics of a round, and alert people to what only they can put right. Raises one of
        AWS_ERRORS if DynamoDB fails."""
        if not done.window.objects:
            return
        now = self._clock()
        age = max((now - each.since for each in done.held), default=0.0)
        state, limit = done.window.state, self._settings.automatic_quota
        used = state.used + len(done.outcome.accepted) + done.outcome.imagined
        further = coming(state.need, state.need_before, now, limit, state.need_by_day).least
        publish(Metric.PURGES_ACCEPTED, len(done.outcome.accepted))
        publish(Metric.CHANGES_HELD, len(done.held))
        publish(Metric.OLDEST_PENDING_SECONDS, max(age, 0.0))
        publish(Metric.PRICE, done.plan.price)
        publish(Metric.QUOTA_USED, used)
        publish(Metric.EXPECTED_NEED, further)
        held = f"{len(done.held)} changed objects are held; none is lost.\n{done.detail}"
        self._foresee(used, further, now)
        if done.reason == "quota":
            self._tell_quota(done, held)
        elif done.reason == "key refused":
            self._alerts.send(KEY_REFUSED, "ImageKit refuses the private key", held, every=_DAY)
        elif age > self._settings.max_hold_seconds + _HOUR:
            self._alerts.send(
                f"waits {done.reason}",
                "Changed objects are held for too long",
                f"{held}\nThe oldest change is {age / _HOUR:.0f} hours old.",
                every=_DAY,
            )

    def _foresee(self, used: int, further: float, now: float) -> None:
        """Alert people early if the quota will not last: of the purges for changes, so many are `used`, and
        `further` ones are needed at least."""
        limit = self._settings.automatic_quota
        end = runs_out(limit - used, now, further)
        # In a month's first days, too little is known.
        if end is None or used >= limit or used < limit / 4 or datetime.fromtimestamp(now, UTC).day < 3:
            return
        self._alerts.send(
            f"quota ends {month_of(now, dry_run=self._settings.dry_run)} {limit}",
            "ImageKit's monthly purge quota will not last",
            f"At the pace of this month, this stack's {limit} purges for changes will be used up on "
            f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d}, although wildcards are as broad as they can be. "
            "From then on, changes are held until the month turns (UTC). Ask ImageKit for a higher quota and "
            "raise MonthlyPurgeQuota, or raise MaxHoldSeconds, so that more changes share a purge.",
            every=31 * _DAY,
        )

    def _tell_quota(self, done: Round, held: str) -> None:
        quota = self._settings.monthly_quota
        month = month_of(self._clock(), dry_run=self._settings.dry_run)
        imagekit_says = done.outcome.exhausted or done.window.state.exhausted
        self._alerts.send(
            f"quota {month} {quota} {imagekit_says}",
            "A dry run has used up the monthly purge quota"
            if self._settings.dry_run
            else "ImageKit's monthly purge quota is used up",
            f"{held}\nThis stack spends {self._settings.automatic_quota} of {quota} purges a month on "
            "changes; the rest is for manual purges. It goes on when the next month begins (UTC), or when "
            "you raise the quota at ImageKit and MonthlyPurgeQuota of this stack.",
            every=31 * _DAY,
        )


def _place(target: PurgeTarget) -> str:
    """What a target is alerted with: the endpoint of its URL, the URL itself if it depends on the object, or
    the host of a URL that a person asked for."""
    if target.root:
        return target.root.endpoint
    return target.exact if _is_dependent(target) else urlsplit(target.exact).netloc


def _is_dependent(target: PurgeTarget) -> bool:
    return target.root is None and isinstance(target.changed_object.changes[0], ObjectChange)


def _about_endpoint(endpoint: str, given_up: Iterable[PurgeTarget]) -> str:
    urls = list(dict.fromkeys(without_query(target.exact) for target in given_up))
    others = f", among them {', '.join(urls[:_NAMED])}" if len(urls) > 1 else ""
    return (
        f"{len(urls)} URLs of {endpoint} are given up: they may show old copies{others}. If the endpoint is "
        "wrong, correct UrlMap. The log of SubmitPurge names each URL (purge refused, purge failed). For a "
        "day, no alert follows for other URLs of this endpoint."
    )


def _about_dependent(url: str, given_up: Iterable[PurgeTarget]) -> str:
    keys = dict.fromkeys(target.changed_object.changes[0].subject[-1] for target in given_up)
    return (
        f"Dependents names {without_query(url)} for {quoted(next(iter(keys)))}, which changed. This URL is "
        f"given up for {len(keys)} changed objects: it may show what they were before. Correct Dependents, "
        "or purge what it shows by hand. For a day, no alert follows for this URL."
    )
