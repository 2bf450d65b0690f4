"""The plan: what to purge now, and what is held.

It is made in two steps, since a plan needs the neighbours of changed keys, and only a survey of the buckets
finds them. `draft` says what to survey; `plan` chooses the purges. Both see data only.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache
from math import inf

from purging.planning import pacing
from purging.planning.coverage import Coverage
from purging.planning.elsewhere import elsewhere
from purging.planning.gathering import (
    BURST_CHANGES,
    BURST_SECONDS,
    gathering,
    held_until,
    is_overdue,
    last_due,
    when,
)
from purging.planning.neighbours import Neighbours
from purging.planning.new_objects import NewObjects
from purging.planning.plan import Conditions, Draft, Plan
from purging.planning.planned import PlannedPurge, with_riders, without_covered
from purging.planning.surveys import neighbours_of, surveys_for
from purging.planning.targets import ChangedObject, PurgeTarget, targets_of
from purging.planning.wildcards import Wildcards
from purging.purges import Need
from purging.settings import Settings
from purging.urls import SharedPrefix
from purging.weights import weight_by


class Planner:
    """Plans purges according to the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._weight = weight_by(settings.eviction_weights)
        # By bucket. The cache has no limit, but a function knows few buckets.
        self._places_of: Callable[[str], tuple[SharedPrefix, ...]] = cache(
            lambda bucket: settings.url_map.shared_prefixes(bucket, several=settings.several_buckets)
        )

    def draft(
        self,
        objects: Iterable[ChangedObject],
        coverage: Coverage,
        conditions: Conditions,
        now: float,
        *,
        may_survey: bool = True,
        arriving: bool = False,
    ) -> Draft:
        """Divide targets into those that may be purged `now` (unix seconds) and held ones, and say what to
        survey.

        Targets that an accepted purge covers are left out. Without time for a survey (`may_survey`), changes
        are held as long as they can be: the next drain plans them better. `arriving`: changes came just now.
        """
        manual: list[PurgeTarget] = []
        changed: list[PurgeTarget] = []
        for each in objects:
            for target in targets_of(
                each,
                self._settings.url_map,
                query_variants=self._settings.query_variants,
                refused=conditions.refused,
            ):
                (manual if each.manual else changed).extend(coverage.missing(target, conditions.refused))
        draft = Draft(conditions, coverage, now, manual, changed, [])
        if not changed:
            return draft
        if conditions.left <= 0:
            return replace(draft, ready=[], held=changed, hold="quota")
        if conditions.waiting:
            waits, new = _divide(changed, lambda target: target.changed_object in conditions.waiting)
            draft = replace(draft, ready=new, held=waits, hold="held")
        draft = self._gather(draft, arriving=arriving)
        if conditions.waiting:
            draft = self._hold(draft, _few_elsewhere(draft))
        if conditions.exhausted or not draft.ready:
            return draft
        if not may_survey:
            draft = self._hold(draft)
        is_new = self._new_objects(now)
        return replace(draft, surveys=surveys_for(draft.ready, is_new.possible, self._places_of))

    def plan(self, draft: Draft, results: Sequence[Sequence[Neighbours]] = ()) -> Plan:
        """Choose the purges of a draft. `results` are what its surveys found, request by request."""
        chosen = self._choose(draft, results)
        # A manual purge may cover a change, and the purge of a change may cover a manual one.
        manual = (PlannedPurge(target.url, (target,)) for target in draft.manual)
        purges = with_riders(without_covered([*manual, *chosen.purges]), chosen.targets)
        planned = [target for purge in purges for target in purge.targets]
        known = set(planned)
        return replace(
            chosen,
            purges=sorted(
                (purge for purge in purges if _is_due(purge, draft.conditions, draft.now)),
                key=lambda purge: (
                    not purge.manual,
                    purge.url in draft.conditions.failing,
                    -len(purge.targets),
                    purge.since,
                    # If ImageKit refuses one part of a target, the other parts are needless.
                    not purge.targets[0].is_part,
                ),
            ),
            targets=[*planned, *(target for target in chosen.targets if target not in known)],
        )

    def _gather(self, draft: Draft, *, arriving: bool) -> Draft:
        """Hold an upload that is under way."""
        if not draft.ready:
            return draft
        now, max_hold = draft.now, self._settings.max_hold_seconds
        objects = dict.fromkeys(target.changed_object for target in draft.ready)
        times = [when(change.occurred_at.timestamp(), now) for each in objects for change in each.changes]
        # Each change has as many purges as URLs at most.
        purged = draft.coverage.accepted_since(now - BURST_SECONDS)[:: self._settings.url_map.most_urls]
        upload = gathering(times, now, max_hold, purged, arriving=arriving)
        if not upload:
            return draft
        # What has arrived had happened by `seen_at`, so others would have followed.
        urgent = {
            each for each in elsewhere(objects) if when(each.since, now) <= upload.seen_at - BURST_SECONDS
        }
        urgent = urgent if len(urgent) < BURST_CHANGES else set()
        held, ready = _divide(
            draft.ready,
            lambda target: target.changed_object not in urgent and _time_of(target, now) > upload.since,
        )
        if not held:
            return draft
        return replace(
            draft,
            ready=ready,
            held=[*draft.held, *held],
            hold="gathering",
            gather_seconds=upload.seconds,
        )

    def _hold(self, draft: Draft, but: AbstractSet[ChangedObject] = frozenset()) -> Draft:
        """Hold the targets that can wait for the next tick, `but` not those of some objects."""
        now = draft.now
        due = last_due(
            (_time_of(target, now) for target in draft.ready), now, self._settings.max_hold_seconds
        )
        ready, held = _divide(
            draft.ready, lambda target: _time_of(target, now) <= due or target.changed_object in but
        )
        if not held:
            return draft
        return replace(draft, ready=ready, held=[*draft.held, *held], hold=draft.hold or "held")

    def _choose(self, draft: Draft, results: Sequence[Sequence[Neighbours]]) -> Plan:
        """Choose the purges for changes. The plan's targets are the held ones."""
        conditions, now = draft.conditions, draft.now
        if not draft.ready:
            return self._all_held(draft)
        if conditions.exhausted:
            # ImageKit says that nothing is left. One call finds out whether that still holds.
            probe = Wildcards(draft.ready[:1], {}, conditions.refused).at(0.0)
            held = [*draft.held, *draft.ready[1:]]
            return Plan(probe, held, hold=draft.hold, gather_seconds=draft.gather_seconds)
        neighbours = self._neighbours(draft, results)
        new_objects = self._new_objects(now)
        ready, neighbours = new_objects.split(draft.ready, neighbours, draft.coverage)
        draft = replace(draft, ready=ready)
        choice = self._cheapest(draft, neighbours, self._least_of_waiting(draft))
        if choice.needless:
            draft, choice = self._held_back(draft, neighbours, choice)
        if not choice.fits:
            draft, choice = self._paced(draft, choice)
        price = choice.price if draft.ready else 0.0
        return replace(self._all_held(draft), purges=choice.plan, price=price, need=choice.need)

    def _all_held(self, draft: Draft) -> Plan:
        """The plan without purges, for what is held."""
        until = held_until(
            (_time_of(target, draft.now) for target in draft.held), draft.now, self._settings.max_hold_seconds
        )
        return Plan(
            targets=draft.held, hold=draft.hold, gather_seconds=draft.gather_seconds, held_until=until
        )

    def _held_back(
        self, draft: Draft, neighbours: Mapping[str, Neighbours], choice: pacing.Choice[PlannedPurge]
    ) -> tuple[Draft, pacing.Choice[PlannedPurge]]:
        """Hold what can wait, except for a few objects elsewhere if they leave enough for the others."""
        later = self._hold(draft)
        if len(later.ready) == len(draft.ready):
            return draft, choice
        with_few = self._hold(draft, _few_elsewhere(draft))
        if len(later.ready) < len(with_few.ready) < len(draft.ready):
            chosen = self._cheapest(with_few, neighbours, choice.need.least)
            if not chosen.needless:
                return with_few, chosen
        return later, self._cheapest(later, neighbours)

    def _least_of_waiting(self, draft: Draft) -> float:
        """How many purges the waiting objects will take at least, whatever lies between them. Those that are
        overdue are paced: nothing is kept for them."""
        targets = [
            target
            for target in draft.held
            if target.changed_object in draft.conditions.waiting
            and not is_overdue(_time_of(target, draft.now), draft.now, self._settings.max_hold_seconds)
        ]
        return Wildcards(targets, {}, draft.conditions.refused).least()

    def _paced(
        self, draft: Draft, choice: pacing.Choice[PlannedPurge]
    ) -> tuple[Draft, pacing.Choice[PlannedPurge]]:
        """Hold a part of what no wildcard can join if it could use up the month: the latest changes."""
        exact = sorted((purge for purge in choice.plan if purge.objects == 1), key=lambda purge: purge.since)
        joint = len(choice.plan) - len(exact)
        conditions = draft.conditions
        number = pacing.paced(
            len(exact),
            joint=joint,
            left=conditions.left,
            quota=conditions.quota,
            now=draft.now,
            further=conditions.further.least,
        )
        if number == len(exact):
            return draft, choice
        later = {target.changed_object for purge in exact[number:] for target in purge.targets}
        ready, held = _divide(draft.ready, lambda target: target.changed_object not in later)
        plan = [purge for purge in choice.plan if purge.objects > 1] + exact[:number]
        # What is paced tells nothing about further rounds.
        need = Need(joint, joint, joint if joint > pacing.FEW else 0)
        return (
            replace(draft, ready=ready, held=[*draft.held, *held], hold=draft.hold or "held"),
            choice._replace(plan=plan, need=need),
        )

    def _neighbours(self, draft: Draft, results: Sequence[Sequence[Neighbours]]) -> dict[str, Neighbours]:
        """What the surveys found, by bucket."""
        changed: dict[str, set[str]] = defaultdict(set)
        for target in (*draft.ready, *draft.held):
            if target.root:
                changed[target.bucket].add(target.key)
        return {
            survey.bucket: neighbours_of(survey, found, changed, self._settings.ignores)
            for survey, found in zip(draft.surveys, results, strict=True)
        }

    def _cheapest(
        self, draft: Draft, neighbours: Mapping[str, Neighbours], waiting: float = 0
    ) -> pacing.Choice[PlannedPurge]:
        """Choose for what is ready. So many purges at least are kept for what is `waiting`."""
        wildcards = Wildcards(draft.ready, neighbours, draft.conditions.refused, self._weight)
        left, further = draft.conditions.left, draft.conditions.further
        if waiting:
            # What waits did not fit.
            further = Need(further.least + waiting, inf, further.large)
        few = pacing.few_of(left, self._settings.automatic_quota)
        return pacing.cheapest(wildcards, left=left, now=draft.now, further=further, few=few)

    def _new_objects(self, now: float) -> NewObjects:
        return NewObjects(self._settings.skip_new_objects, now, self._places_of)


