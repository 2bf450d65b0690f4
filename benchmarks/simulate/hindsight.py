"""Hindsight: the fewest evictions with which a month's changes could have been purged, had all been known.

It is a lower bound. No policy that spends the same quota, and that purges each change within MaxHoldSeconds,
evicts less in that month. Changes that follow each other within MaxHoldSeconds form a cluster. Four things
make the problem easier than the real one, and nothing makes it harder:

- A purge is made within MaxHoldSeconds of all changes that it covers, so they are in one cluster. Hindsight
  purges each changed key of a cluster once, however long the cluster is.
- No key that changes in a cluster counts as evicted there. Neither does a key that is first put there: the
  purge may come before it. The neighbours are all other keys that exist when the cluster begins.
- A change in the last MaxHoldSeconds of a month may be purged in the next month. So no month has to purge it.
- A changed key takes one purge by itself, and that purge evicts nothing else.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any

from benchmarks.simulate.history import Change, History
from purging.ledger.quota import month_of
from purging.planning.budget import fewest_evictions
from purging.planning.frontier import Frontier
from purging.urls import encode, wildcard_allowed

_ROUNDING = 1e-6
"""A bound is a float. Its error is far below this, and evictions are whole numbers."""


@dataclass(frozen=True, slots=True)
class Hindsight:
    """The best that a month could have had: `purges`, and `evictions`, the lower bound.

    `evictions` is None if the quota is too small for the month's changes, whatever is evicted.
    """

    purges: int
    evictions: int | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Changes that follow each other within MaxHoldSeconds; all of them need a purge.

    `first` is the number of its first change. `keys` are all its changed keys. `due` are the keys that a
    month has to purge, by month.
    """

    first: int
    keys: frozenset[str]
    due: Mapping[str, frozenset[str]]


def by_month(history: History, *, versioned: bool, hold: float, quota: int) -> dict[str, Hindsight]:
    """The hindsight of each month that has to purge anything.

    `hold` is MaxHoldSeconds, and `quota` is how many purges a month may spend on changes.
    """
    clusters = list(clusters_of(needed(history, versioned=versioned), hold))
    purges: dict[str, int] = defaultdict(int)
    for cluster in clusters:
        for month, keys in cluster.due.items():
            purges[month] += len(keys)
    # Most months can purge each key by itself. Then hindsight evicts nothing, and no frontier is needed.
    scarce = {month for month, count in purges.items() if count > quota}
    frontiers: dict[str, list[Frontier]] = {month: [] for month in scarce}
    for month, frontier in _frontiers(history, clusters, scarce):
        frontiers[month].append(frontier)
    enough = {month: Hindsight(count, 0) for month, count in purges.items() if month not in scarce}
    return enough | {month: _fewest(found, quota) for month, found in frontiers.items()}


def needed(history: History, *, versioned: bool) -> Iterator[Change]:
    """Yield the changes that need a purge, as the score has them."""
    exists = set(history.keys)
    for change in history.changes:
        if not (versioned and change.put and change.key not in exists):
            yield change
        (exists.add if change.put else exists.discard)(change.key)


def clusters_of(changes: Iterator[Change], hold: float) -> Iterator[Cluster]:
    """Yield the clusters of changes, which come in the order of time."""
    members: list[Change] = []
    for change in changes:
        if members and change.at - members[-1].at > hold:
            yield _cluster(members, hold)
            members = []
        members.append(change)
    if members:
        yield _cluster(members, hold)


def compared(row: Mapping[str, Any], months: Mapping[str, Hindsight], *, ours: bool) -> dict[str, Any]:
    """A row of the score beside hindsight.

    Only ours is compared: the other policies may spend the reserve, and may leave changes without a purge.
    """
    none = Hindsight(0, 0)
    per_month = [
        month | {"hindsight_evictions": months.get(month["month"], none).evictions}
        for month in row["per_month"]
    ]
    ratios = [
        month["evictions"] / month["hindsight_evictions"]
        for month in per_month
        if month["hindsight_evictions"]
    ]
    unneeded = sum(month["evictions"] for month in per_month if month["hindsight_evictions"] == 0)
    return {
        **row,
        "hindsight_evictions": sum(month["hindsight_evictions"] or 0 for month in per_month),
        "evictions_over_hindsight": round(max(ratios), 2) if ours and ratios else None,
        "evictions_where_hindsight_has_none": unneeded if ours else None,
        "per_month": per_month,
    }


def _cluster(members: Sequence[Change], hold: float) -> Cluster:
    due: dict[str, set[str]] = defaultdict(set)
    for change in members:
        month = month_of(change.at)
        if month == month_of(change.at + hold):
            due[month].add(change.key)
    keys = frozenset(change.key for change in members)
    return Cluster(members[0].number, keys, {month: frozenset(each) for month, each in due.items()})


def _frontiers(
    history: History, clusters: Sequence[Cluster], months: set[str]
) -> Iterator[tuple[str, Frontier]]:
    """Yield (month, frontier of the keys that a cluster has to purge in it) for these months."""
    allowed = cache(lambda prefix: wildcard_allowed(f"/{encode(prefix)}"))
    exists = set(history.keys)
    begins = {cluster.first: cluster for cluster in clusters}
    for change in history.changes:
        if cluster := begins.get(change.number):
            for month in sorted(cluster.due.keys() & months):
                keys = cluster.due[month]
                # A single key is purged by itself, whatever is around it.
                neighbours = exists - cluster.keys if len(keys) > 1 else ()
                yield month, Frontier(keys, neighbours, allowed, _one)
        (exists.add if change.put else exists.discard)(change.key)


def _fewest(frontiers: Sequence[Frontier], quota: int) -> Hindsight:
    choice = fewest_evictions([(frontier, 1) for frontier in frontiers], quota)
    if choice.purges > quota:
        return Hindsight(choice.purges, None)
    # Where the search for the best cover was cut short, only its bound is certain.
    return Hindsight(choice.purges, ceil(choice.bound - _ROUNDING))


def _one(_: str) -> int:
    return 1
