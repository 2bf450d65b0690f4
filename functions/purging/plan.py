"""The plan: what to purge now, and what waits. Pure but for the look into the buckets."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from purging import pacing
from purging.inventory import Inventory
from purging.items import State
from purging.needs import SKEW_SECONDS, Coverage, Need, Pending, needs_of
from purging.neighbours import Neighbours
from purging.selection import PlannedPurge, Selection, with_riders, without_covered
from purging.settings import AWS_CALL_SECONDS, Settings
from purging.urls import Twin, is_file

NEW_SECONDS = 86_400.0 - SKEW_SECONDS
"""A key with a single version is new only if its change is younger than this.

The version before may have expired since: a lifecycle rule keeps what became noncurrent for one day at least
(Amazon S3 API reference, "NoncurrentVersionExpiration": NoncurrentDays is a positive integer; user guide,
"How Amazon S3 calculates how long an object has been noncurrent": from when its successor was created, and
rounded up to midnight UTC)."""

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
        # By bucket. Without an end, but a function knows few buckets.
        self._twins: Callable[[str], tuple[Twin, ...]] = cache(
            lambda bucket: settings.url_map.twins(bucket, several=settings.several_buckets)
        )

    def plan(
        self,
        waiting: Sequence[Pending],
        coverage: Coverage,
        state: State,
        now: float,
        remaining: Callable[[], float],
    ) -> Plan:
        """Manual purges at once; changes as `pacing` allows. Nothing for what is covered or new.

        `remaining()` are the seconds that planning may still take: the look into the buckets ends in time,
        and what it did not reach is planned as unknown.
        """
        manual: list[Need] = []
        changed: list[Need] = []
        for pending in waiting:
            for need in needs_of(
                pending,
                self._settings.url_map,
                query_variants=self._settings.query_variants,
                refused=state.refused,
            ):
                (manual if pending.manual else changed).extend(coverage.missing(need))
        plan = self._spend(changed, coverage, state, now, remaining) if changed else Plan()
        # What someone asked for may cover a change as well, or a change what someone asked for.
        purges = without_covered([*(PlannedPurge(need.url, (need,)) for need in manual), *plan.purges])
        purges = with_riders(purges, plan.needs)
        served = [need for purge in purges for need in purge.needs]
        known = set(served)
        plan.needs = [*served, *(need for need in plan.needs if need not in known)]
        plan.purges = [purge for purge in purges if _is_due(purge, state, now)]
        plan.purges.sort(
            key=lambda each: (not each.manual, each.url in state.failing, -len(each.needs), each.since)
        )
        return plan

    def _spend(
        self,
        changed: list[Need],
        coverage: Coverage,
        state: State,
        now: float,
        remaining: Callable[[], float],
    ) -> Plan:
        """The purges for changes, and as its needs those that wait."""
        left = self._settings.automatic_quota - state.used
        if left <= 0:
            return Plan(needs=changed, wait="quota")
        max_hold = self._settings.max_hold_seconds
        times = {need.pending: pacing.when(need.pending.since, now) for need in changed}
        plan = Plan()
        every = (
            pacing.when(change.occurred_at.timestamp(), now) for each in times for change in each.changes
        )
        ready = changed
        if seconds := pacing.gather_seconds(every, now, max_hold):
            plan.wait, plan.gather_seconds = "gathering", seconds
            ready, plan.needs = _divide(
                changed, lambda need: not pacing.may_gather(times[need.pending], now, max_hold)
            )
        if not ready:
            return plan
        if state.exhausted:
            # ImageKit says that nothing is left. One call finds out whether that still holds.
            plan.purges = Selection(ready[:1], {}, state.refused).at(plan.price)
            plan.needs += ready[1:]
            return plan
        if remaining() < AWS_CALL_SECONDS:
            # No time for any look: what can wait is better planned by the next drain, which has more.
            due = pacing.last_due((times[need.pending] for need in ready), now, max_hold)
            ready, held = _divide(ready, lambda need: times[need.pending] <= due)
            if held:
                plan.needs += held
                plan.wait = plan.wait or "held"
        neighbours = self._look(changed, ready, now, remaining)
        ready = self._without_new(ready, neighbours, coverage, now)
        chosen = pacing.cheapest(Selection(ready, neighbours, state.refused).at, left=left, now=now)
        if chosen.price > pacing.PRICES[0] or not chosen.fits:
            due = pacing.last_due((times[need.pending] for need in ready), now, max_hold)
            ready, held = _divide(
                ready,
                lambda need: (
                    times[need.pending] <= due
                    # To gather more makes no plan fit, but the next look may find that an object is new.
                    or not (chosen.fits or self._is_unseen(need, neighbours, now))
                ),
            )
            if held:
                plan.needs += held
                plan.wait = plan.wait or "held"
                selection = Selection(ready, neighbours, state.refused)
                chosen = pacing.cheapest(selection.at, left=left, now=now)
        if ready:
            plan.price, plan.purges = chosen.price, chosen.plan
        return plan

    def _look(
        self, changed: Iterable[Need], needs: Iterable[Need], now: float, remaining: Callable[[], float]
    ) -> dict[str, Neighbours]:
        """The neighbours of `needs` in each bucket where they can make a difference: what has not `changed`.

        Each bucket may take an equal share of the time, those of few changes first: what they leave of theirs
        is for the others.
        """
        by_bucket: dict[str, dict[str, Need]] = defaultdict(dict)
        for need in needs:
            by_bucket[need.bucket][need.key] = need
        keys_of: dict[str, set[str]] = defaultdict(set)
        for need in changed:
            keys_of[need.bucket].add(need.key)
        buckets = sorted(by_bucket, key=lambda bucket: len(by_bucket[bucket]))
        return {
            bucket: self._around(bucket, by_bucket[bucket], keys_of, now, _part(remaining, len(buckets) - at))
            for at, bucket in enumerate(buckets)
        }

    def _around(
        self,
        bucket: str,
        by_key: Mapping[str, Need],
        changed: Mapping[str, set[str]],
        now: float,
        remaining: Callable[[], float],
    ) -> Neighbours:
        """Lone keys are asked for by themselves if that can save a purge, or spare what begins with them.

        What has the same URLs, in other buckets or folders, is looked at for the same keys.
        """
        keys = sorted(by_key)
        new = {key for key in keys if self._may_be_new(by_key[key], now)}
        ask = [key for key in keys if key in new or (by_key[key].with_variants and not is_file(key))]
        if len(keys) == 1 and by_key[keys[0]].with_variants:
            ask = keys
        if len(keys) == 1 and not ask:
            return Neighbours()
        # The bucket itself comes last: what the others leave of their time is for it.
        places = [*self._twins(bucket), Twin("", bucket, "")]
        shared = [[key for key in keys if key.startswith(place.here)] for place in places]
        looks = sum(place.bucket != "*" and bool(here) for place, here in zip(places, shared, strict=True))
        seen: list[Neighbours] = []
        for place, here in zip(places, shared, strict=True):
            found = Neighbours()
            if place.bucket == "*":
                # Nobody can look there, so others may well begin with any key.
                found.crowded.update(map(place.over, here))
            elif here:
                found = self._inventory.around(
                    place.bucket,
                    [place.over(key) for key in here],
                    versions=bool(new),
                    ask=[place.over(key) for key in ask if key.startswith(place.here)],
                    remaining=_part(remaining, looks),
                )
                looks -= 1
                found.unchanged = [
                    key
                    for key in found.unchanged
                    if key not in changed.get(place.bucket, ()) and not self._settings.ignores(key)
                ]
            seen.append(found)
        *others, neighbours = seen
        for twin, found in zip(places, others, strict=False):
            neighbours.join(twin, found, changed[bucket])
        return neighbours

    def _may_be_new(self, need: Need, now: float) -> bool:
        age = now - need.pending.since
        # A date from the future tells no age.
        young = -SKEW_SECONDS <= age < NEW_SECONDS
        return (
            self._settings.skip_new_objects
            and young
            and need.pending.may_be_new
            # Where nobody can name the buckets that have the same URL, nobody can look.
            and not any(
                twin.bucket == "*" and need.key.startswith(twin.here) for twin in self._twins(need.bucket)
            )
        )

    def _is_unseen(self, need: Need, neighbours: Mapping[str, Neighbours], now: float) -> bool:
        return self._may_be_new(need, now) and not neighbours[need.bucket].counted(need.key)

    def _without_new(
        self, needs: list[Need], neighbours: Mapping[str, Neighbours], coverage: Coverage, now: float
    ) -> list[Need]:
        """The needs but for those of objects of which nobody can have an older one: the key had none, or
        its removal was purged, and nothing else has its URL. Their keys join the unchanged ones."""
        new: set[Pending] = set()
        old: set[Pending] = set()
        for need in needs:
            found = neighbours[need.bucket]
            removed_at = found.removed.get(need.key)
            only_change = len(need.pending.changes) == 1
            is_new = (
                self._may_be_new(need, now)
                and (
                    need.key in found.new
                    or (only_change and removed_at is not None and coverage.forgotten_since(need, removed_at))
                )
                and found.alone(need.key)
            )
            (new if is_new else old).add(need.pending)
        new -= old
        # New ones may be cached by now: taking them along is as needless as with any other object.
        for bucket, key in {(need.bucket, need.key) for need in needs if need.pending in new}:
            neighbours[bucket].unchanged.append(key)
            for found in neighbours.values():
                found.unchanged += [
                    twin.back(key)
                    for twin, _ in found.twins
                    if twin.bucket == bucket and key.startswith(twin.there)
                ]
        return [need for need in needs if need.pending not in new]


def _is_due(purge: PlannedPurge, state: State, now: float) -> bool:
    """Whether a purge is to be tried now: it did not fail, its time has come, ImageKit has recovered since,
    or a person asks for it anew."""
    failing = state.failing.get(purge.url)
    if failing is None or failing.retry_at <= now or not failing.concerns(purge.since):
        return True
    return failing.failed_at < state.recovered_at or any(
        failing.failed_at < change.occurred_at.timestamp() <= now
        for need in purge.needs
        if need.pending.manual
        for change in need.pending.changes
    )


def _part(remaining: Callable[[], float], looks: int) -> Callable[[], float]:
    """The seconds for the first of so many looks: an equal share of what there is beyond one request."""
    others = max(0.0, remaining() - AWS_CALL_SECONDS) * (1 - 1 / looks)
    return lambda: remaining() - others


def _divide(needs: list[Need], ready: Callable[[Need], bool]) -> tuple[list[Need], list[Need]]:
    """(those that are ready, the others)"""
    divided: tuple[list[Need], list[Need]] = ([], [])
    for need in needs:
        divided[0 if ready(need) else 1].append(need)
    return divided
