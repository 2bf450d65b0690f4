"""Reads from the ledger what an answer needs, within seconds and little memory, whatever is pending.

What would take longer is left out, and the facts say so.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple, TypeVar

from purging.changes import Change
from purging.events.questions import NamedObject
from purging.ledger.alert_claims import GIVEN_UP, KEY_REFUSED
from purging.ledger.inspection import Timing
from purging.ledger.records import State
from purging.ledger.store import Ledger
from purging.purges import AcceptedPurge

READ_SECONDS = 15.0
"""After so many seconds, no further page is read."""

FOLLOWED_SECONDS = 2 * 3600.0
"""No purge is followed for longer: the largest `PurgeDeadlineMinutes` of template.yaml."""

DAY = 86_400.0

MOST_PURGES = 100_000
"""Accepted purges that an answer reads at most. A purge takes some hundred bytes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What decides how long changes are held. Times are unix seconds."""

    now: float
    state: State
    first: str
    """The id of the first pending change set; empty if nothing is pending."""
    lease_until: float | None = None
    key_refused_at: float | None = None
    """When people were last alerted that ImageKit refuses the private key, if no purge was accepted since."""

    @property
    def draining(self) -> bool:
        """Whether a drain is at work."""
        return self.lease_until is not None and self.lease_until >= self.now


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is pending. `all_sets` and `all_changes` say whether all of it was counted."""

    change_sets: int = 0
    changes: int = 0
    objects: int = 0
    sampled_sets: int = 0
    """The change sets whose changes were counted."""
    oldest_at: float | None = None
    """When the oldest change happened, in unix seconds."""
    all_sets: bool = True
    all_changes: bool = True


@dataclass(frozen=True, slots=True)
class StackFacts:
    """What the status is made of. `timings`: the purges of the last 26 hours; `all_timings`: all of them."""

    conditions: Conditions
    backlog: Backlog
    timings: tuple[Timing, ...] = ()
    all_timings: bool = True


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """What the explanation of an object is made of.

    `pending` are its changes, and whether they are manual; `searched_all`: no other one is pending. `last`
    has the last purge for each URL that one covers. If not `all_purges`, earlier ones may cover the others.
    `given_up` has the endpoints of which URLs were given up, and the URLs that depend on the object and were
    given up, and when people were alerted to that.
    """

    conditions: Conditions
    pending: tuple[tuple[Change, bool], ...] = ()
    searched_all: bool = True
    last: Mapping[str, AcceptedPurge] = field(default_factory=dict)
    all_purges: bool = True
    given_up: Mapping[str, float] = field(default_factory=dict)


class Wanted(NamedTuple):
    """Exact URLs whose last purges are looked for, and the `places` of which alerts may tell: the endpoints
    of the object, and the URLs that depend on it."""

    urls: Sequence[str]
    places: Sequence[str]


class _Deadline:
    """Ends iterations after so many seconds from now. `passed`: it ended one."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._until = clock() + seconds
        self.passed = False

    def of(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items until the time is over."""
        for item in items:
            yield item
            if self._clock() >= self._until:
                self.passed = True
                return


def read_stack(ledger: Ledger, month: str, clock: Callable[[], float]) -> StackFacts:
    """Read what the status needs. `month` is as `month_of` returns it. Raises one of AWS_ERRORS."""
    conditions = _conditions(ledger, month, clock())
    backlog = _backlog(ledger, _Deadline(clock, READ_SECONDS))
    deadline = _Deadline(clock, READ_SECONDS)
    since = conditions.now - DAY - FOLLOWED_SECONDS
    timings = tuple(islice(deadline.of(ledger.inspection.timings(since)), MOST_PURGES))
    return StackFacts(
        _still_refused(conditions, timings[0].submitted_at if timings else None),
        backlog,
        timings,
        all_timings=not deadline.passed and len(timings) < MOST_PURGES,
    )


def read_object(
    ledger: Ledger, month: str, named: NamedObject, wanted: Wanted, clock: Callable[[], float]
) -> ObjectFacts:
    """Read what the explanation of an object needs, with the last purges of these exact URLs. Raises one of
    AWS_ERRORS."""
    conditions = _conditions(ledger, month, clock())
    searching = _Deadline(clock, READ_SECONDS)
    sets = searching.of(ledger.inspection.changes_of(named.bucket, named.key))
    pending = tuple(change for changes in sets for change in changes)
    looking_back = _Deadline(clock, READ_SECONDS)
    missing, last, latest, seen = set(wanted.urls), dict[str, AcceptedPurge](), None, 0
    for purge in looking_back.of(ledger.inspection.purges_backwards()):
        latest, seen = purge.submitted_at if latest is None else latest, seen + 1
        found = {url for url in missing if reaches(purge.url, url)}
        last |= dict.fromkeys(found, purge)
        missing -= found
        if not missing or seen == MOST_PURGES:
            break
    return ObjectFacts(
        _still_refused(conditions, latest),
        pending,
        searched_all=not searching.passed,
        last=last,
        all_purges=not missing or not (looking_back.passed or seen == MOST_PURGES),
        given_up=_given_up(ledger, wanted.places, conditions.now),
    )


def reaches(purged: str, url: str) -> bool:
    """Whether a purge of the URL `purged`, which may end in `*`, evicts an exact URL."""
    return url.startswith(purged[:-1]) if purged.endswith("*") else url == purged


def _conditions(ledger: Ledger, month: str, now: float) -> Conditions:
    return Conditions(
        now,
        ledger.state(month),
        ledger.first_pending(),
        ledger.inspection.lease_until(),
        _alerted_at(ledger, KEY_REFUSED, now),
    )


def _given_up(ledger: Ledger, places: Iterable[str], now: float) -> dict[str, float]:
    times = {each: _alerted_at(ledger, f"{GIVEN_UP}{each}", now) for each in places}
    return {place: time for place, time in times.items() if time is not None}


def _alerted_at(ledger: Ledger, name: str, now: float) -> float | None:
    """When an alert of the last day was sent; None if there is none. DynamoDB deletes expired ones late."""
    until = ledger.inspection.alerted_until(name)
    return until - DAY if until is not None and until > now else None


def _still_refused(conditions: Conditions, latest: float | None) -> Conditions:
    """The conditions, without the alert if a purge was accepted after it."""
    at = conditions.key_refused_at
    if at is None or latest is None or latest < at:
        return conditions
    return replace(conditions, key_refused_at=None)


def _backlog(ledger: Ledger, deadline: _Deadline) -> Backlog:
    sets, after = ledger.window()
    if not sets:
        return Backlog()
    changes = [change for each in sets for change in each.changes]
    counted = sum(deadline.of(ledger.inspection.change_sets())) if after else 0
    return Backlog(
        change_sets=max(counted, len(sets)),
        sampled_sets=len(sets),
        changes=len(changes),
        objects=len({change.subject for change in changes}),
        oldest_at=min(change.occurred_at for change in changes).timestamp(),
        all_sets=not deadline.passed,
        all_changes=not after,
    )
