"""The purges from planned to fresh, as the page shows them. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local.console.objects import Covered
from local.observer import Accepted

PLANNED = "planned "
"""The id of a planned purge is this and its URL: ImageKit gives it a request id only when it accepts it."""

SAMPLE = 3
"""So many changed keys of a purge are looked at to see that it is fresh."""


UNSEEN_SECONDS = 60.0
"""So long after ImageKit completed a purge, the page no longer waits for TrackPurges to see it."""


def completions(accepted: Iterable[Accepted], seen: Mapping[str, float], now: float) -> dict[str, float]:
    """Return when purges were Completed, by request id (unix seconds): when TrackPurges saw it, as `seen` has
    it. TrackPurges does not follow purges that others made, and loses some while AWS fails. Those count as
    Completed when ImageKit completed them."""
    return {
        each.request_id: each.completed_at
        for each in accepted
        if each.completed_at is not None and each.completed_at < now - UNSEEN_SECONDS
    } | dict(seen)


@dataclass(frozen=True, slots=True)
class Planned:
    """A purge that the next drain would make. It covers changes of `keys`, and evicts so many others."""

    url: str
    keys: tuple[str, ...]
    collateral: int


@dataclass(slots=True)
class Known:
    """An accepted purge. Times are unix seconds; None: not seen yet. `logged`: the collateral of the log."""

    purge: Accepted
    covered: Covered
    planned_at: float | None
    completed_at: float | None = None
    fresh_at: float | None = None
    logged: int | None = None


class Purges:
    """All purges of the month. `endpoint` is the beginning of every URL, without a slash at its end."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._known: dict[str, Known] = {}
        self._planned: list[Planned] = []
        self._planned_at: dict[str, float] = {}

    def plan(self, planned: Sequence[Planned], now: float) -> None:
        """Take in what the next drain would purge, at a time (unix seconds)."""
        self._planned = list(planned)
        self._planned_at = {each.url: self._planned_at.get(each.url, now) for each in planned}

    def accepted(
        self, purges: Sequence[Accepted], cover: Callable[[Accepted, frozenset[str]], Covered]
    ) -> None:
        """Take in all accepted purges. `cover` says what a new one covers, given the keys that it was planned
        for."""
        by_url = {each.url: each for each in self._planned}
        for purge in purges:
            if purge.request_id in self._known:
                continue
            planned = by_url.pop(purge.url, None)
            keys = frozenset(planned.keys) if planned else frozenset()
            self._known[purge.request_id] = Known(
                purge, cover(purge, keys), self._planned_at.pop(purge.url, None)
            )
        self._planned = list(by_url.values())

    def completed(self, times: Mapping[str, float]) -> None:
        """Note when TrackPurges saw purges Completed (unix seconds), by request id."""
        for request_id, at in times.items():
            if request_id in self._known:
                self._known[request_id].completed_at = at

    def logged(self, collateral: Mapping[str, int]) -> None:
        """Note what the log says about the objects that purges evict needlessly, by request id."""
        for request_id, count in collateral.items():
            if request_id in self._known:
                self._known[request_id].logged = count

    def fresh(self, request_id: str, now: float) -> None:
        """Note that the edge shows a fresh copy after a purge."""
        self._known[request_id].fresh_at = now

    def covered(self, request_id: str) -> Covered | None:
        """Return what a purge covered when it was accepted; None if there is no such purge."""
        known = self._known.get(request_id)
        return known.covered if known else None

    @property
    def completed_times(self) -> dict[str, float]:
        """When purges were Completed, by request id."""
        return {each: known.completed_at for each, known in self._known.items() if known.completed_at}

    def not_logged_since(self, since: float) -> float | None:
        """Return when the oldest purge was accepted, at or after a time (unix seconds), that the log does not
        show yet; None if there is none."""
        times = (each.purge.accepted_at for each in self._known.values() if each.logged is None)
        return min((at for at in times if at >= since), default=None)

    def to_look_at(self) -> dict[str, tuple[str, ...]]:
        """Return a sample of the keys of each Completed purge that is not fresh yet, by request id."""
        return {
            each: (known.covered.changed or known.covered.evicted)[:SAMPLE]
            for each, known in self._known.items()
            if known.completed_at
            and known.fresh_at is None
            and (known.covered.changed or known.covered.evicted)
        }

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return a row for each purge, planned ones included. `seen`: it covers objects of the bucket, so the
        edge can show whether it is fresh; otherwise its last state is Completed."""
        rows = {each: self._row(known) for each, known in self._known.items()}
        for planned in self._planned:
            rows[f"{PLANNED}{planned.url}"] = {
                **self._place(planned.url),
                "state": "planned",
                "planned": self._planned_at.get(planned.url),
                "accepted": None,
                "completed": None,
                "fresh": None,
                "changed": len(planned.keys),
                "evicts": planned.collateral,
                "seen": bool(planned.keys),
            }
        return rows

    def _row(self, known: Known) -> dict[str, Any]:
        state = "fresh" if known.fresh_at else "completed" if known.completed_at else "accepted"
        return {
            **self._place(known.purge.url),
            "state": state,
            "planned": known.planned_at,
            "accepted": known.purge.accepted_at,
            "completed": known.completed_at,
            "fresh": known.fresh_at,
            "changed": len(known.covered.changed),
            "seen": bool(known.covered.changed or known.covered.evicted),
            "evicts": len(known.covered.evicted) if known.logged is None else known.logged,
        }

    def _place(self, url: str) -> dict[str, Any]:
        """What a purge covers: the path in the URL, encoded and without its `*`, and the same for people."""
        path = url.removeprefix(f"{self._endpoint}/")
        return {
            "path": path.removesuffix("*"),
            "wildcard": path.endswith("*"),
            "shown": unquote(path.removesuffix("*")) + ("*" if path.endswith("*") else ""),
        }
