"""Checks (a): every change is purged, or given up with an alert.

Nothing here calls the code under test. From key to URL, and from purge to the URLs it covers, the rules are
written again, after the documentation and as simply as possible.
"""

import re
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from tests.chaos.purge_index import PurgeIndex
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

_DAY = 86_400.0


def has_variants(url: str) -> bool:
    """Whether ImageKit surely accepts a wildcard behind this URL: two levels, or a file with an extension.

    Whether a long name alone is enough depends on how one counts, so this check does not require it. A
    folder's marker has no variants: the wildcard behind it is the wildcard of the whole folder. A wildcard
    has none either.
    """
    if url.endswith("*"):
        return False
    path = re.sub(r"^https://[^/]+/(demo/shop/|demo/)?(tr:[^/]+/|image/upload/w_300/)?", "", url)
    if path.endswith("/"):
        return False
    return len([level for level in path.split("/") if level]) >= 2 or bool(
        re.search(r"[^/.]\.[A-Za-z0-9]{1,5}$", path)
    )


class RequiredPurge(NamedTuple):
    """A URL that must be purged at `time` or later. The functions can know of it from `visible_at` on."""

    time: float
    visible_at: float
    target: str
    manual: bool


def required_purges(simulation: "Simulation") -> Iterator[RequiredPurge]:
    """Yields what must be purged because of changes, then because of manual requests."""
    for change in simulation.audit_log.changes_to_purge:
        for target in targets(simulation.schedule.setup, change.step.key):
            yield RequiredPurge(change.time, change.visible_at, target, manual=False)
    for time, url in simulation.audit_log.required_manual_urls:
        yield RequiredPurge(time, time, url, manual=True)


class Outcomes:
    """When each required purge was covered by an accepted purge, or given up."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._purged = PurgeIndex(simulation.audit_log.accepted)

    def covered_or_given_up_at(self, required: RequiredPurge) -> float:
        """Returns when a URL was covered or given up, whichever came first; infinity if neither happened."""
        return min(self._covered_at(required), self._given_up_at(required))

    def _covered_at(self, required: RequiredPurge) -> float:
        """When the URL and its variants were purged; infinity if they were not.

        A purge of the plain URL does not cover copies with a query or transformed copies. A URL that depends
        on an object is purged as it is.
        """
        setup, refused = self._simulation.schedule.setup, self._simulation.audit_log.refused
        target, urls = required.target, [required.target]
        as_it_is = required.manual or target in (setup.dependent or ())
        if not as_it_is and setup.query_variants and has_variants(target):
            # After a refused wildcard the functions purge the plain URL.
            urls += [f"{target}?*", f"{target}/ik-*"] if f"{target}*" not in refused else []
        return max(self._purged.first(required.time, url) for url in urls)

    def _given_up_at(self, required: RequiredPurge) -> float:
        """When an alert said that ImageKit refuses the URL; infinity if none did.

        For each host this alert is sent once a day.
        """
        audit_log, plain = self._simulation.audit_log, required.target.removesuffix("*")
        refused = (audit_log.refused.get(f"{plain}{end}", 0.0) for end in ("", "*", "?*", "/ik-*"))
        if max(refused) < required.time:
            return inf
        host = urlsplit(required.target).netloc
        alerts = (at for at, text in audit_log.alerts if "refuse" in text.lower() and host in text)
        return min((at for at in alerts if at >= required.time - _DAY), default=inf)


def check(simulation: "Simulation") -> None:
    """Checks every required purge."""
    outcomes = Outcomes(simulation)
    for required in required_purges(simulation):
        if outcomes.covered_or_given_up_at(required) == inf:
            simulation.audit_log.add_violation(
                "a", f"no purge of {required.target} since its change or request at {required.time:.3f}"
            )