def _few_elsewhere(draft: Draft) -> AbstractSet[ChangedObject]:
    """The objects that are ready and lie in no folder of a large change, if these are few."""
    ready = dict.fromkeys(target.changed_object for target in draft.ready)
    found = elsewhere(ready | dict.fromkeys(target.changed_object for target in draft.held), ready)
    return found if len(found) < BURST_CHANGES else frozenset()


def _time_of(target: PurgeTarget, now: float) -> float:
    return when(target.changed_object.since, now)


def _is_due(purge: PlannedPurge, conditions: Conditions, now: float) -> bool:
    """Whether to try a purge now: it did not fail, its time has come, ImageKit has recovered since, or a
    person has asked for it since."""
    failing = conditions.failing.get(purge.url)
    if failing is None or failing.retry_at <= now or not failing.concerns(purge.since):
        return True
    return failing.failed_at < conditions.recovered_at or any(
        failing.failed_at < change.occurred_at.timestamp() <= now
        for target in purge.targets
        if target.changed_object.manual
        for change in target.changed_object.changes
    )


def _divide(
    targets: Iterable[PurgeTarget], condition: Callable[[PurgeTarget], bool]
) -> tuple[list[PurgeTarget], list[PurgeTarget]]:
    """Return the targets that meet a condition, and the others."""
    divided: tuple[list[PurgeTarget], list[PurgeTarget]] = ([], [])
    for target in targets:
        divided[0 if condition(target) else 1].append(target)
    return divided
