"""The ledger in memory: what drains ask of `purging.ledger.Ledger`, with the same methods and meaning."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from purging.changes import Change
from purging.ledger.changesets import ChangeSet, pack, unpack
from purging.ledger.records import State
from purging.purges import AcceptedPurge, FailingUrl


class MemoryLedger:
    """Nothing here fails or is called by two at once, so that no condition of a write is needed."""

    def __init__(self) -> None:
        self._pending: dict[str, ChangeSet] = {}
        self._submitted: list[AcceptedPurge] = []
        self._used: Counter[str] = Counter()
        self._lease = ("", 0.0)
        self._state = State()

    # --- pending changes ---

    def add(self, changes: Sequence[Change], *, manual: bool = False) -> None:
        """Keep changes until they are committed as consumed."""
        for set_id, blob in pack(changes, manual=manual):
            self._pending[set_id] = unpack(set_id, blob, manual=manual)

    def pending(self) -> list[ChangeSet]:
        """All change sets, oldest first."""
        return [self._pending[set_id] for set_id in sorted(self._pending)]

    def pending_ids(self) -> set[str]:
        """The ids of all change sets."""
        return set(self._pending)

    def window(self, after: str = "", urls: int = 1) -> tuple[list[ChangeSet], str]:  # noqa: ARG002 - it has all
        """All change sets, and that there are no more."""
        return self.pending(), ""

    def accept(self, purges: Sequence[AcceptedPurge], *, before: Sequence[AcceptedPurge] = ()) -> None:  # noqa: ARG002 - nobody follows them here
        """Keep a batch of accepted purges."""
        self._submitted += purges

    def settle(
        self, consumed: Sequence[ChangeSet], held: Mapping[bool, Sequence[Change]] | None = None
    ) -> set[str]:
        """Consumed change sets out, what is held of them in; the ids of these."""
        for old in consumed:
            self._pending.pop(old.id, None)
        before = set(self._pending)
        for manual, changes in (held or {}).items():
            self.add(changes, manual=manual)
        return set(self._pending) - before

    # --- submitted purges: time passes, so they come in order ---

    def accepted_since(self, time: float) -> list[AcceptedPurge]:
        """Accepted purges submitted at or after a time, oldest first."""
        return self._submitted[bisect_left(self._submitted, time, key=lambda purge: purge.submitted_at) :]

    # --- the lease ---

    def acquire(self, owner: str, now: float, seconds: float) -> bool:
        """Take the lease for some seconds, unless another holds it."""
        if self._lease[1] >= now:
            return False
        self._lease = (owner, now + seconds)
        return True

    def release(self, owner: str) -> None:
        """Give the lease back, if it is still this owner's."""
        if self._lease[0] == owner:
            self._lease = ("", 0.0)

    # --- the quota ---

    def reserve(self, month: str, wanted: int, limit: int) -> int:
        """Count up to `wanted` purges to a month, never above `limit` in all; how many were counted."""
        units = max(0, min(wanted, limit - self._used[month]))
        self._used[month] += units
        return units

    def give_back(self, month: str, count: int) -> None:
        """Uncount purges that were reserved and surely not used."""
        self._used[month] -= count

    # --- what drains remember ---

    def state(self, month: str) -> State:
        """Everything that drains remember."""
        return replace(self._state, used=self._used[month])

    def pause(self, until: float, *, failures: int = 0, exhausted: bool = False, reason: str = "") -> None:
        """No calls before `until`."""
        self._state = replace(
            self._state, paused_until=until, failures=failures, exhausted=exhausted, pause_reason=reason
        )

    def resume(self, now: float) -> None:
        """Calls succeed again, after failures."""
        self._state = replace(self._state, paused_until=0.0, failures=0, exhausted=False, recovered_at=now)

    def remember_refused(self, wildcard: str, now: float) -> None:  # noqa: ARG002 - nothing expires here
        """ImageKit refused this wildcard."""
        self._state = replace(self._state, refused=self._state.refused | {wildcard})

    def remember_failing(self, url: str, failing: FailingUrl) -> None:
        """A purge of this URL got no usable answer."""
        self._state = replace(self._state, failing={**self._state.failing, url: failing})

    def forget_failing(self, url: str) -> None:
        """A purge of this URL was answered."""
        rest = {other: failing for other, failing in self._state.failing.items() if other != url}
        self._state = replace(self._state, failing=rest)

    def forget_untracked(self, purges: Sequence[AcceptedPurge]) -> None:
        """Tracking never fails here."""
