"""Our own policy: the drain that runs in the Lambda, with stand-ins for what it talks to and for the clock.

The queue delivers as the event source mapping does: a batch two seconds after its first message, or when it
is full. The tick comes at every full minute. While a drain sleeps, the world goes on.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from math import inf
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import unquote

from benchmarks.simulate.history import Change
from benchmarks.simulate.score import Score
from local.fakes import dynamodb
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.changes import ObjectChange
from purging.drain import Drain
from purging.ledger.store import Ledger
from purging.planning.planner import Plan, Planner
from purging.settings import Settings
from purging.telemetry import logger, metrics
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"

# As template.yaml has them: CoalesceSeconds and BatchSize of the mapping, Timeout of SubmitPurge, the tick.
WINDOW_SECONDS, BATCH, LIFE_SECONDS, TICK_SECONDS = 2.0, 1000, 120.0, 60.0


def run(score: Score, quota: int) -> None:
    """Follow the whole history of a score, with a quota of so many purges a month."""
    settings = Settings(
        url_map=UrlMap.parse(f"*={ENDPOINT}"), ledger_table="", secret_arn="", monthly_quota=quota
    )
    with _quietly():
        _World(score, settings).run()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the log and the metrics of years."""
    level = logger.log_level
    logger.setLevel(logging.CRITICAL)
    try:
        with patch.object(metrics, "add_metric"):
            yield
    finally:
        logger.setLevel(level)


class _World:
    """The clock, and what happens as it goes on. Events of one moment come in this order: changes, batches,
    ticks."""

    def __init__(self, score: Score, settings: Settings) -> None:
        self._score = score
        self._now = score.history.changes[0].at
        self._changes = score.history.changes
        self._at = 0
        self._messages: list[ObjectChange] = []
        self._window_ends = inf
        self._quiet_until = -inf
        self._owners = count()
        self._table = dynamodb.Table()
        self._ledger = Ledger("ledger", cast(Any, dynamodb.Client(self._table.handle)))
        self._drain = Drain(
            settings,
            ledger=self._ledger,
            planner=_Watched(settings, Surveyor(S3Lister(cast(Any, score.bucket))), self._note_price),
            imagekit=cast(Any, _AcceptingImageKit(self._accept)),
            tracker=cast(Any, _Nobody()),
            alerts=cast(Any, _Nobody()),
            clock=lambda: self._now,
            sleep=lambda seconds: self._go_on(until=self._now + seconds),
        )

    def run(self) -> None:
        """Until the last change is purged, or waits for a month after the last one."""
        self._go_on(until=inf)
        self._score.finish()

    def _go_on(self, until: float) -> None:
        """Let everything happen that happens until some time."""
        while True:
            change = self._changes[self._at].at if self._at < len(self._changes) else inf
            tick = self._next_tick()
            time = min(change, self._window_ends, tick)
            if time > until or time == inf:
                break
            self._now = max(self._now, time)
            if time == change:
                self._happen(self._changes[self._at])
            elif time == self._window_ends:
                self._deliver()
            else:
                self._invoke()
        self._now = self._now if until == inf else until

    def _happen(self, change: Change) -> None:
        self._at += 1
        self._score.happened(change)
        self._messages.append(self._event(change))
        if len(self._messages) == BATCH:
            self._window_ends = self._now
        elif len(self._messages) == 1:
            self._window_ends = self._now + WINDOW_SECONDS

    def _event(self, change: Change) -> ObjectChange:
        version = f"version-{change.number}" if self._score.versioned else None
        moment = datetime.fromtimestamp(change.at, UTC)
        kind: Any = "created" if change.put else "removed"
        return ObjectChange("origin", change.key, kind, moment, f"{change.number:016X}", version)

    def _deliver(self) -> None:
        batch, self._messages, self._window_ends = self._messages, [], inf
        self._ledger.add(batch)
        self._invoke()

    def _invoke(self) -> None:
        dies_at = self._now + LIFE_SECONDS
        month = self._score.month(self._now)
        report = self._drain.run(f"invocation-{next(self._owners)}", lambda: dies_at - self._now)
        if report.reason == "quota":
            month.over_quota = True
            # Nothing changes until the month does: its ticks need not be played.
            self._quiet_until = _next_month(self._now)

    def _next_tick(self) -> float:
        """When the next tick has something to do."""
        if not self._table.count("pending"):
            return inf
        return max((self._now // TICK_SECONDS + 1) * TICK_SECONDS, self._quiet_until)

    def _accept(self, url: str) -> None:
        wildcard = url.endswith("*")
        key = unquote(url.removeprefix(f"{ENDPOINT}/").removesuffix("*"))
        self._score.purged(self._now, key, wildcard=wildcard)

    def _note_price(self, price: float) -> None:
        month = self._score.month(self._now)
        month.price = max(month.price, price)


class _Watched(Planner):
    """The planner, telling the price of every plan that purges something."""

    def __init__(self, settings: Settings, inventory: Surveyor, told: Callable[[float], None]) -> None:
        super().__init__(settings, inventory)
        self._told = told

    def plan(self, *arguments: Any) -> Plan:
        """As planned."""
        plan = super().plan(*arguments)
        if plan.purges:
            self._told(plan.price)
        return plan


class _AcceptingImageKit:
    """Accepts every purge at once."""

    def __init__(self, accept: Callable[[str], None]) -> None:
        self._accept = accept
        self._ids = count()

    def purge(self, url: str) -> str:
        """Its request id."""
        self._accept(url)
        return f"{next(self._ids):024x}"


class _Nobody:
    """Tracker and Alerts that say and do nothing."""

    def start(self, purges: Sequence[object]) -> None:
        """Follow nothing."""

    def send(self, name: str, subject: str, message: str, *, every: float) -> bool:  # noqa: ARG002 - nobody listens
        """Tell nobody, and be taken for having told."""
        return True


def _next_month(now: float) -> float:
    first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1).timestamp()
