"""A single burst on virtual time: how long the queue gets, how fast it empties, and the busiest seconds.

It is the month of `month.py` with nothing but the burst in it. The quota is unused, and the ledger is empty.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from benchmarks.cost import workload
from benchmarks.cost.clock import Clock
from benchmarks.cost.imagekit import InMemory
from benchmarks.cost.month import AT_ONCE, START, Month, with_window
from benchmarks.cost.prices import PriceList
from benchmarks.cost.usage import Usage
from benchmarks.cost.workload import Scale
from benchmarks.throughput.aws import Call

_LONGEST = 6 * 3600.0
"""Seconds after which a burst is not followed any longer."""

_MINUTE = 60

_WRITE_UNITS = 1000
"""What a partition takes in a second."""


class _TimedUsage(Usage):
    """A usage that also knows in which second everything was used."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.amounts: defaultdict[str, Counter[int]] = defaultdict(Counter)
        """By the kind of use: what was used in each second."""

    def add(self, price: str, amount: float, reason: str, calls: float = 1) -> None:
        super().add(price, amount, reason, calls)
        second = int(self._clock())
        if price == "dynamodb_write_unit":
            self.amounts["pending" if reason.endswith(" pending") else "other"][second] += int(amount)
        elif price == "s3_list":
            self.amounts["list"][second] += 1
        elif reason == "ImageKit: purge":
            self.amounts["purge"][second] += 1

    def most(self, kind: str, seconds: int = 1) -> int:
        """The most that was used of a kind in any so many seconds that follow one another."""
        found = self.amounts[kind]
        return max(
            (sum(found[second + more] for more in range(seconds)) for second in tuple(found)), default=0
        )


class _Partition:
    """Refuses writes beyond what a partition takes in a second, as DynamoDB does without burst capacity:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""

    def __init__(self, usage: _TimedUsage, clock: Clock, call: Call) -> None:
        self._usage, self._clock, self._call = usage, clock, call
        self.refused = 0

    def call(self, service: str, operation: str, request: Mapping[str, Any]) -> Any:
        """Answer a call to AWS, or refuse it."""
        writes = service == "dynamodb" and operation != "Query"
        if writes and self._usage.amounts["pending"][int(self._clock())] >= _WRITE_UNITS:
            self.refused += 1
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "too fast"}}, operation)
        return self._call(service, operation, request)


class _Burst(Month):
    def __init__(
        self,
        keys: Sequence[str],
        prices: PriceList,
        changes: list[tuple[float, str]],
        quota: int,
        coalesce: float,
        *,
        versioned: bool,
    ) -> None:
        self._timed: _TimedUsage
        self._longest_queue = 0
        self._oldest = 0.0
        self._delivered_at = START
        super().__init__(
            Scale("burst", len(changes), 0, _LONGEST, quota),
            keys,
            prices,
            (),
            changes,
            versioned=versioned,
            source=with_window(coalesce) if coalesce else AT_ONCE,
            usage=self._make_usage,
        )

    def _make_usage(self, clock: Clock) -> Usage:
        self._timed = _TimedUsage(clock)
        return self._timed

    def follow(self) -> dict[str, Any]:
        """Let the burst happen, until nothing is pending. Return what was measured."""
        settings = {"MONTHLY_PURGE_QUOTA": str(self._scale.quota)}
        adapter = InMemory(self._emulator, self._calling)
        partition = _Partition(self._timed, self._clock, self._aws.call)
        with self._functions.open(partition.call, adapter, **settings):
            while not self._settled() and (due := self._due()) <= START + _LONGEST:
                self._clock.set(max(self._clock(), due))
                self._happen(due)
        purges = [purge.url for purge in self._emulator.state.purges.all()]
        return {
            "changes": len(self._changes),
            "quota": self._scale.quota,
            "seconds_of_puts": round(self._changes[-1][0] - START),
            "messages_waiting_at_most": self._longest_queue,
            "oldest_message_seconds": round(self._oldest),
            "seconds_until_all_are_delivered": round(self._delivered_at - START),
            "seconds_until_none_is_pending": round(self._clock() - START),
            "purges": len(purges),
            "purges_in_the_busiest_minute": self._timed.most("purge", _MINUTE),
            "write_units_of_pending_in_the_busiest_second": self._timed.most("pending"),
            "writes_refused": partition.refused,
            "write_units_of_pending": sum(self._timed.amounts["pending"].values()),
            "write_units_of_the_rest_in_the_busiest_second": self._timed.most("other"),
            "list_requests_in_the_busiest_second": self._timed.most("list"),
            "list_requests": sum(self._timed.amounts["list"].values()),
            "executions": len(self._started),
            "sets_still_pending": self._aws.pending_sets(),
        }

    def _settled(self) -> bool:
        all_came = self._next_change == len(self._changes) and not self._messages
        return all_came and not self._aws.pending_sets()

    def _deliver(self) -> None:
        self._longest_queue = max(self._longest_queue, len(self._messages))
        self._oldest = max(self._oldest, self._clock() - self._messages[0][0])
        self._delivered_at = max(self._delivered_at, self._clock())
        super()._deliver()


def measure(
    keys: Sequence[str],
    prices: PriceList,
    *,
    count: int,
    rate: float,
    quota: int,
    coalesce: float,
    scattered: bool,
    versioned: bool,
) -> dict[str, Any]:
    """A row for a burst of `count` changes, `rate` a second. `coalesce` is CoalesceSeconds. `scattered`: the
    changed keys do not stand together."""
    changes = workload.burst(keys, count, rate, START, scattered=scattered)
    return _Burst(keys, prices, changes, quota, coalesce, versioned=versioned).follow()
