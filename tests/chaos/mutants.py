"""Mutants of the functions, which show that the checkers can fail. Each breaks one line and one invariant.

If a line cannot be patched alone, a copy without the line replaces the smallest function around it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import pytest

from purging import clocks, intake
from purging.aws.alerts import Alerts
from purging.aws.change_queue import ChangeQueue
from purging.changes import split
from purging.dependents import Dependents
from purging.draining.drain import Drain
from purging.draining.recorder import Recorder
from purging.draining.submission import _Submission
from purging.events import manual, sources
from purging.imagekit.private_key import PrivateKey
from purging.imagekit.rate_limit_headers import RateLimit
from purging.intake import Intake
from purging.ledger.lease import Lease
from purging.ledger.quota import Quota
from purging.ledger.store import Ledger
from purging.planning import coverage, new_objects
from purging.purges import AcceptedPurge
from purging.settings import Settings
from purging.telemetry import logger
from purging.urls import UrlMap

Patch = pytest.MonkeyPatch
MUTANTS: dict[str, Callable[[Patch], None]] = {}


@contextmanager
def mutated(name: str | None) -> Iterator[None]:
    """Breaks one line of the functions; without a name, none."""
    with pytest.MonkeyPatch.context() as patch:
        if name:
            MUTANTS[name](patch)
        yield


def _mutant(break_it: Callable[[Patch], None]) -> None:
    MUTANTS[break_it.__name__.replace("_", "-")] = break_it


def _skew(patch: Patch, seconds: float) -> None:
    for module in (clocks, coverage):
        patch.setattr(module, "SKEW_SECONDS", seconds)


@_mutant
def acknowledge_before_the_write(patch: Patch) -> None:
    """(a) A batch is acknowledged although its changes could not be recorded."""
    keep = Intake._keep

    def swallowing(*args: Any) -> None:
        try:
            keep(*args)
        except Exception:  # noqa: BLE001
            logger.exception("not kept")

    patch.setattr(Intake, "_keep", swallowing)


@_mutant
def clocks_are_right(patch: Patch) -> None:
    """(a) There is no margin for clocks that are off."""
    _skew(patch, 0.0)


@_mutant
def compare_times_the_wrong_way(patch: Patch) -> None:
    """(a) A purge submitted before a change counts as covering it."""
    _skew(patch, -60.0)


@_mutant
def take_out_what_failed(patch: Patch) -> None:
    """(a) Change sets are deleted even if their purges failed."""
    commit = Drain._commit
    patch.setattr(Drain, "_commit", lambda self, window, _held: commit(self, window, frozenset()))


@_mutant
def forget_what_is_asked(patch: Patch) -> None:
    """(a) A manual request is answered, but not recorded."""
    add = Ledger.add

    def wrong(self: Ledger, some: Any, *, manual: bool = False) -> None:
        if not manual:
            add(self, some)

    patch.setattr(Ledger, "add", wrong)


@_mutant
def take_for_new_what_waited(patch: Patch) -> None:
    """(a) An object with a single version counts as new, however long its change was pending."""
    patch.setattr(new_objects, "NEW_SECONDS", inf)


@_mutant
def spend_the_reserve(patch: Patch) -> None:
    """(b) Changes may use the reserve for manual purges."""
    patch.setattr(Settings, "automatic_quota", property(lambda self: self.monthly_quota))


@_mutant
def count_after_the_call(patch: Patch) -> None:
    """(b) The quota is not reserved. The used purges are counted after the batch."""
    reserve = Quota.reserve
    patch.setattr(Quota, "reserve", lambda _self, _month, wanted, _limit, **_needed: wanted)

    def give_back(self: Quota, month: str, count: int) -> None:
        reserve(self, month, 25 - count, 10**9)

    patch.setattr(Quota, "give_back", give_back)


@_mutant
def ignore_the_limit(patch: Patch) -> None:
    """(b) The ledger's count does not limit purges."""
    reserve = Quota.reserve
    patch.setattr(
        Quota,
        "reserve",
        lambda self, month, wanted, _limit, **needed: reserve(self, month, wanted, 10**9, **needed),
    )


@_mutant
def give_back_what_may_have_counted(patch: Patch) -> None:
    """(b) A purge without a usable answer counts as not accepted."""
    failed = _Submission._failed

    def wrong(self: Any, purge: Any, failure: Any) -> None:
        self._used -= failure.may_have_counted
        failed(self, purge, failure)

    patch.setattr(_Submission, "_failed", wrong)


