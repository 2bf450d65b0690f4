"""Counts the effects of the purges of a policy. The rules are the same for every policy."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from benchmarks.simulate.history import Change, History
from local.fakes.s3_listing import Bucket
from purging.ledger.quota import month_of
from purging.weights import WeightedPattern, weight_by


@dataclass(frozen=True, slots=True)
class Decision:
    """One accepted purge at a time `t` (unix seconds).

    `prefix` is a key, or with `wildcard` the start of the purged keys: the key in the URL, decoded and
    without its `*`. Of the keys under it, `changed` keys had a pending change; `collateral` keys existed at
    that moment and had none.
    """

    t: float
    prefix: str
    wildcard: bool
    changed: int
    collateral: int


@dataclass(slots=True)
class Month:
    """The counts of a calendar month (UTC).

    `evictions` are keys that were evicted needlessly. `changes` needed a purge; `stale` ones of them were
    still pending at the month's end. `out_of_quota` says that changes were in need of a purge when none was
    left for them. `price` is the highest price of a plan.
    """

    month: str
    purges: int = 0
    evictions: int = 0
    changes: int = 0
    stale: int = 0
    out_of_quota: bool = False
    price: float = 0.0


@dataclass(slots=True)
class Score:
    """Follows a history and the purges in it, in the order of time.

    In a `versioned` bucket, a put of a key that does not exist needs no purge. With `weights`, evictions are
    counted by weight as well.
    """

    history: History
    versioned: bool
    weights: tuple[WeightedPattern, ...] = ()
    bucket: Bucket = field(init=False)
    decisions: list[Decision] = field(default_factory=list)
    _pending: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))
    _delays: list[float] = field(default_factory=list)
    _single_delays: list[float] = field(default_factory=list)
    _months: dict[str, Month] = field(init=False)
    _now: str = field(init=False)
    _weight: Callable[[str], int] | None = field(init=False)
    _evicted_weight: int = 0

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.history.keys)
        self._weight = weight_by(self.weights)
        changes = self.history.changes
        self._months = {name: Month(name) for name in _months(changes[0].at, changes[-1].at)}
        self._now = next(iter(self._months))

    def changed(self, change: Change) -> bool:
        """A change happens to the bucket. Returns whether it needs a purge."""
        month = self.month(change.at)
        needed = not (self.versioned and change.put and change.key not in self.bucket)
        if change.put:
            self.bucket.put(change.key, change.at)
        else:
            self.bucket.delete(change.key, change.at)
        if needed:
            self._pending[change.key].append(change)
            month.changes += 1
        return needed

    def purged(self, at: float, prefix: str, *, wildcard: bool) -> None:
        """A purge was accepted: it covers every pending change of its keys."""
        month = self.month(at)
        if wildcard:
            covered = [key for key in self._pending if key.startswith(prefix)]
            existing = self.bucket.under(prefix)
        else:
            covered = [prefix] if prefix in self._pending else []
            existing = [prefix] if prefix in self.bucket else []
        evicted = [key for key in existing if key not in self._pending]
        collateral = len(evicted)
        self._evicted_weight += sum(map(self._weight, evicted)) if self._weight else collateral
        for key in covered:
            for change in self._pending.pop(key):
                self._delays.append(at - change.at)
                if change.single:
                    self._single_delays.append(at - change.at)
        month.purges += 1
        month.evictions += collateral
        self.decisions.append(Decision(round(at, 3), prefix, wildcard, len(covered), collateral))

    def out_of_quota(self, at: float) -> None:
        """Changes are in need of a purge, and none is left for them in the month of this time."""
        name = month_of(at)
        self._months.setdefault(name, Month(name)).out_of_quota = True

    def priced(self, at: float, price: float) -> None:
        """A plan with purges had this price."""
        month = self.month(at)
        month.price = max(month.price, price)

    def month(self, at: float) -> Month:
        """The month of a time. No earlier time may follow."""
        name = month_of(at)
        if name != self._now:
            self._close(self._now)
            self._now = name
        return self._months.setdefault(name, Month(name))

    def finish(self) -> None:
        """The history is over. Changes that are pending now stay pending."""
        self._close(self._now)

    def _close(self, name: str) -> None:
        """A month ends. Its changes that are pending now are stale."""
        self._months[name].stale = sum(
            month_of(change.at) == name for changes in self._pending.values() for change in changes
        )

    def _stale_seconds(self) -> float:
        """From each change to its purge. A change that is never purged counts to the end of its month."""
        never = (change.at for changes in self._pending.values() for change in changes)
        return sum(self._delays) + sum(month_end(at) - at for at in never)

    def row(self) -> dict[str, Any]:
        """The figures of the whole history, and under `per_month` those of each month."""
        months = sorted(self._months.values(), key=lambda month: month.month)
        changes, evictions = sum(month.changes for month in months), sum(month.evictions for month in months)
        return {
            "months": len(months),
            "months_out_of_quota": sum(month.out_of_quota for month in months),
            "purges": sum(month.purges for month in months),
            "purges_in_worst_month": max(month.purges for month in months),
            "changes_needing_purge": changes,
            "evictions": evictions,
            **({"evictions_by_weight": self._evicted_weight} if self.weights else {}),
            "evictions_per_change": round(evictions / changes, 4) if changes else 0.0,
            **_delays_of(self._delays),
            "delay_median_single": round(median(self._single_delays), 1) if self._single_delays else None,
            "stale_at_month_end": sum(month.stale for month in months),
            "stale_seconds": round(self._stale_seconds(), 1),
            "per_month": [asdict(month) | {"price": round(month.price, 2)} for month in months],
        }


def _delays_of(delays: list[float]) -> dict[str, float | None]:
    """Seconds from change to purge: median, 95th percentile (nearest rank) and maximum."""
    ranked = sorted(delays)
    if not ranked:
        return {"delay_median": None, "delay_p95": None, "delay_max": None}
    return {
        "delay_median": round(median(ranked), 1),
        "delay_p95": round(ranked[-(-95 * len(ranked) // 100) - 1], 1),
        "delay_max": round(ranked[-1], 1),
    }


def month_end(at: float) -> float:
    """When the month of a time ends (unix seconds)."""
    first = datetime.fromtimestamp(at, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1).timestamp()


def _months(first: float, last: float) -> Iterator[str]:
    """All calendar months from one time to another, as `2026-11`."""
    year, month = map(int, month_of(first).split("-"))
    while (name := f"{year:04}-{month:02}") <= month_of(last):
        yield name
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
