"""Which changed objects are new. No cache can hold an older copy of them, so they need no purge."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from purging.clocks import SKEW_SECONDS
from purging.planning.coverage import Coverage
from purging.planning.neighbours import Neighbours
from purging.planning.targets import ChangedObject, PurgeTarget
from purging.urls import SharedPrefix

NEW_SECONDS = 86_400.0 - SKEW_SECONDS
"""A key with a single version is new only if its change is younger than this.

An earlier version may have expired since. A lifecycle rule keeps a noncurrent version for at least one day:
NoncurrentDays is a positive integer
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_NoncurrentVersionExpiration.html). S3 counts from the
time when the next version was created, and rounds up to midnight UTC
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html)."""


@dataclass(frozen=True, slots=True)
class NewObjects:
    """Finds new objects, as of `now` (unix seconds). `places_of` gives the places that share URLs with a
    bucket."""

    enabled: bool
    now: float
    places_of: Callable[[str], Sequence[SharedPrefix]]

    def possible(self, target: PurgeTarget) -> bool:
        """Whether the object of a target may be new: only a survey of the bucket's versions can tell."""
        age = self.now - target.changed_object.since
        # A date in the future says nothing about the age.
        young = -SKEW_SECONDS <= age < NEW_SECONDS
        return (
            self.enabled
            and young
            and target.changed_object.may_be_new
            # A bucket whose name is not known may have the same URL, but cannot be surveyed.
            and not any(
                place.bucket == "*" and target.key.startswith(place.here)
                for place in self.places_of(target.bucket)
            )
        )

    def certain(self, target: PurgeTarget, found: Neighbours, coverage: Coverage) -> bool:
        """Whether no cache can hold an older copy: no other object has its URL, and the key had no earlier
        version, or its removal was purged."""
        removed_at = found.removed.get(target.key)
        only_change = len(target.changed_object.changes) == 1
        return (
            self.possible(target)
            and (
                target.key in found.new
                or (only_change and removed_at is not None and coverage.since_removal(target, removed_at))
            )
            and found.unshared(target.key)
        )

    def split(
        self, targets: Sequence[PurgeTarget], neighbours: Mapping[str, Neighbours], coverage: Coverage
    ) -> tuple[list[PurgeTarget], dict[str, Neighbours]]:
        """Return the targets without those of new objects, and the neighbours with the new objects' keys.

        A new object may be cached by now: evicting it is as needless as evicting any other neighbour. URLs
        that depend on a new object remain: they may be cached without it.
        """
        if not any(found.new or found.removed for found in neighbours.values()):
            return list(targets), dict(neighbours)
        new: set[ChangedObject] = set()
        old: set[ChangedObject] = set()
        for target in targets:
            if target.root is None:
                continue
            certain = self.certain(target, neighbours[target.bucket], coverage)
            (new if certain else old).add(target.changed_object)
        new -= old
        if not new:
            return list(targets), dict(neighbours)
        keys: dict[str, set[str]] = defaultdict(set)
        for target in targets:
            if target.root and target.changed_object in new:
                keys[target.bucket].add(target.key)
        kept = [target for target in targets if target.root is None or target.changed_object not in new]
        return kept, {
            bucket: found.with_unchanged(
                [
                    *keys.get(bucket, ()),
                    *(
                        place.back(key)
                        for place, _ in found.shared
                        for key in keys.get(place.bucket, ())
                        if key.startswith(place.there)
                    ),
                ]
            )
            for bucket, found in neighbours.items()
        }