@_mutant
def keep_the_lease(patch: Patch) -> None:
    """(c) The lease is never released."""
    patch.setattr(Lease, "release", lambda _self, _owner: None)
    patch.setattr(Lease, "finish", lambda _self, _owner: True)


@_mutant
def forget_to_track(patch: Patch) -> None:
    """(d) Purges that could not be given to TrackPurges are forgotten."""
    forget, track = Ledger.forget_untracked, Recorder.track

    def wrong(self: Any, batches: Any, *arguments: Any, **options: Any) -> None:
        track(self, batches, *arguments, **options)
        for batch in batches:
            forget(self._ledger, batch)

    patch.setattr(Recorder, "track", wrong)


@_mutant
def never_track(patch: Patch) -> None:
    """(d) Accepted purges are recorded, but not tracked."""
    patch.setattr(Recorder, "track", lambda *_arguments, **_options: None)


@_mutant
def swallow_malformed(patch: Patch) -> None:
    """(e) Malformed messages are deleted like all others."""
    patch.setattr(intake, "split", lambda event: (split(event)[0], []))


@_mutant
def acknowledge_nothing(patch: Patch) -> None:
    """(e) Every message stays in the queue and is reported as failed."""
    patch.setattr(ChangeQueue, "acknowledge", lambda _self, _messages: None)
    take = Intake.take_batch

    def wrong(app: Any, records: Any, context: Any) -> Any:
        take(app, records, context)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}

    patch.setattr(Intake, "take_batch", wrong)


@_mutant
def log_the_key(patch: Patch) -> None:
    """(f) The private key is logged when it is read."""
    read_again = PrivateKey.read_again

    def wrong(self: PrivateKey) -> str:
        key = read_again(self)
        logger.info("key read", key=key)
        return key

    patch.setattr(PrivateKey, "read_again", wrong)


@_mutant
def forget_seo_urls(patch: Patch) -> None:
    """(a) SEO-friendly URLs are no purge targets."""
    roots_of = UrlMap.roots_of
    patch.setattr(
        UrlMap, "roots_of", lambda self, change: (root for root in roots_of(self, change) if not root.seo)
    )


@_mutant
def forget_dependents(patch: Patch) -> None:
    """(a) No URL depends on an object."""
    patch.setattr(Dependents, "of", lambda _self, _key: [])


@_mutant
def tell_nobody(patch: Patch) -> None:
    """(g) Alerts are recorded as sent, but not sent."""
    patch.setattr(Alerts, "send", lambda *_args, **_options: True)


@_mutant
def answer_by_hand_late(patch: Patch) -> None:
    """(g) A manual purge may take until the function's time-out."""
    patch.setattr(manual, "ANSWER_SECONDS", inf)


@_mutant
def take_a_pause_for_the_month(patch: Patch) -> None:
    """(g) A 429 with a reset of 0 counts as an exhausted quota."""
    patch.setattr(RateLimit, "is_monthly", lambda _self, _message: True)


@_mutant
def forget_what_was_bought(patch: Patch) -> None:
    """(h) Accepted purges are not read from the ledger: a redelivered change is purged again."""
    patch.setattr(Ledger, "accepted_since", lambda _self, _time: [])


@_mutant
def buy_what_is_delivered_again(patch: Patch) -> None:
    """(h) A purge covers a change only by its time, not because it was made for the change."""
    patch.setattr(AcceptedPurge, "made_for", lambda _self, _identity: False)


@_mutant
def pay_for_old_versions(patch: Patch) -> None:
    """(h) An overwritten version that expires counts as a change of the object."""
    patch.setattr(sources, "_names_a_version", lambda _change: False)


@_mutant
def purge_at_each_request(patch: Patch) -> None:
    """(h) A repeated manual request counts as a new one."""
    patch.setattr(Ledger, "first_asked", lambda _self, _request, _owner, now, _seconds: (now, False))


@_mutant
def believe_in_more_time(patch: Patch) -> None:
    """(i) A drain believes that the function has a minute more."""
    drain = Drain.run

    def run(self: Drain, owner: str, remaining: Callable[[], float], **options: Any) -> Any:
        return drain(self, owner, lambda: remaining() + 60.0, **options)

    patch.setattr(Drain, "run", run)


BREAKS = {name: str(break_it.__doc__)[:3] for name, break_it in MUTANTS.items()}
"""The letter of the invariant that each mutant violates."""
