"""What a plan depends on, its draft before the buckets are surveyed, and the plan itself."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal

from purging.planning.coverage import Coverage
from purging.planning.planned import PlannedPurge
from purging.planning.surveys import BucketSurvey
from purging.planning.targets import ChangedObject, PurgeTarget
from purging.purges import NO_NEED, FailingUrl, Need

Hold = Literal["", "gathering", "held", "quota"]
"""Why targets are held: an upload is under way, a cheaper purge may come, or nothing may be spent."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a plan depends on besides the changes. Times are unix seconds.

    `left` purges may be spent on changes, of a month's `quota`. `exhausted`: ImageKit said that its quota is
    used up. `refused` are wildcards that ImageKit does not accept. Calls to ImageKit succeeded again at
    `recovered_at`. Further rounds of the month will need `further` purges. `waiting` objects are held for a
    cheaper purge, or paced: an earlier plan found out that, and they need no other plan yet.
    """

    left: int
    exhausted: bool = False
    refused: frozenset[str] = frozenset()
    failing: Mapping[str, FailingUrl] = field(default_factory=dict)
    recovered_at: float = 0.0
    further: Need = NO_NEED
    waiting: AbstractSet[ChangedObject] = frozenset()
    quota: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan before the buckets are surveyed: `ready` targets of changes, and `held` ones."""

    conditions: Conditions
    coverage: Coverage
    now: float
    manual: list[PurgeTarget]
    ready: list[PurgeTarget]
    held: list[PurgeTarget]
    hold: Hold = ""
    gather_seconds: float = 0.0
    surveys: list[BucketSurvey] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """`purges` to submit, in order, at a `price`. `targets` are all that need a purge, now or later.

    The changes that are not held `need` so many purges.
    `hold` says why targets without a purge are held. If an upload is being gathered, it may be over in
    `gather_seconds`. Targets that are `held` need no other plan before `held_until` (unix seconds).
    """

    purges: list[PlannedPurge] = field(default_factory=list)
    targets: list[PurgeTarget] = field(default_factory=list)
    price: float = 0.0
    hold: Hold = ""
    gather_seconds: float = 0.0
    held_until: float = 0.0
    need: Need = NO_NEED
