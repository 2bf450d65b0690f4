"""One round of a drain, as data: its window, its result, and the next step. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from math import ceil, inf

from purging.changes import Change
from purging.draining.submission import Outcome
from purging.ledger.changesets import ChangeSet
from purging.ledger.records import Hold, State
from purging.planning.gathering import when
from purging.planning.plan import Plan
from purging.planning.planned import PlannedPurge
from purging.planning.targets import ChangedObject, PurgeTarget
from purging.purges import AcceptedPurge

REASONS: dict[str, str] = {
    "time": "No time was left for the other purges. The next drain makes them.",
    "gathering": "An upload is under way. Its changes are planned as a whole when it ends.",
    "held": "The quota is short: these changes are held until more changes can share a purge with them. "
    "What no wildcard joins is purged at an even pace.",
    "quota": "This stack has spent what the quota allows for changes this month.",
}


@dataclass(frozen=True, slots=True)
class Window:
    """What a round sees: a part of the pending changes, and what drains remember.

    `objects` are those whose changes are in `sets`. `after` is the id of the change set behind which there
    may be more; empty if there are none. `part` is the part of the change sets from here on that the window
    has. `loaded_at` is in unix seconds.
    """

    state: State
    sets: Sequence[ChangeSet]
    objects: Sequence[ChangedObject]
    after: str
    loaded_at: float
    part: float = 1.0

    @property
    def sees_all(self) -> bool:
        """Whether no change is pending outside of the window."""
        return not self.state.cursor and not self.after

    @property
    def latest(self) -> float:
        """When the latest change of an object happened, in unix seconds; minus infinity if there is none."""
        times = (change.occurred_at for each in self.objects if not each.manual for change in each.changes)
        return max((time.timestamp() for time in times), default=-inf)

    @property
    def pause_seconds(self) -> float:
        """Seconds until calls may be made; 0 if they may be made now, or if the window is empty."""
        return max(self.state.paused_until - self.loaded_at, 0.0) if self.objects else 0.0

    def paused(self) -> frozenset[ChangedObject]:
        """The objects that are not tried during a pause.

        While the quota is exhausted, manual ones are tried: people may know that the quota was raised, and a
        refused call costs nothing.
        """
        return frozenset(each for each in self.objects if not (each.manual and self.state.exhausted))

    def standing_hold(self, quota: int) -> Hold | None:
        """The hold under which objects wait; None if all of them need a plan. A month may spend `quota`
        purges on changes."""
        hold = self.state.hold
        if hold is None or not self.sees_all or not self.sets or self.state.exhausted:
            return None
        return hold if hold.stands(self.sets[0].id, quota, self.loaded_at) else None

    def waiting(self, quota: int) -> frozenset[ChangedObject]:
        """The objects that were held for a cheaper purge and need no other plan yet, and what waits with
        them."""
        hold = self.standing_hold(quota)
        if hold is None:
            return frozenset()
        return frozenset(each for each in self.objects if hold.closed or each.since <= hold.latest)

    def share(self, quota: int) -> int:
        """How many purges of a month's quota the window may spend on changes.

        It leaves as much to the windows behind it as their part of the changes. A purge that this window
        cannot pay may also cover changes of the next ones.
        """
        return ceil(max(0, quota - self.state.used) * self.part)

    def within_share(self, purges: Sequence[PlannedPurge], share: int) -> list[PlannedPurge]:
        """All manual purges, and the first ones of the others up to the window's share."""
        if not self.after:
            return list(purges)
        automatic = [purge for purge in purges if not purge.manual]
        return [purge for purge in purges if purge.manual] + automatic[:share]


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a round: another one (`again`), after `wait_seconds`, behind the change set `cursor`
    (None: where the last one began). `passed`: the next round sees other changes."""

    again: bool = False
    wait_seconds: float = 0.0
    cursor: str | None = None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """The result of a round: `held` changed objects remain pending; `paused` ones of them were not tried.

    `told` targets were given up, with an alert.
    """

    window: Window
    plan: Plan
    outcome: Outcome
    held: AbstractSet[ChangedObject]
    paused: AbstractSet[ChangedObject]
    told: AbstractSet[PurgeTarget]

    def hold(self, quota: int) -> Hold | None:
        """What lets later drains rest, if all that is pending is held for a cheaper purge. A month may spend
        `quota` purges on changes."""
        window = self.window
        # A purge for another object may cover all that was to be held.
        holds = self.plan.hold in ("held", "gathering") and self.held
        if not holds or self.paused or not window.sees_all:
            return None
        if self.outcome.stopped or self.outcome.detail or window.state.failing:
            return None  # a purge is to be tried again, before the hold ends
        standing = window.standing_hold(quota)
        if self.plan.hold == "gathering":
            return standing
        if standing:
            return replace(
                standing,
                until=min(standing.until, self.plan.held_until),
                count=len(self.held),
                latest=self._latest_held,
                overtaken=standing.overtaken + len(self.outcome.accepted),
            )
        if len(self.held) < len(window.objects) or self.outcome.accepted:
            return None
        return Hold(self.plan.held_until, window.sets[0].id, len(self.held), quota, self._latest_held)

    @property
    def _latest_held(self) -> float:
        """When the latest change of a held object happened, as far as clocks are right."""
        return max(
            when(change.occurred_at.timestamp(), self.window.loaded_at)
            for each in self.held
            for change in each.changes
        )

    @property
    def reason(self) -> str:
        """Why changes are held, in one or two words; empty if none is held."""
        if self.outcome.stopped or not self.held:
            return self.outcome.stopped
        if self.paused:
            return "quota" if self.window.state.exhausted else "paused"
        return self.plan.hold or ("failing" if self.window.state.failing or self.outcome.detail else "held")

    @property
    def detail(self) -> str:
        """Why changes are held, for people. If none is held: why the last failed URL failed, or empty."""
        if self.outcome.detail or not self.held:
            return self.outcome.detail
        if self.paused:
            return self.window.state.pause_reason
        if self.reason in REASONS:
            return REASONS[self.reason]
        return "ImageKit gave no usable answer for their URLs. They are tried again, ever more rarely."

    @property
    def given_up(self) -> dict[str, str]:
        """The URLs that were given up with an alert, each with its reason."""
        return {
            target.exact: reason for target, reason in self.outcome.given_up.items() if target in self.told
        }

    def next(self, wait_at_most: float) -> Next:
        """Decide whether another round can do more, for the same changes or for those behind them. It may
        wait for an upload to end, but less than `wait_at_most` seconds."""
        state, plan, outcome = self.window.state, self.plan, self.outcome
        if outcome.stopped or self.paused:
            return Next()
        untold = any(target.changed_object in self.held for target in outcome.given_up)
        if not untold and (outcome.plan_again or (state.exhausted and outcome.accepted)):
            return Next(again=True)
        if self.window.sees_all and plan.hold == "gathering" and plan.gather_seconds < wait_at_most:
            return Next(again=True, wait_seconds=plan.gather_seconds)
        after = self.window.after
        return Next(again=bool(after), cursor=after if after != state.cursor else None, passed=bool(after))


@dataclass(frozen=True, slots=True)
class Report:
    """What a drain did. `settled` changed objects are no longer pending. `held` ones are still pending, for
    `reason`; `detail` explains it to people. `given_up` URLs are never purged, each with its reason. `busy`:
    another drain is at work, and takes these changes too."""

    accepted: list[AcceptedPurge] = field(default_factory=list)
    given_up: dict[str, str] = field(default_factory=dict)
    settled: int = 0
    held: int = 0
    reason: str = ""
    detail: str = ""
    busy: bool = False

    def after(self, done: Round, held_before: int) -> "Report":
        """The report with one more round. `held_before` objects are held in earlier windows."""
        return Report(
            [*self.accepted, *done.outcome.accepted],
            self.given_up | done.given_up,
            self.settled + len(done.window.objects) - len(done.held),
            held_before + len(done.held),
            done.reason,
            done.detail,
        )


def changes_of(objects: Iterable[ChangedObject]) -> int:
    """How many changes objects have that nobody asked for by hand."""
    return sum(len(each.changes) for each in objects if not each.manual)


def divide(
    sets: Sequence[ChangeSet], held: Callable[[Change], bool]
) -> tuple[list[ChangeSet], dict[bool, list[Change]]]:
    """Return the change sets that have changes which are not held, and the held changes of these sets, by
    whether they are manual."""
    consumed: list[ChangeSet] = []
    kept: dict[bool, list[Change]] = defaultdict(list)
    for each in sets:
        changes = [change for change in each.changes if held(change)]
        if len(changes) < len(each.changes):
            consumed.append(each)
            kept[each.manual] += changes
    return consumed, kept
