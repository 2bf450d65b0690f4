"""Pending changes to planned purges, decided without any I/O."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from purging.changes import Change, UrlChange
from purging.changesets import ChangeSet
from purging.items import Failing, Submitted
from purging.urls import UrlMap, wildcard_allowed

SKEW_SECONDS = 5.0
"""How far S3's clock and a function's may be apart, with the whole second that EventBridge cuts off."""


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """All waiting changes of one object (or URL): one purge after the last of them serves them all."""

    changes: tuple[Change, ...]
    manual: bool

    @property
    def since(self) -> float:
        """When the first of the changes happened, in unix seconds."""
        return min(change.occurred_at.timestamp() for change in self.changes)


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """That one URL of a pending object be purged: as `url`, or as `exact` if ImageKit refuses `url`."""

    pending: Pending
    url: str
    exact: str


@dataclass(frozen=True, slots=True)
class PlannedPurge:
    """One call to make, and the needs it satisfies."""

    url: str
    needs: tuple[Need, ...]

    @property
    def manual(self) -> bool:
        """Whether someone asked for it, so that it may use the reserve."""
        return any(need.pending.manual for need in self.needs)

    @property
    def since(self) -> float:
        """When the oldest change that it serves happened, in unix seconds."""
        return min(need.pending.since for need in self.needs)

    @property
    def identities(self) -> frozenset[bytes]:
        """Those of every change that it serves."""
        return frozenset(change.identity for need in self.needs for change in need.pending.changes)

    @property
    def sample(self) -> str | None:
        """An exact URL that it covers, to look at afterwards; None if a request for it would go astray."""
        path_segments = self.needs[0].exact.split("/")
        if self.needs[0].exact.endswith("*") or "." in path_segments or ".." in path_segments:
            return None
        return self.needs[0].exact

    def instead(self) -> list["PlannedPurge"]:
        """The exact purges that do the same; none if this is exact, or was asked for as it is."""
        return [PlannedPurge(need.exact, (need,)) for need in self.needs if need.exact != self.url]


@dataclass(frozen=True, slots=True)
class Plan:
    """`purges` to submit, in order; all open `needs`, some of which must wait; `settled` objects."""

    purges: list[PlannedPurge]
    needs: list[Need]
    settled: list[Pending]


class Coverage:
    """What the purges submitted so far have made fresh."""

    def __init__(self, submitted: Iterable[Submitted]) -> None:
        self._exact: dict[str, list[Submitted]] = defaultdict(list)
        self._prefixes: dict[str, list[Submitted]] = defaultdict(list)
        for purge in submitted:
            if purge.url.endswith("*"):
                self._prefixes[purge.url[:-1]].append(purge)
            else:
                self._exact[purge.url].append(purge)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def covers(self, need: Need) -> bool:
        """Whether every change behind a need happened before a purge that covers its URL.

        A purge came later than a change if it was made for that very change, whatever the clocks say, or
        was submitted later by more than the clocks can be apart. This one rule absorbs duplicates,
        retries, reordering and overlap with wildcards.
        """
        purges = list(self._matching(need.url))
        return all(
            any(
                change.identity in purge.identities
                or purge.submitted_at >= change.occurred_at.timestamp() + SKEW_SECONDS
                for purge in purges
            )
            for change in need.pending.changes
        )

    def _matching(self, url: str) -> Iterator[Submitted]:
        """A wildcard is covered by shorter wildcards alone; an exact URL also by itself."""
        text = url.removesuffix("*")
        if text == url:
            yield from self._exact.get(url, ())
        for length in self._lengths:
            if length > len(text):
                break
            yield from self._prefixes.get(text[:length], ())


def gather(sets: Iterable[ChangeSet]) -> list[Pending]:
    """The changes of all sets by object, without repeats, in the order they first appear."""
    changes: dict[tuple[str, str], dict[bytes, Change]] = defaultdict(dict)
    manual: set[tuple[str, str]] = set()
    for change_set in sets:
        for change in change_set.changes:
            changes[change.subject][change.identity] = change
            if change_set.manual:
                manual.add(change.subject)
    return [Pending(tuple(each.values()), subject in manual) for subject, each in changes.items()]


def make(
    pending: Sequence[Pending],
    *,
    url_map: UrlMap,
    query_variants: bool,
    covers: Callable[[Need], bool],
    refused: frozenset[str],
    failing: Mapping[str, Failing],
    now: float,
) -> Plan:
    """Plan one exact purge for each URL that is not covered yet: manual ones first, then the oldest.

    `refused` holds the wildcards that ImageKit did not accept. Purges that are `failing` come last, and
    wait if it is not yet time to try again.
    """
    needs: list[Need] = []
    settled: list[Pending] = []
    for each in pending:
        still_open = [
            need
            for need in _needs(each, url_map, query_variants=query_variants, refused=refused)
            if not covers(need)
        ]
        if still_open:
            needs += still_open
        else:
            settled.append(each)
    by_url: Mapping[str, list[Need]] = defaultdict(list)
    for need in needs:
        by_url[need.url].append(need)
    purges = [
        PlannedPurge(url, tuple(each))
        for url, each in by_url.items()
        if url not in failing or failing[url].retry_at <= now
    ]
    purges.sort(key=lambda purge: (not purge.manual, purge.url in failing, purge.since))
    return Plan(purges, needs, settled)


def _needs(
    pending: Pending, url_map: UrlMap, *, query_variants: bool, refused: frozenset[str]
) -> Iterator[Need]:
    change = pending.changes[0]
    if isinstance(change, UrlChange):
        yield Need(pending, url=change.url, exact=change.url)
        return
    for root in url_map.roots_of(change):
        exact = root.url(change.key)
        wildcard = f"{exact}*"
        if query_variants and wildcard not in refused and wildcard_allowed(root.path(exact)):
            yield Need(pending, url=wildcard, exact=exact)
        else:
            yield Need(pending, url=exact, exact=exact)
