"""What the next drain would purge: the functions' own planner, asked ahead of time. It changes nothing."""

import time
from dataclasses import dataclass

from local.console.purges import Planned
from local.domain import (
    Conditions,
    Coverage,
    Planner,
    S3Lister,
    Settings,
    Surveyor,
    UrlChange,
    changed_objects,
    coming,
    month_of,
)
from local.observer import Observer
from local.stack import Stack

_SURVEY_SECONDS = 10.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Preview:
    """The pending changes: `keys` of them, planned purges, and their price. `changes` counts all changes.

    `under_way`: a drain is at work on a plan of its own. Its purges look like an upload to the planner, which
    would gather the changes.
    """

    keys: frozenset[str] = frozenset()
    changes: int = 0
    purges: tuple[Planned, ...] = ()
    price: float = 0.0
    under_way: bool = False


class Forecast:
    """Plans for one stack."""

    def __init__(self, stack: Stack, observer: Observer, settings: Settings) -> None:
        self._observer = observer
        self._settings = settings
        self._planner = Planner(settings)
        self._surveyor = Surveyor(S3Lister(stack.s3))

    def preview(self) -> Preview:
        """Plan for what is pending in the ledger now. Raises one of botocore's errors if AWS fails."""
        settings, ledger = self._settings, self._observer.ledger()
        sets, _ = ledger.window("", settings.url_map.most_urls)
        changes = [(change, each.manual) for each in sets for change in each.changes]
        if not changes:
            return Preview()
        now = time.time()
        objects = changed_objects(changes)
        state = ledger.state(month_of(now))
        oldest = min(now, *(each.since for each in objects))
        quota = settings.automatic_quota
        draft = self._planner.draft(
            objects,
            Coverage(ledger.accepted_since(oldest - _DAY)),
            Conditions(
                max(quota - state.used, 0),
                state.exhausted,
                state.refused,
                state.failing,
                state.recovered_at,
                coming(state.need, state.need_before, now, quota, state.need_by_day),
            ),
            now,
        )
        ends = time.monotonic() + _SURVEY_SECONDS
        found = self._surveyor.run(draft.surveys, lambda: ends - time.monotonic())
        plan = self._planner.plan(draft, found)
        return Preview(
            frozenset(change.key for change, _ in changes if not isinstance(change, UrlChange)),
            len(changes),
            tuple(
                Planned(
                    purge.url,
                    tuple(dict.fromkeys(target.key for target in purge.targets if target.key)),
                    purge.collateral,
                )
                for purge in plan.purges
            ),
            plan.price,
            plan.hold == "gathering" and (ledger.inspection.lease_until() or 0.0) >= now,
        )
