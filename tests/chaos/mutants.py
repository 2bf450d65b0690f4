"""One line broken at a time, to show that the simulation can fail: each breaks what one invariant says.

Where a line cannot be reached alone, the smallest function around it is replaced by a copy without it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import submit_purge
from purging import needs
from purging.changes import split
from purging.drain import Drain
from purging.ledger import Ledger
from purging.secret import PrivateKey
from purging.settings import Settings
from purging.submission import Submission
from purging.telemetry import logger

Patch = pytest.MonkeyPatch
MUTANTS: dict[str, Callable[[Patch], None]] = {}


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """The functions with one line broken; as they are, without a name."""
    with pytest.MonkeyPatch.context() as patch:
        if name:
            MUTANTS[name](patch)
        yield


def _mutant(break_it: Callable[[Patch], None]) -> None:
    MUTANTS[break_it.__name__.replace("_", "-")] = break_it


@_mutant
def acknowledge_before_the_write(patch: Patch) -> None:
    """(a) A batch is answered as done although its changes could not be kept."""
    keep = submit_purge._keep

    def swallowing(*args: Any) -> None:
        try:
            keep(*args)
        except Exception:  # noqa: BLE001
            logger.exception("not kept")

    patch.setattr(submit_purge, "_keep", swallowing)


@_mutant
def clocks_are_right(patch: Patch) -> None:
    """(a) No margin for clocks that are off."""
    patch.setattr(needs, "SKEW_SECONDS", 0.0)


@_mutant
def compare_times_the_wrong_way(patch: Patch) -> None:
    """(a) A purge submitted before a change is taken to cover it."""
    patch.setattr(needs, "SKEW_SECONDS", -60.0)


@_mutant
def take_out_what_failed(patch: Patch) -> None:
    """(a) Change sets are deleted whatever became of their purges."""
    settle = Drain._settle
    patch.setattr(Drain, "_settle", lambda self, sets, _held: settle(self, sets, set()))


@_mutant
def forget_what_is_asked(patch: Patch) -> None:
    """(a) A purge by hand is answered, and not kept."""
    add = Ledger.add

    def wrong(self: Ledger, some: Any, *, manual: bool = False) -> None:
        if not manual:
            add(self, some)

    patch.setattr(Ledger, "add", wrong)


@_mutant
def spend_the_reserve(patch: Patch) -> None:
    """(b) Changes may use what is reserved for purges by hand."""
    patch.setattr(Settings, "automatic_quota", property(lambda self: self.monthly_quota))


@_mutant
def count_after_the_call(patch: Patch) -> None:
    """(b) The quota is not reserved; what was used is counted once the batch is done."""
    reserve = Ledger.reserve
    patch.setattr(Ledger, "reserve", lambda _self, _month, wanted, _limit: wanted)

    def give_back(self: Ledger, month: str, count: int) -> None:
        reserve(self, month, 25 - count, 10**9)

    patch.setattr(Ledger, "give_back", give_back)


@_mutant
def ignore_the_limit(patch: Patch) -> None:
    """(b) The own count does not stop anything."""
    reserve = Ledger.reserve
    patch.setattr(Ledger, "reserve", lambda self, month, wanted, _limit: reserve(self, month, wanted, 10**9))


@_mutant
def give_back_what_may_have_counted(patch: Patch) -> None:
    """(b) A purge without a usable answer is taken for one that was not accepted."""
    failed = Submission._failed

    def wrong(self: Any, purge: Any, failure: Any) -> None:
        self._used -= failure.may_have_counted
        failed(self, purge, failure)

    patch.setattr(Submission, "_failed", wrong)


@_mutant
def keep_the_lease(patch: Patch) -> None:
    """(c) The lease is never given back."""
    patch.setattr(Ledger, "release", lambda _self, _owner: None)


@_mutant
def forget_to_track(patch: Patch) -> None:
    """(d) What TrackPurges could not be told of is not remembered."""
    forget, follow = Ledger.forget_untracked, Drain._follow

    def wrong(self: Any, batches: Any, remaining: Any) -> None:
        follow(self, batches, remaining)
        for batch in batches:
            forget(self._ledger, batch)

    patch.setattr(Drain, "_follow", wrong)


@_mutant
def never_track(patch: Patch) -> None:
    """(d) Accepted purges are kept, and nobody follows them."""
    patch.setattr(Drain, "_follow", lambda _self, _batches, _remaining: None)


@_mutant
def swallow_malformed(patch: Patch) -> None:
    """(e) What is no change is deleted like the rest."""
    patch.setattr(submit_purge.changes, "split", lambda event: (split(event)[0], []))


@_mutant
def acknowledge_nothing(patch: Patch) -> None:
    """(e) Every message is reported as failed, whatever it holds."""
    take = submit_purge._take_batch

    def wrong(app: Any, records: Any, context: Any) -> Any:
        take(app, records, context)
        return [{"itemIdentifier": record["messageId"]} for record in records]

    patch.setattr(submit_purge, "_take_batch", wrong)


@_mutant
def log_the_key(patch: Patch) -> None:
    """(f) The private key is logged when it is read."""
    read_again = PrivateKey.read_again

    def wrong(self: PrivateKey) -> str:
        key = read_again(self)
        logger.info("key read", key=key)
        return key

    patch.setattr(PrivateKey, "read_again", wrong)


BREAKS = {name: str(break_it.__doc__)[:3] for name, break_it in MUTANTS.items()}
"""Which invariant each of them breaks."""
