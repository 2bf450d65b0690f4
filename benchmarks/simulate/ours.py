"""Our own policy: the drain that runs in the Lambda, on a virtual clock and over fakes of AWS.

The queue delivers as the event source mapping does: a batch as soon as it is polled, or when the batch is
full. The tick comes at every full minute. Changes happen while a drain sleeps, too.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from math import inf
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import unquote

from benchmarks.simulate.history import Change, History
from benchmarks.simulate.score import Score, month_end
from local.fakes import dynamodb
from purging import bootstrap
from purging.aws.listing import S3Lister
from purging.bootstrap import Ports
from purging.changes import ObjectChange
from purging.ledger.store import Ledger
from purging.planning.plan import Plan
from purging.planning.planner import Planner
from purging.settings import Settings
from purging.telemetry import logger, metrics
from purging.urls import UrlMap
from purging.weights import WeightedPattern

ENDPOINT = "https://ik.imagekit.io/demo"

# As template.yaml has them: BatchSize of the mapping, Timeout of SubmitPurge, the tick.
BATCH, LIFE_SECONDS, TICK_SECONDS = 10, 120.0, 60.0
# How long a message lies in the queue until the mapping's pollers have it.
POLL_SECONDS = 0.1


def run(history: History, *, versioned: bool, quota: int, weights: tuple[WeightedPattern, ...] = ()) -> Score:
    """The score of our policy in a whole history, with a quota of so many purges a month, and weights of
    evictions."""
    with _silent_telemetry():
        return _Simulation(history, settings_of(quota, weights), versioned=versioned).run()


def settings_of(quota: int, weights: tuple[WeightedPattern, ...] = ()) -> Settings:
    """The default settings, with a quota of so many purges a month, and weights of evictions."""
    return Settings(
        url_map=UrlMap.parse(f"*={ENDPOINT}"),
        ledger_table="",
        secret_arn="",
        monthly_quota=quota,
        eviction_weights=weights,
    )


@contextmanager
def _silent_telemetry() -> Iterator[None]:
    """Switch off log and metrics, which would be those of years."""
    level = logger.log_level
    logger.setLevel(logging.CRITICAL)
    try:
        with patch.object(metrics, "add_metric"):
            yield
    finally:
        logger.setLevel(level)


class _Simulation:
    """The clock, and what happens at which time.

    Events of the same moment come in this order: changes, batches, ticks.
    """

    def __init__(self, history: History, settings: Settings, *, versioned: bool) -> None:
        self._score = Score(history, versioned, settings.eviction_weights)
        self._now = history.changes[0].at
        self._changes = history.changes
        self._next_change = 0
        self._messages: list[ObjectChange] = []
        self._window_ends = inf
        self._no_tick_before = -inf
        self._invocations = count()
        self._table = dynamodb.Table()
        self._ledger = Ledger("ledger", cast(Any, dynamodb.Client(self._table.handle)))
        outside = Ports(
            self._ledger,
            S3Lister(cast(Any, self._score.bucket)),
            cast(Any, _AcceptingImageKit(self._accept)),
            cast(Any, _NoTracker()),
            cast(Any, _NoAlerts()),
        )
        drain = bootstrap.drain(
            settings, outside, lambda: self._now, lambda seconds: self._advance(until=self._now + seconds)
        )
        self._drain = replace(drain, planner=_ObservedPlanner(settings, self._note_price))

    def run(self) -> Score:
        """Run until the last change is purged, or stays pending for a month after the last one."""
        self._advance(until=inf)
        self._score.finish()
        return self._score

    def _advance(self, until: float) -> None:
        """Let everything happen that is due until a time (unix seconds)."""
        while True:
            change = self._changes[self._next_change].at if self._next_change < len(self._changes) else inf
            tick = self._next_tick()
            time = min(change, self._window_ends, tick)
            if time > until or time == inf:
                break
            self._now = max(self._now, time)
            if time == change:
                self._change(self._changes[self._next_change])
            elif time == self._window_ends:
                self._deliver()
            else:
                self._invoke()
        self._now = self._now if until == inf else until

    def _change(self, change: Change) -> None:
        self._next_change += 1
        self._score.changed(change)
        self._messages.append(self._event(change))
        if len(self._messages) == BATCH:
            self._window_ends = self._now
        elif len(self._messages) == 1:
            self._window_ends = self._now + POLL_SECONDS

    def _event(self, change: Change) -> ObjectChange:
        version = f"version-{change.number}" if self._score.versioned else None
        moment = datetime.fromtimestamp(change.at, UTC)
        kind: Any = "created" if change.put else "removed"
        return ObjectChange("origin", change.key, kind, moment, f"{change.number:016X}", version)

    def _deliver(self) -> None:
        batch, self._messages, self._window_ends = self._messages, [], inf
        self._ledger.add(batch)
        self._invoke(added=len(batch))

    def _invoke(self, *, added: int = 0) -> None:
        dies_at = self._now + LIFE_SECONDS
        began = self._now
        report = self._drain.run(
            f"invocation-{next(self._invocations)}", lambda: dies_at - self._now, added=added
        )
        if report.reason == "quota":
            self._score.out_of_quota(began)
            # No drain can purge anything before the next month, so the ticks until then are left out.
            self._no_tick_before = month_end(self._now)

    def _next_tick(self) -> float:
        """When the next tick has something to do."""
        if not self._table.count("pending"):
            return inf
        return max((self._now // TICK_SECONDS + 1) * TICK_SECONDS, self._no_tick_before)

    def _accept(self, url: str) -> None:
        wildcard = url.endswith("*")
        key = unquote(url.removeprefix(f"{ENDPOINT}/").removesuffix("*"))
        self._score.purged(self._now, key, wildcard=wildcard)

    def _note_price(self, price: float) -> None:
        self._score.priced(self._now, price)


class _ObservedPlanner(Planner):
    """The planner, which also reports the price of every plan with purges."""

    def __init__(self, settings: Settings, report_price: Callable[[float], None]) -> None:
        super().__init__(settings)
        self._report_price = report_price

    def plan(self, *arguments: Any) -> Plan:
        """The planner's own plan."""
        plan = super().plan(*arguments)
        if plan.purges:
            self._report_price(plan.price)
        return plan


class _AcceptingImageKit:
    """Accepts every purge at once."""

    def __init__(self, accept: Callable[[str], None]) -> None:
        self._accept = accept
        self._ids = count()

    def purge(self, url: str) -> str:
        """The id of the accepted request."""
        self._accept(url)
        return f"{next(self._ids):024x}"


class _NoTracker:
    """A tracker that follows no purge."""

    def start(self, purges: Sequence[object], first_wait_seconds: int) -> None:
        """Follow nothing."""


class _NoAlerts:
    """Alerts that are not sent."""

    def send(self, name: str, subject: str, message: str, *, every: float) -> bool:  # noqa: ARG002 - nobody reads it
        """Send nothing, and report that it was sent."""
        return True
