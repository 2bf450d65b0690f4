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
from local.observer import Followed, Observer


@dataclass(frozen=True, slots=True)
class Fate:
    """One URL's. `purge` covers it, and is its `own` if it came after the delivery. Else `reason` says why.

    `open`: it waits for a purge, or its purge is not Completed.
    """

    change: str
    url: str
    purge: Followed | None = None
    own: bool = False
    reason: str = ""
    open: bool = False

    def text(self) -> str:
        """A line about it."""
        if self.purge is None:
            return self.reason
        purge = self.purge.purge
        if self.purge.completed_at is None:
            end = "not Completed yet"
        else:
            end = f"Completed after {self.purge.completed_at - purge.submitted_at:.1f} s"
        wider = "" if purge.url == self.url else f", as part of {purge.url}"
        if self.own:
            return f"purge {purge.request_id} accepted{wider}; {end}"
        when = f"{datetime.fromtimestamp(purge.submitted_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"already covered by purge {purge.request_id}{wider}, accepted at {when}; {end}"


class Fates:
    """Looks up what became of changes that were delivered at a time, `since`. Purges by hand count from when
    they were `asked_at`: earlier, if the delivery repeats a request. Times are unix seconds."""

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

    def look(self) -> list[Fate]:
        """As of now, one for each URL; and one for each object that has none."""
        ledger = self._observer.ledger()
        # What waits is read first: what leaves meanwhile is found among the purges then.
        waiting = {change.subject for held in ledger.pending() for change in held.changes}
        refused = ledger.state(month_of(time.time())).refused
        followed = sorted(self._observer.followed().values(), key=lambda each: each.purge.submitted_at)
        fates = []
        for pending in changed_objects((change, self._manual) for change in self._changes):
            change = pending.changes[0]
            name = self._name(change)
            if not isinstance(change, UrlChange) and self._settings.ignores(change.key):
                fates.append(Fate(name, "", reason="ignored: IgnoreKeys has a pattern for it"))
                continue
            targets = list(
                targets_of(
                    pending,
                    self._settings.url_map,
                    query_variants=self._settings.query_variants,
                    refused=refused,
                )
            )
            if not targets:
                fates.append(Fate(name, "", reason="not served: UrlMap has no URL-endpoint for it"))
            fates += [
                self._fate(target, name, followed, held=change.subject in waiting) for target in targets
            ]
        return fates

    def _fate(self, target: PurgeTarget, name: str, followed: Sequence[Followed], *, held: bool) -> Fate:
        if held:
            return Fate(name, target.url, reason="held: it waits for a purge", open=True)
        covering = [each for each in followed if self._covers(each, target)]
        if covering:
            last = covering[-1]
            return Fate(
                name,
                target.url,
                last,
                own=last.purge.submitted_at >= self._since,
                open=last.completed_at is None,
            )
        if self._settings.dry_run:
            return Fate(name, target.url, reason="not purged: the stack is deployed with DryRun")
        return Fate(name, target.url, reason="no purge needed: the object is new, so nobody can have seen it")

    def _covers(self, each: Followed, target: PurgeTarget) -> bool:
        if each.purge.submitted_at < self._asked_at:
            return not self._manual and Coverage([each.purge]).covers(target)
        text, purge = target.url.removesuffix("*"), each.purge.url
        return text.startswith(purge[:-1]) if purge.endswith("*") else purge == target.url

    def _name(self, change: Change) -> str:
        if isinstance(change, UrlChange):
            return "asked for"
        return f"{'asked for' if self._manual else change.kind} s3://{change.bucket}/{change.key}"
