"""What became of each URL that an event says to purge."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from local.domain import (
    Change,
    Coverage,
    PurgeTarget,
    Settings,
    UrlChange,
    changed_objects,
    month_of,
    targets_of,
)
from local.observer import LedgerPurge, Observer


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """What became of one URL of a change.

    `purge` covers the URL. `new_purge`: it was submitted after the delivery. Without a purge, `reason` says
    why there is none. `pending`: the change is held, or its purge is not Completed.
    `url` is empty if no URL shows the changed object.
    """

    change: str
    url: str
    purge: LedgerPurge | None = None
    new_purge: bool = False
    reason: str = ""
    pending: bool = False

    @property
    def held(self) -> bool:
        """Whether the change still needs a purge."""
        return self.pending and self.purge is None

    def text(self) -> str:
        """Returns a line about it."""
        if self.purge is None:
            return self.reason
        purge = self.purge.purge
        if self.purge.completed_at is None:
            end = "not Completed yet"
        else:
            end = f"Completed after {self.purge.completed_at - purge.submitted_at:.1f} s"
        wider = "" if purge.url == self.url else f", as part of {purge.url}"
        if self.new_purge:
            return f"purge {purge.request_id} accepted{wider}; {end}"
        when = f"{datetime.fromtimestamp(purge.submitted_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"already covered by purge {purge.request_id}{wider}, accepted at {when}; {end}"


class OutcomeFinder:
    """Finds out what became of changes that were delivered at `since`.

    A manual purge counts from `asked_at`, when it was first requested: earlier than `since` if the delivery
    repeats a request. Times are unix seconds.
    """

    def __init__(
        self,
        observer: Observer,
        settings: Settings,
        changes: Sequence[Change],
        *,
        manual: bool,
        since: float,
        asked_at: float,
    ) -> None:
        self._observer = observer
        self._settings = settings
        self._changes = changes
        self._manual = manual
        self._since = since
        self._asked_at = asked_at

    def find(self) -> list[ChangeOutcome]:
        """Returns the outcomes as of now: one for each URL, and one for each object that no URL shows."""
        ledger = self._observer.ledger()
        # Read the held changes before the purges: a change that is purged in between is in one of them.
        held = {change.subject for changeset in ledger.pending() for change in changeset.changes}
        refused = ledger.state(month_of(time.time())).refused
        purges = sorted(self._observer.ledger_purges().values(), key=lambda purge: purge.purge.submitted_at)
        outcomes = []
        for each in changed_objects((change, self._manual) for change in self._changes):
            change = each.changes[0]
            name = self._name(change)
            if not isinstance(change, UrlChange) and self._settings.ignores(change.key):
                outcomes.append(ChangeOutcome(name, "", reason="ignored: IgnoreKeys has a pattern for it"))
                continue
            targets = list(
                targets_of(
                    each,
                    self._settings.url_map,
                    query_variants=self._settings.query_variants,
                    refused=refused,
                )
            )
            if not targets:
                outcomes.append(
                    ChangeOutcome(name, "", reason="not served: UrlMap has no URL-endpoint for it")
                )
            outcomes += [
                self._outcome(target, name, purges, held=change.subject in held) for target in targets
            ]
        return outcomes

    def _outcome(
        self, target: PurgeTarget, name: str, purges: Sequence[LedgerPurge], *, held: bool
    ) -> ChangeOutcome:
        if held:
            return ChangeOutcome(name, target.url, reason="held: it waits for a purge", pending=True)
        covering = [purge for purge in purges if self._covers(purge, target)]
        if covering:
            last = covering[-1]
            return ChangeOutcome(
                name,
                target.url,
                last,
                new_purge=last.purge.submitted_at >= self._since,
                pending=last.completed_at is None,
            )
        if self._settings.dry_run:
            return ChangeOutcome(name, target.url, reason="not purged: the stack is deployed with DryRun")
        return ChangeOutcome(
            name, target.url, reason="no purge needed: the object is new, so nobody can have seen it"
        )

    def _covers(self, purge: LedgerPurge, target: PurgeTarget) -> bool:
        if purge.purge.submitted_at < self._asked_at:
            return not self._manual and Coverage([purge.purge]).covers(target)
        wanted, url = target.url.removesuffix("*"), purge.purge.url
        return wanted.startswith(url[:-1]) if url.endswith("*") else url == target.url

    def _name(self, change: Change) -> str:
        if isinstance(change, UrlChange):
            return "asked for"
        return f"{'asked for' if self._manual else change.kind} s3://{change.bucket}/{change.key}"
