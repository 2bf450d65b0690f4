"""The plan: what to purge now, and what waits. Pure but for the look into the buckets."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from purging import pacing
from purging.inventory import Inventory, Neighbours
from purging.items import State
from purging.needs import Coverage, Need, Pending, needs_of
from purging.selection import PlannedPurge, select, without_covered
from purging.settings import Settings

Wait = Literal["", "gathering", "held", "quota"]


@dataclass(slots=True)
class Plan:
    """`purges` to submit, in order, at a `price`; all open `needs`; why those that have no purge `wait`,
    and for how long if they are being gathered."""

    purges: list[PlannedPurge] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    price: float = 1.0
    wait: Wait = ""
    gather_seconds: float = 0.0


class Planner:
    """Plans by the settings, with what the inventory knows of the buckets."""

    def __init__(self, settings: Settings, inventory: Inventory) -> None:
        self._settings = settings
        self._inventory = inventory

    def plan(
        self,
        waiting: Sequence[Pending],
        coverage: Coverage,
        state: State,
        now: float,
        remaining: Callable[[], float],  # noqa: ARG002 - the look is bounded by requests alone
    ) -> Plan:
        """Manual purges at once; changes as `pacing` allows. Nothing for what is covered or new."""
        settings = self._settings
        plan = Plan()
        for pending in waiting:
            plan.needs += [
                need
                for need in needs_of(
                    pending,
                    settings.url_map,
                    query_variants=settings.query_variants,
                    refused=state.refused,
                )
                if not coverage.covers(need)
            ]
        self._spend(plan, coverage, state, now)
        # What someone asked for may cover a change as well, or a change what someone asked for.
        plan.purges = [
            purge
            for purge in without_covered(plan.purges)
            if purge.url not in state.failing or state.failing[purge.url].retry_at <= now
        ]
        plan.purges.sort(
            key=lambda each: (not each.manual, each.url in state.failing, -len(each.needs), each.since)
        )
        return plan

    def _spend(self, plan: Plan, coverage: Coverage, state: State, now: float) -> None:
        """Choose the purges, or say why changes wait."""
        manual = select((need for need in plan.needs if need.pending.manual), {}, plan.price, state.refused)
        changed = [need for need in plan.needs if not need.pending.manual]
        plan.purges = manual
        if not changed:
            return
        left = self._settings.automatic_quota - state.used
        max_hold = self._settings.max_hold_seconds
        times = [change.occurred_at.timestamp() for need in changed for change in need.pending.changes]
        if left <= 0:
            plan.wait = "quota"
        elif seconds := pacing.gather_seconds(times, now, max_hold):
            plan.wait, plan.gather_seconds = "gathering", seconds
        elif state.exhausted:
            # ImageKit says that nothing is left. One call finds out whether that still holds.
            plan.purges += select(changed[:1], {}, plan.price, state.refused)
        else:
            neighbours = self._look(changed)
            known = {each.pending for each in changed if not self._is_new(each, neighbours, coverage)}
            # New ones may be cached by now: taking them along is as needless as with any other object.
            for bucket, key in {(each.bucket, each.key) for each in changed if each.pending not in known}:
                neighbours[bucket].unchanged.append(key)
            plan.needs = [need for need in plan.needs if need.pending.manual or need.pending in known]
            changed = [need for need in changed if need.pending in known]
            chosen = pacing.cheapest(
                lambda price: select(changed, neighbours, price, state.refused),
                left=left,
                now=now,
                oldest=min(times),
                max_hold=max_hold,
            )
            if chosen is None:
                plan.wait = "held"
            else:
                plan.price, purges = chosen
                plan.purges += purges

    def _look(self, needs: Sequence[Need]) -> dict[str, Neighbours]:
        """The neighbours in each bucket where they can make a difference."""
        keys: dict[str, dict[str, Pending]] = defaultdict(dict)
        for need in needs:
            keys[need.bucket][need.key] = need.pending
        found = {}
        for bucket, by_key in keys.items():
            versions = self._settings.skip_new_objects and any(each.may_be_new for each in by_key.values())
            if versions or len(by_key) > 1:
                neighbours = self._inventory.around(bucket, sorted(by_key), versions=versions)
                if self._settings.ignore_keys:
                    neighbours.unchanged = [
                        key for key in neighbours.unchanged if not self._settings.ignores(key)
                    ]
                found[bucket] = neighbours
        return found

    def _is_new(self, need: Need, neighbours: dict[str, Neighbours], coverage: Coverage) -> bool:
        """Whether nobody can have an older object of this key: it had none, or its removal was purged."""
        if not (self._settings.skip_new_objects and need.pending.may_be_new and need.bucket in neighbours):
            return False
        found = neighbours[need.bucket]
        if need.key in found.new:
            return True
        only_change = len(need.pending.changes) == 1
        removed_at = found.removed.get(need.key)
        return only_change and removed_at is not None and coverage.forgotten_since(need, removed_at)
