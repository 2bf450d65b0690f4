"""The state that drains share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from purging.purges import NO_NEED, AcceptedPurge, FailingUrl, Need

OVERTAKING = 2
"""So many purges for changes elsewhere are made while others are held. More would be no exception: if single
changes come all the time, they would use up what holding saves."""


@dataclass(frozen=True, slots=True)
class Hold:
    """All pending changes are held `until` a time (unix seconds): no drain has to plan them before. It holds
    as long as `first` is the id of the first change set, and the month's quota for changes is `quota`. The
    drain that held them counted so many changed objects (`count`), and the latest of their changes happened
    at `latest`: later ones have come since. So many purges were made for changes that have `overtaken` the
    held ones."""

    until: float
    first: str
    count: int
    quota: int
    latest: float = 0.0
    overtaken: int = 0

    @property
    def closed(self) -> bool:
        """Whether whatever comes waits with the held changes."""
        return self.overtaken >= OVERTAKING

    def stands(self, first: str, quota: int, now: float) -> bool:
        """Whether it still holds at a time, with this first change set and this quota."""
        return (first, quota) == (self.first, self.quota) and now < self.until


@dataclass(frozen=True, slots=True)
class State:
    """What one drain leaves for the next. All times are unix seconds, UTC."""

    used: int = 0
    """Purges that the month has used."""
    need: Need = NO_NEED
    """What the month's rounds needed, each by itself."""
    need_by_day: Mapping[int, float] = field(default_factory=dict)
    """What the large ones of them needed at least, by the day of the month."""
    need_before: Need | None = None
    """The same of the month before; None if the ledger does not know it."""
    paused_until: float = 0.0
    """ImageKit is not called before this time."""
    failures: int = 0
    """Calls that failed in a row."""
    exhausted: bool = False
    """Whether ImageKit's last answer was that the quota is used up."""
    pause_reason: str = ""
    """Why there is a pause, for people."""
    recovered_at: float = 0.0
    """When calls last succeeded again after failures."""
    refused: frozenset[str] = frozenset()
    """The wildcards that ImageKit refused."""
    failing: Mapping[str, FailingUrl] = field(default_factory=dict)
    """The URLs whose purge fails, by URL."""
    untracked: tuple[tuple[AcceptedPurge, ...], ...] = ()
    """Accepted purges that TrackPurges does not follow yet, in the batches in which they were accepted."""
    hold: Hold | None = None
    """Why no drain has to plan yet."""
    cursor: str = ""
    """The id of the change set after which the next drain continues; empty if it starts with the oldest."""
