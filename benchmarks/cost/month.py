"""Measures what a scale uses: the real functions over a slice of a month, on virtual time.

The queue delivers as the event source mapping does: a batch as soon as it is polled, or when the batch is
full, and five at most at once. The tick comes at every full minute. What is due while a function waits
happens then.
"""

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from math import ceil, inf
from typing import Any

from benchmarks.cost import workload
from benchmarks.cost.aws import MeteredAws
from benchmarks.cost.before import ledger_before
from benchmarks.cost.clock import Clock
from benchmarks.cost.functions import Functions
from benchmarks.cost.imagekit import InMemory, emulated
from benchmarks.cost.machine import Execution, track_purges
from benchmarks.cost.messages import batch
from benchmarks.cost.prices import PriceList
from benchmarks.cost.units import metric_months, traces
from benchmarks.cost.usage import Usage
from benchmarks.cost.workload import Scale
from benchmarks.simulate.ours import BATCH, POLL_SECONDS, TICK_SECONDS
from purging.ledger import items
from purging.ledger.table import size_of

START = datetime(2026, 6, 16, tzinfo=UTC).timestamp()
"""The middle of a month."""


@dataclass(frozen=True, slots=True)
class EventSource:
    """How the mapping delivers: up to `batch` messages, so many `seconds` after the first one, and so many
    batches `at_once`."""

    batch: int
    seconds: float
    at_once: int


AT_ONCE = EventSource(BATCH, POLL_SECONDS, 5)
"""The mapping without a window, as template.yaml has it."""


def with_window(seconds: float) -> EventSource:
    """The mapping with CoalesceSeconds, as template.yaml has it."""
    return EventSource(1000, seconds, 2)


_OF_IMAGEKIT = ("purge", "status", "cdn")
_SECONDS = {"dynamodb": "dynamodb_seconds", "s3": "s3_seconds"} | dict.fromkeys(
    _OF_IMAGEKIT, "imagekit_seconds"
)
"""Which assumption says how long a call takes; for all other services it is `aws_seconds`."""

_BESIDE = frozenset({"s3", "purge"})
"""Calls during which a drain has the lease, so that other invocations answer `busy`."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a scale uses in a month, and what was done in it. `purges` are those of a month, too."""

    usage: Usage
    purges: float
    changes: int
    pending_sets: int
    """Change sets that were pending when the slice ended."""


def measure(
    scale: Scale,
    keys: Sequence[str],
    prices: PriceList,
    *,
    versioned: bool = True,
    eventbridge: bool = False,
    used_up: bool = False,
) -> Measured:
    """Run a slice of a scale, and return what a month uses.

    `eventbridge`: the buckets exist already. `used_up`: no purge is left of the quota, and the changes of ten
    days are held.
    """
    before = ledger_before(scale, keys, START, used_up=used_up)
    changed = workload.changes(scale, keys, prices.assumptions["month_seconds"], START)
    return Month(scale, keys, prices, before, changed, versioned=versioned).run(eventbridge=eventbridge)


