"""Says what a round of a drain came to: to people by alerts, to dashboards by metrics."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from purging.aws.alerts import Alerts
from purging.ledger.records import State
from purging.ledger.store import month_of
from purging.planning.planner import Plan
from purging.planning.targets import ChangedObject, PurgeTarget
from purging.settings import Settings
from purging.submission import Outcome
from purging.telemetry import MetricUnit, metrics

_HOUR, _DAY = 3600.0, 86_400.0

_WAITS: dict[str, str] = {
    "gathering": "An upload is under way: its changes are planned as a whole when it ends.",
    "held": "What is left of the quota is spent on purges that serve more changes: these wait for company.",
    "quota": "This stack has spent what the quota allows for changes this month.",
}


@dataclass(frozen=True, slots=True)
class Round:
    """What a round of a drain came to: `held` changed objects wait on, `paused` ones untried."""

    state: State
    plan: Plan
    outcome: Outcome
    held: set[ChangedObject]
    paused: set[ChangedObject]

    @property
    def reason(self) -> str:
        """Why changes wait, in a word; empty if none does."""
        if self.outcome.stopped or not self.held:
            return self.outcome.stopped
        if self.paused:
            return "quota" if self.state.exhausted else "paused"
        return self.plan.wait or ("failing" if self.state.failing or self.outcome.detail else "held")

    @property
    def detail(self) -> str:
        """Why changes wait, for people."""
        if self.outcome.detail or not self.held:
            return self.outcome.detail
        if self.paused:
            return self.state.pause_reason
        if self.reason in _WAITS:
            return _WAITS[self.reason]
        return "ImageKit gave no usable answer for their URLs; they are tried again, ever more rarely."


class Reporter:
    """`clock` gives unix seconds."""

    def __init__(self, settings: Settings, alerts: Alerts, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._alerts = alerts
        self._clock = clock

    def give_up(self, hopeless: Mapping[PurgeTarget, str]) -> set[PurgeTarget]:
        """Alert URLs that are never purged, once a day for each endpoint; the needs of which people know."""
        by_endpoint: dict[str, dict[PurgeTarget, str]] = defaultdict(dict)
        for target, reason in hopeless.items():
            by_endpoint[_endpoint(target)][target] = reason
        known: set[PurgeTarget] = set()
        for endpoint, reasons in by_endpoint.items():
            if self._alerts.send(
                f"refused {endpoint}",
                "ImageKit refuses to purge a URL",
                f"{next(iter(reasons.values()))}\n"
                f"{len(reasons)} URLs of {endpoint} are not purged: see to it that their pages are fresh. If "
                "the endpoint is wrong, correct UrlMap. The log of SubmitPurge names each URL (purge "
                "refused, purge failed); further ones of this endpoint are not mailed for a day.",
                every=_DAY,
            ):
                known |= reasons.keys()
        return known

    def tell(self, done: Round) -> None:
        """Publish the metrics of a round, and alert what only people can put right."""
        now = self._clock()
        age = max((now - pending.since for pending in done.held), default=0.0)
        metrics.add_metric("PurgesAccepted", MetricUnit.Count, len(done.outcome.accepted))
        metrics.add_metric("ChangesHeld", MetricUnit.Count, len(done.held))
        metrics.add_metric("OldestPendingSeconds", MetricUnit.Seconds, max(age, 0.0))
        metrics.add_metric("Price", MetricUnit.Count, done.plan.price)
        waiting = f"{len(done.held)} changed objects wait for their purge; none is lost.\n{done.detail}"
        if done.reason == "quota":
            self._tell_quota(done, waiting)
        elif done.reason == "key refused":
            self._alerts.send("key", "ImageKit refuses the private key", waiting, every=_DAY)
        elif age > self._settings.max_hold_seconds + _HOUR:
            self._alerts.send(
                f"waits {done.reason}",
                "Changed objects wait for their purge for too long",
                f"{waiting}\nThe oldest change is {age / _HOUR:.0f} hours old.",
                every=_DAY,
            )

    def _tell_quota(self, done: Round, waiting: str) -> None:
        quota = self._settings.monthly_quota
        month = month_of(self._clock(), dry_run=self._settings.dry_run)
        imagekit_says = done.outcome.exhausted or done.state.exhausted
        self._alerts.send(
            f"quota {month} {quota} {imagekit_says}",
            "A dry run has used up the monthly purge quota"
            if self._settings.dry_run
            else "ImageKit's monthly purge quota is used up",
            f"{waiting}\nThis stack spends {self._settings.automatic_quota} of {quota} purges a month on "
            "changes; the rest is for manual purges. It goes on when the month turns (UTC) or the quota "
            "is raised: at ImageKit, and as MonthlyPurgeQuota of this stack.",
            every=31 * _DAY,
        )


def _endpoint(target: PurgeTarget) -> str:
    """What a URL that is refused has in common with others that are refused for the same reason."""
    if target.root:
        return target.root.endpoint
    return urlsplit(target.exact).netloc
