"""What drains remember from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from purging.purges import AcceptedPurge, FailingUrl


@dataclass(frozen=True, slots=True)
class State:
    """What drains remember from one to the next, as of one month. `exhausted`: ImageKit said so last;
    `pause_reason` says more. Calls last succeeded again, after failures, at `recovered_at`. `untracked`
    purges come in the batches in which they were accepted."""

    used: int = 0
    paused_until: float = 0.0
    failures: int = 0
    exhausted: bool = False
    pause_reason: str = ""
    recovered_at: float = 0.0
    refused: frozenset[str] = frozenset()
    failing: Mapping[str, FailingUrl] = field(default_factory=dict)
    untracked: tuple[tuple[AcceptedPurge, ...], ...] = ()
    cursor: str = ""