class Month:
    """The functions, the queue and the tick over a slice of a month, on virtual time."""

    def __init__(
        self,
        scale: Scale,
        keys: Sequence[str],
        prices: PriceList,
        before: Iterable[items.Item],
        changes: list[tuple[float, str]],
        *,
        versioned: bool,
        source: EventSource = AT_ONCE,
        usage: Callable[[Clock], Usage] = lambda _clock: Usage(),
    ) -> None:
        self._source = source
        self._scale, self._prices, self._versioned = scale, prices, versioned
        self._assumed = prices.assumptions
        self._clock = Clock(START, self._assumed["cpu_factor"])
        self._usage = usage(self._clock)
        self._functions = Functions(self._clock, self._usage, prices, self._sleep)
        self._aws = MeteredAws(keys, self._usage, self._calling, self._start, versioned=versioned)
        for item in before:
            self._aws.table.store(item)
        self._emulator = emulated(self._clock, self._assumed["completion_seconds"])
        self._changes = changes
        self._next_change = 0
        self._messages: list[tuple[float, str, str | None]] = []
        self._window_ends = inf
        self._next_tick = START + TICK_SECONDS
        self._ids = count()
        self._executions: list[tuple[float, int, Execution, Iterator[float]]] = []
        self._started: list[float] = []
        self._running = 0
        self._beside: list[float] = []  # when the batches end that are beside another invocation

    def run(self, *, eventbridge: bool) -> Measured:
        """Run the slice. Executions that follow a purge at its end are followed to their end."""
        quota = str(self._scale.quota)
        adapter = InMemory(self._emulator, self._calling)
        with self._functions.open(self._aws.call, adapter, MONTHLY_PURGE_QUOTA=quota):
            end = START + self._scale.seconds
            while (due := self._due()) <= end or (self._executions and due < inf):
                if due > end:
                    self._next_tick = self._window_ends = inf
                    self._next_change = len(self._changes)
                    if not self._executions:
                        break
                    due = self._executions[0][0]
                self._clock.set(max(self._clock(), due))
                self._happen(due)
        return self._measured(eventbridge=eventbridge)

    # --- what happens when ---

    def _due(self) -> float:
        """When the next thing happens."""
        change = self._changes[self._next_change][0] if self._next_change < len(self._changes) else inf
        execution = self._executions[0][0] if self._executions else inf
        return min(change, execution, self._batch_due(), self._next_tick)

    def _batch_due(self) -> float:
        """When the next batch is delivered: when its window ends, and one of the places is free."""
        if self._running > 1:
            return inf
        places = self._source.at_once - self._running
        ends = sorted(self._beside, reverse=True)
        return max(self._window_ends, ends[places - 1] if len(ends) >= places else 0.0)

    def _happen(self, due: float) -> None:
        """Let happen what is due at a time (unix seconds)."""
        if self._next_change < len(self._changes) and self._changes[self._next_change][0] <= due:
            self._change()
        elif self._batch_due() <= due:
            self._deliver()
        elif self._next_tick <= due:
            self._next_tick += TICK_SECONDS
            self._usage.add("scheduler_invocation", 1, "tick")
            self._submit({"tick": True}, "tick")
        else:
            _, number, execution, steps = heapq.heappop(self._executions)
            self._follow(number, execution, steps)

    def _change(self) -> None:
        at, key = self._changes[self._next_change]
        self._next_change += 1
        self._usage.add("sqs_request", 1, "S3 sends")
        self._messages.append((at, key, self._aws.bucket.put(key, at)))
        if len(self._messages) == self._source.batch:
            self._window_ends = at
        elif len(self._messages) == 1:
            self._window_ends = at + self._source.seconds

    def _deliver(self) -> None:
        size = self._source.batch
        part, self._messages = self._messages[:size], self._messages[size:]
        full = len(self._messages) >= size
        waits = 0.0 if full else self._source.seconds
        self._window_ends = self._clock() + waits if self._messages else inf
        requests = ceil(len(part) / self._assumed["receive_messages"])
        self._usage.add("sqs_request", requests, "mapping receives", requests)
        self._usage.add("sqs_request", requests, "mapping deletes after the answer", requests)
        beside = self._running > 0
        self._beside = [end for end in self._beside if end > self._clock()]
        self._submit(batch(part, next(self._ids)), "batch")
        if beside:
            self._beside.append(self._clock())

    def _submit(self, event: dict[str, Any], why: str) -> None:
        self._running += 1
        try:
            self._functions.invoke("SubmitPurge", event, why)
        finally:
            self._running -= 1

    # --- the time of calls ---

    @contextmanager
    def _calling(self, what: str) -> Iterator[None]:
        """What a call runs in: afterwards its time has passed."""
        with self._clock.outside():
            yield
            if what in _OF_IMAGEKIT:
                self._usage.add("internet_gb", self._assumed["call_bytes"] / 1e9, f"ImageKit: {what}")
            seconds = self._assumed[_SECONDS.get(what, "aws_seconds")]
            seconds += self._assumed["sdk_cpu_seconds"] * self._assumed["cpu_factor"]
            self._pass(seconds, beside=what in _BESIDE)

    def _sleep(self, seconds: float) -> None:
        with self._clock.outside():
            self._pass(seconds, beside=True)

    def _pass(self, seconds: float, *, beside: bool) -> None:
        """Let time pass while a function waits. What is due happens beside it, but not within that again."""
        until = self._clock() + seconds
        if beside and self._running == 1:
            while (due := self._due()) <= until and due <= START + self._scale.seconds:
                self._clock.set(max(self._clock(), due))
                self._happen(due)
        self._clock.set(until)

    # --- TrackPurges ---

    def _start(self, text: str) -> None:
        self._started.append(self._clock())
        execution = Execution(track_purges(), json.loads(text), self._clock, self._check)
        heapq.heappush(self._executions, (self._clock(), next(self._ids), execution, execution.run()))

    def _follow(self, number: int, execution: Execution, steps: Any) -> None:
        """Let an execution go on until its next wait or its end."""
        before = execution.transitions
        running, self._running = self._running, 0
        wait = next(steps, None)
        self._running = running
        self._usage.add("states_transition", execution.transitions - before, "TrackPurges", 0 if wait else 1)
        if wait is not None:
            heapq.heappush(self._executions, (self._clock() + wait, number, execution, steps))

    def _check(self, payload: Any) -> Any:
        answer = self._functions.invoke("CheckPurges", json.loads(json.dumps(payload)), "check")
        return json.loads(json.dumps(answer))

    # --- before and after ---

    def _trace(self, rate: float) -> None:
        for name, times in self._functions.traced.items():
            # CheckPurges belongs to the trace of its execution.
            if name != "CheckPurges":
                self._usage.add("trace", traces(times, rate), name, len(times))
        self._usage.add("trace", traces(self._started, rate), "TrackPurges", len(self._started))

    def _measured(self, *, eventbridge: bool) -> Measured:
        seconds, assumed = self._scale.seconds, self._assumed
        if assumed["tracing"]:
            self._trace(assumed["trace_rate"])
        if eventbridge:
            events = len(self._changes)
            self._usage.add("eventbridge_event", events, "S3 events of existing buckets", events)
        factor = assumed["month_seconds"] / seconds
        usage = self._usage.scaled(factor)
        polls = assumed["pollers"] * assumed["month_seconds"] / assumed["poll_seconds"]
        usage.add("sqs_request", polls, "mapping polls an empty queue", polls)
        for metric, hours in self._functions.metric_hours.items():
            usage.add("metric_month", metric_months(hours, seconds), metric)
        usage.add("log_gb_month", usage.total("log_gb") * assumed["log_compression"], "30 days of logs")
        stored = sum(map(size_of, self._aws.table.items())) / 1e9
        usage.add("dynamodb_gb_month", stored, "the ledger")
        usage.add("dynamodb_pitr_gb_month", stored, "the ledger")
        purges = len(self._emulator.state.purges.all()) * factor
        return Measured(usage, purges, len(self._changes), self._aws.pending_sets())
