"""When to ask for the first time whether a purge is Completed. Pure.

Most purges take minutes, and each check costs. So the first check comes when recent purges let expect a
completion. Later waits are short again, and grow: `statemachine/track_purges.asl.json` has them.
`python -m benchmarks.latency --polling` compares this rule with others.
"""

import math
from collections.abc import Iterable, Sequence

from purging.purges import AcceptedPurge

SHORTEST, LONGEST = 5, 300
"""The bounds of the first wait, in seconds. The shortest one is also the wait if nothing is known."""

ENOUGH = 20
"""So many purges are needed to learn from. The next purge is faster than all of them in one of 21 cases."""

_EARLY = 0.9
"""The first check comes at this part of the shortest time. A purge seen Completed at its first check may have
been completed for long: then the next purges are checked earlier and earlier, until one is still Pending."""


def usual_seconds(recent: Iterable[AcceptedPurge], enough: int = ENOUGH) -> float:
    """Return the seconds before which hardly any purge is Completed; 0 if fewer than `enough` recent purges
    were seen Completed.

    It is nine tenths of the shortest time. A purge that was seen Completed late does not change it.
    """
    seconds = [each.completed_at - each.submitted_at for each in recent if each.completed_at is not None]
    return _EARLY * min(seconds) if len(seconds) >= enough else 0.0


def first_wait(batch: Sequence[AcceptedPurge], usual: float, now: float) -> int:
    """Return the seconds to wait before the first check of a batch at a time (unix seconds): until its oldest
    purge is `usual` seconds old, between SHORTEST and LONGEST."""
    waited = now - min(each.submitted_at for each in batch)
    return math.ceil(min(max(usual - waited, SHORTEST), LONGEST))
