"""One round of a drain, as data: what it sees, what came of it, and what follows. Pure."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import ceil

from purging.changes import Change
from purging.draining.submission import Outcome
from purging.ledger.changesets import ChangeSet
from purging.ledger.records import State
from purging.planning.planner import Plan
from purging.planning.targets import ChangedObject, PurgeTarget
from purging.planning.wildcards import PlannedPurge
from purging.purges import AcceptedPurge

# A window with others behind it may spend so much of the quota.
_SHARE = 0.1

_REASONS: dict[str, str] = {
    "gathering": "An upload is under way: its changes are planned as a whole when it ends.",
    "held": "The quota is short: these changes are held until more changes can share a purge with them.",
    "quota": "This stack has spent what the quota allows for changes this month.",
}


@dataclass(frozen=True, slots=True)
class Window:
    """What a round sees: a part of the pending changes, and what drains remember.

    `objects` are those whose changes are in `sets`. `after` is the id of the change set behind which there
    may be more; empty if there are none. `loaded_at` is in unix seconds.
    """

    state: State
    sets: Sequence[ChangeSet]
    objects: Sequence[ChangedObject]
    after: str
    loaded_at: float

    @property
    def sees_all(self) -> bool:
        """Whether no change is pending outside of the window."""
        return not self.state.cursor and not self.after

    @property
    def pause_seconds(self) -> float:
        """Seconds until calls may be made; 0 if now, or if there is nothing to call for."""
        return max(self.state.paused_until - self.loaded_at, 0.0) if self.objects else 0.0

    def paused(self) -> frozenset[ChangedObject]:
        """The objects that are not tried during a pause.

        A person who asks may know that the quota was raised, and a refused call costs nothing.
        """
        return frozenset(each for each in self.objects if not (each.manual and self.state.exhausted))

    def share(self, quota: int) -> int:
        """How many purges of a month's quota the window may spend on changes.

        Nobody knows how many windows follow: each leaves most of the quota to them. A purge that is too dear
        for this window may well cover changes of the next ones.
        """
        left = max(0, quota - self.state.used)
        return ceil(left * _SHARE) if self.after else left

    def within_share(self, purges: Sequence[PlannedPurge], share: int) -> list[PlannedPurge]:
        """All manual purges, and the first ones of the others up to the window's share."""
        if not self.after:
            return list(purges)
        automatic = [purge for purge in purges if not purge.manual]
        return [purge for purge in purges if purge.manual] + automatic[:share]


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a round: another one (`again`), after a wait in seconds, behind the change set `cursor`
    (None: where the last one began). `passed`: the next round sees other changes."""

    again: bool = False
    wait_seconds: float = 0.0
    cursor: str | None = None
    passed: bool = False


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round: `held` changed objects remain pending, `paused` ones of them were not tried.

    Of the targets that are given up, people were `told` of these. `set_ids` are the ids of the change sets
    that contain the held changes now.
    """

    window: Window
    plan: Plan
    outcome: Outcome
    held: AbstractSet[ChangedObject]
    paused: AbstractSet[ChangedObject]
    told: AbstractSet[PurgeTarget]
    set_ids: AbstractSet[str]

    @property
    def reason(self) -> str:
        """Why changes are held, in a word; empty if none is."""
        if self.outcome.stopped or not self.held:
            return self.outcome.stopped
        if self.paused:
            return "quota" if self.window.state.exhausted else "paused"
        return self.plan.hold or ("failing" if self.window.state.failing or self.outcome.detail else "held")

    @property
    def detail(self) -> str:
        """Why changes are held, for people."""
        if self.outcome.detail or not self.held:
            return self.outcome.detail
        if self.paused:
            return self.window.state.pause_reason
        if self.reason in _REASONS:
            return _REASONS[self.reason]
        return "ImageKit gave no usable answer for their URLs. They are tried again, ever more rarely."

    @property
    def given_up(self) -> dict[str, str]:
        """The URLs that are never purged, each for its reason, as far as people were told."""
        return {
            target.exact: reason for target, reason in self.outcome.given_up.items() if target in self.told
        }

    def next(self, wait_at_most: float) -> Next:
        """Whether another round can do more: for the same changes, or for those behind them. It may wait
        for an upload to end, but no longer than so many seconds."""
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
    """What a drain did. `settled` changed objects are pending no longer. `held` ones are, for `reason`; the
    `detail` of it is for people. `given_up` are URLs that are never purged, each for its reason. `busy`:
    another drain is at work, and takes these changes along."""

    accepted: list[AcceptedPurge] = field(default_factory=list)
    given_up: dict[str, str] = field(default_factory=dict)
    settled: int = 0
    held: int = 0
    reason: str = ""
    detail: str = ""
    busy: bool = False

    def after(self, done: Round, held_before: int) -> "Report":
        """The report with one more round. `held_before` objects are held in the windows before its own."""
        return Report(
            [*self.accepted, *done.outcome.accepted],
            self.given_up | done.given_up,
            self.settled + len(done.window.objects) - len(done.held),
            held_before + len(done.held),
            done.reason,
            done.detail,
        )


def divide(
    sets: Sequence[ChangeSet], held: Callable[[Change], bool]
) -> tuple[list[ChangeSet], dict[bool, list[Change]]]:
    """Return the change sets of which not every change is held, and their held changes by whether they are
    manual."""
    consumed: list[ChangeSet] = []
    kept: dict[bool, list[Change]] = defaultdict(list)
    for each in sets:
        changes = [change for change in each.changes if held(change)]
        if len(changes) < len(each.changes):
            consumed.append(each)
            kept[each.manual] += changes
    return consumed, kept
