"""The plan: what to purge now, and what waits. Pure but for the look into the buckets."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from purging.aws.clients import AWS_CALL_SECONDS
from purging.aws.surveyor import Surveyor
from purging.clocks import SKEW_SECONDS
from purging.ledger.records import State
from purging.planning import pacing
from purging.planning.coverage import Coverage
from purging.planning.neighbours import Neighbours
from purging.planning.targets import ChangedObject, PurgeTarget, targets_of
from purging.planning.wildcards import PlannedPurge, Wildcards, with_riders, without_covered
from purging.settings import Settings
from purging.urls import SharedPrefix, is_file

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
    targets: list[PurgeTarget] = field(default_factory=list)
    price: float = 1.0
    wait: Wait = ""
    gather_seconds: float = 0.0


class Planner:
    """Plans by the settings, with what the inventory knows of the buckets."""

    def __init__(self, settings: Settings, inventory: Surveyor) -> None:
        self._settings = settings
        self._inventory = inventory
        # By bucket. Without an end, but a function knows few buckets.
        self._twins: Callable[[str], tuple[SharedPrefix, ...]] = cache(
            lambda bucket: settings.url_map.shared_prefixes(bucket, several=settings.several_buckets)
        )

    def plan(
        self,
        waiting: Sequence[ChangedObject],
        coverage: Coverage,
        state: State,
        now: float,
        remaining: Callable[[], float],
    ) -> Plan:
        """Manual purges at once; changes as `pacing` allows. Nothing for what is covered or new.

        `remaining()` are the seconds that planning may still take: the look into the buckets ends in time,
        and what it did not reach is planned as unknown.
        """
        manual: list[PurgeTarget] = []
        changed: list[PurgeTarget] = []
        for pending in waiting:
            for target in targets_of(
                pending,
                self._settings.url_map,
                query_variants=self._settings.query_variants,
                refused=state.refused,
            ):
                (manual if pending.manual else changed).extend(coverage.missing(target))
        plan = self._spend(changed, coverage, state, now, remaining) if changed else Plan()
        # What someone asked for may cover a change as well, or a change what someone asked for.
        purges = without_covered([*(PlannedPurge(target.url, (target,)) for target in manual), *plan.purges])
        purges = with_riders(purges, plan.targets)
        served = [target for purge in purges for target in purge.targets]
        known = set(served)
        plan.targets = [*served, *(target for target in plan.targets if target not in known)]
        plan.purges = [purge for purge in purges if _is_due(purge, state, now)]
        plan.purges.sort(
            key=lambda each: (not each.manual, each.url in state.failing, -len(each.targets), each.since)
        )
        return plan

    def _spend(
        self,
        changed: list[PurgeTarget],
        coverage: Coverage,
        state: State,
        now: float,
        remaining: Callable[[], float],
    ) -> Plan:
        """The purges for changes, and as its needs those that wait."""
        left = self._settings.automatic_quota - state.used
        if left <= 0:
            return Plan(targets=changed, wait="quota")
        max_hold = self._settings.max_hold_seconds
        times = {target.changed_object: pacing.when(target.changed_object.since, now) for target in changed}
        plan = Plan()
        every = (
            pacing.when(change.occurred_at.timestamp(), now) for each in times for change in each.changes
        )
        ready = changed
        if seconds := pacing.gather_seconds(every, now, max_hold):
            plan.wait, plan.gather_seconds = "gathering", seconds
            ready, plan.targets = _divide(
                changed, lambda target: not pacing.may_gather(times[target.changed_object], now, max_hold)
            )
        if not ready:
            return plan
        if state.exhausted:
            # ImageKit says that nothing is left. One call finds out whether that still holds.
            plan.purges = Wildcards(ready[:1], {}, state.refused).at(plan.price)
            plan.targets += ready[1:]
            return plan
        if remaining() < AWS_CALL_SECONDS:
            # No time for any look: what can wait is better planned by the next drain, which has more.
            due = pacing.last_due((times[target.changed_object] for target in ready), now, max_hold)
            ready, held = _divide(ready, lambda target: times[target.changed_object] <= due)
            if held:
                plan.targets += held
                plan.wait = plan.wait or "held"
        neighbours = self._look(changed, ready, now, remaining)
        ready = self._without_new(ready, neighbours, coverage, now)
        chosen = pacing.cheapest(Wildcards(ready, neighbours, state.refused).at, left=left, now=now)
        if chosen.price > pacing.PRICES[0] or not chosen.fits:
            due = pacing.last_due((times[target.changed_object] for target in ready), now, max_hold)
            ready, held = _divide(
                ready,
                lambda target: (
                    times[target.changed_object] <= due
                    # To gather more makes no plan fit, but the next look may find that an object is new.
                    or not (chosen.fits or self._is_unseen(target, neighbours, now))
                ),
            )
            if held:
                plan.targets += held
                plan.wait = plan.wait or "held"
                selection = Wildcards(ready, neighbours, state.refused)
                chosen = pacing.cheapest(selection.at, left=left, now=now)
        if ready:
            plan.price, plan.purges = chosen.price, chosen.plan
        return plan

    def _look(
        self,
        changed: Iterable[PurgeTarget],
        targets: Iterable[PurgeTarget],
        now: float,
        remaining: Callable[[], float],
    ) -> dict[str, Neighbours]:
        """The neighbours of `needs` in each bucket where they can make a difference: what has not `changed`.

        Each bucket may take an equal share of the time, those of few changes first: what they leave of theirs
        is for the others.
        """
        by_bucket: dict[str, dict[str, PurgeTarget]] = defaultdict(dict)
        for target in targets:
            by_bucket[target.bucket][target.key] = target
        keys_of: dict[str, set[str]] = defaultdict(set)
        for target in changed:
            keys_of[target.bucket].add(target.key)
        buckets = sorted(by_bucket, key=lambda bucket: len(by_bucket[bucket]))
        return {
            bucket: self._around(bucket, by_bucket[bucket], keys_of, now, _part(remaining, len(buckets) - at))
            for at, bucket in enumerate(buckets)
        }

    def _around(
        self,
        bucket: str,
        by_key: Mapping[str, PurgeTarget],
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
        places = [*self._twins(bucket), SharedPrefix("", bucket, "")]
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

    def _may_be_new(self, target: PurgeTarget, now: float) -> bool:
        age = now - target.changed_object.since
        # A date from the future tells no age.
        young = -SKEW_SECONDS <= age < NEW_SECONDS
        return (
            self._settings.skip_new_objects
            and young
            and target.changed_object.may_be_new
            # Where nobody can name the buckets that have the same URL, nobody can look.
            and not any(
                twin.bucket == "*" and target.key.startswith(twin.here) for twin in self._twins(target.bucket)
            )
        )

    def _is_unseen(self, target: PurgeTarget, neighbours: Mapping[str, Neighbours], now: float) -> bool:
        return self._may_be_new(target, now) and not neighbours[target.bucket].counted(target.key)

    def _without_new(
        self, targets: list[PurgeTarget], neighbours: Mapping[str, Neighbours], coverage: Coverage, now: float
    ) -> list[PurgeTarget]:
        """The needs but for those of objects of which nobody can have an older one: the key had none, or
        its removal was purged, and nothing else has its URL. Their keys join the unchanged ones."""
        new: set[ChangedObject] = set()
        old: set[ChangedObject] = set()
        for target in targets:
            found = neighbours[target.bucket]
            removed_at = found.removed.get(target.key)
            only_change = len(target.changed_object.changes) == 1
            is_new = (
                self._may_be_new(target, now)
                and (
                    target.key in found.new
                    or (
                        only_change
                        and removed_at is not None
                        and coverage.forgotten_since(target, removed_at)
                    )
                )
                and found.alone(target.key)
            )
            (new if is_new else old).add(target.changed_object)
        new -= old
        # New ones may be cached by now: taking them along is as needless as with any other object.
        for bucket, key in {
            (target.bucket, target.key) for target in targets if target.changed_object in new
        }:
            neighbours[bucket].unchanged.append(key)
            for found in neighbours.values():
                found.unchanged += [
                    twin.back(key)
                    for twin, _ in found.shared_prefixes
                    if twin.bucket == bucket and key.startswith(twin.there)
                ]
        return [target for target in targets if target.changed_object not in new]


def _is_due(purge: PlannedPurge, state: State, now: float) -> bool:
    """Whether a purge is to be tried now: it did not fail, its time has come, ImageKit has recovered since,
    or a person asks for it anew."""
    failing = state.failing.get(purge.url)
    if failing is None or failing.retry_at <= now or not failing.concerns(purge.since):
        return True
    return failing.failed_at < state.recovered_at or any(
        failing.failed_at < change.occurred_at.timestamp() <= now
        for target in purge.targets
        if target.changed_object.manual
        for change in target.changed_object.changes
    )


def _part(remaining: Callable[[], float], looks: int) -> Callable[[], float]:
    """The seconds for the first of so many looks: an equal share of what there is beyond one request."""
    others = max(0.0, remaining() - AWS_CALL_SECONDS) * (1 - 1 / looks)
    return lambda: remaining() - others


def _divide(
    targets: list[PurgeTarget], ready: Callable[[PurgeTarget], bool]
) -> tuple[list[PurgeTarget], list[PurgeTarget]]:
    """(those that are ready, the others)"""
    divided: tuple[list[PurgeTarget], list[PurgeTarget]] = ([], [])
    for target in targets:
        divided[0 if ready(target) else 1].append(target)
    return divided
