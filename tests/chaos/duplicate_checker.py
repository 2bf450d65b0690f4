"""Checks (h): no change is purged twice, except for a known reason."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.audit_log import REPEAT_REASONS, Purge
from tests.chaos.purge_index import PurgeIndex
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

COVERED_SECONDS = 23.0
"""A purge so long after a change covers the change by every clock.

The clocks of S3 and of the function may each be 5 seconds off, EventBridge drops the fraction of a second,
and the function adds the same margin once more.
"""

# The variants of an object may be purged apart from its plain URL: by these wildcards behind the URL.
_VARIANTS = ("?*", "/ik-*")


class _Need(NamedTuple):
    """One need for a purge. At most one purge may be made for it.

    A change at `time` has several needs for each of its URLs (`target`): an exact purge, a wildcard, and a
    purge of each kind of variants. `form` says which.
    """

    time: float
    number: int
    target: str
    form: str


def check(simulation: "Simulation") -> None:
    """Assigns each purge a need of its own, and reports a purge for which no need is left.

    The functions must know of the purge, and no earlier purge may surely cover the need.
    """
    audit_log = simulation.audit_log
    known = [
        purge
        for purge in audit_log.accepted
        if audit_log.repeat_reasons.get(purge.request_id) not in REPEAT_REASONS
    ]
    needs = _Needs(simulation, PurgeIndex(known))
    assigned: dict[_Need, Purge] = {}

    def assign(purge: Purge, tried: set[_Need]) -> bool:
        for need in needs.of(purge):
            if need not in tried:
                tried.add(need)
                if need not in assigned or assign(assigned[need], tried):
                    assigned[need] = purge
                    return True
        return False

    for purge in known:
        if not assign(purge, set()):
            audit_log.add_violation(
                "h",
                f"{purge.url} was purged at {purge.time:.3f}, but every change of it had been purged before",
            )


class _Needs:
    """Finds the needs that a purge may be made for."""

    def __init__(self, simulation: "Simulation", purged: PurgeIndex) -> None:
        setup, audit_log = simulation.schedule.setup, simulation.audit_log
        self._purged = purged
        self._times: dict[str, list[tuple[float, int]]] = defaultdict(list)
        events = [(time, target) for time, key in audit_log.changes for target in targets(setup, key)]
        for number, (time, target) in enumerate(sorted(events + audit_log.possible_manual_urls)):
            self._times[target].append((time, number))
        self._sorted = sorted(self._times)

    def of(self, purge: Purge) -> Iterator[_Need]:
        """Yields the needs before a purge that no earlier purge covers: for each URL, the oldest first."""
        for target, form in self._targets(purge.url):
            covering = {"exact": target, "wildcard": f"{target.removesuffix('*')}*"}.get(form, purge.url)
            for time, number in self._times[target]:
                covered_at = self._purged.first(time + COVERED_SECONDS, covering)
                if time <= purge.time and covered_at >= purge.time:
                    yield _Need(time, number, target, form)

    def _targets(self, url: str) -> Iterator[tuple[str, str]]:
        """Yields the known URLs that a purge of `url` is for, each with the form of the need."""
        if url in self._times:
            yield url, "exact"
        if not url.endswith("*"):
            return
        for suffix in _VARIANTS:
            if (target := url.removesuffix(suffix)) != url and target in self._times:
                yield target, suffix
        at = bisect_left(self._sorted, url[:-1])
        while at < len(self._sorted) and self._sorted[at].startswith(url[:-1]):
            if self._sorted[at] != url:
                yield self._sorted[at], "wildcard"
            at += 1
