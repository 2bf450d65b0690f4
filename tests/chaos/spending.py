"""What purges cost: (b) the quota holds and nothing is counted that cannot have been used; (h) no purge is
bought twice for the same change without a reason named."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.books import REASONS, Purge
from tests.chaos.coverage import Purged, covers
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.world import World

TURN_SECONDS = 6.0
"""Around the turn of a month nobody knows which month a purge counts to: clocks are off by 5 seconds."""

SURE_SECONDS = 23.0
"""A purge so long after a change covers it by anybody's clock: S3's and the function's may be 5 seconds off
each, EventBridge cuts off a second, and the function allows for as much once more."""

# What is reserved at once, and stays counted if the function is cut off.
_RESERVED = 25
# What the parts of an object's variants have behind its URL, purged apart from it.
_PARTS = ("?*", "/ik-*")


class _Unit(NamedTuple):
    """What may be bought once: for a change at a time, of one of its URLs, exactly, by a wildcard over it, or
    one of the parts."""

    time: float
    number: int
    target: str
    form: str


class Spending:
    """Judges while purges are accepted, and in the end."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._by_month: Counter[str] = Counter()
        self._automatic: Counter[str] = Counter()

    def count(self, now: float, url: str) -> None:
        """(b), at every purge: what is accepted was counted before, and never above the limit.

        Only purges by hand may use what is reserved for them.
        """
        books, setup = self._world.books, self._world.schedule.setup
        moment = datetime.fromtimestamp(now, UTC)
        month = f"{moment:%Y-%m}"
        near = {f"{moment + timedelta(seconds=off):%Y-%m}" for off in (-TURN_SECONDS, TURN_SECONDS)}
        if len(near) > 1:
            return
        self._by_month[month] += 1
        self._automatic[month] += not any(covers(url, wanted) for _, wanted in books.wanted)
        item = self._world.aws.item("state", f"quota#{month}")
        used = int(item["used"]["N"]) if item else 0
        if self._by_month[month] > used:
            books.breaks("b", f"{self._by_month[month]} purges of {month} accepted, {used} counted")
        if used > setup.quota:
            books.breaks("b", f"{used} of {setup.quota} purges of {month} counted")
        limit = setup.quota - setup.quota * setup.reserve_percent // 100
        if self._automatic[month] > limit:
            books.breaks("b", f"{self._automatic[month]} of {limit} purges of {month} were made for changes")

    def close(self) -> None:
        """All that must hold in the end."""
        books = self._world.books
        counted = sum(books.by_month.values())
        most = len(books.accepted) + books.perhaps + _RESERVED * books.cut_off
        if counted > most:
            books.breaks("b", f"{counted} purges counted, and no more than {most} can have been used")
        self._nothing_is_bought_twice()

    def _nothing_is_bought_twice(self) -> None:
        """(h): to each purge of which the functions can know belongs a change that it may be for: one that no
        earlier purge surely covers, and that no other purge belongs to."""
        books = self._world.books
        known = [purge for purge in books.accepted if books.reasons.get(purge.request_id) not in REASONS]
        open_units = _Open(self._world, Purged(known))
        buyers: dict[_Unit, Purge] = {}

        def assign(purge: Purge, tried: set[_Unit]) -> bool:
            for unit in open_units.of(purge):
                if unit not in tried:
                    tried.add(unit)
                    if unit not in buyers or assign(buyers[unit], tried):
                        buyers[unit] = purge
                        return True
            return False

        for purge in known:
            if not assign(purge, set()):
                books.breaks(
                    "h", f"{purge.url}, purged at {purge.time:.3f}, was bought for nothing new: every change "
                    "was purged before"
                )  # fmt: skip


class _Open:
    """Which units are left to buy when a purge is accepted."""

    def __init__(self, world: "World", purged: Purged) -> None:
        setup, books = world.schedule.setup, world.books
        self._purged = purged
        self._times: dict[str, list[tuple[float, int]]] = defaultdict(list)
        events = [(time, target) for time, key in books.changes for target in targets(setup, key)]
        for number, (time, target) in enumerate(sorted(events + books.allowed)):
            self._times[target].append((time, number))
        self._sorted = sorted(self._times)

    def of(self, purge: Purge) -> Iterator[_Unit]:
        """The oldest ones first, for each URL."""
        for target, form in self._targets(purge.url):
            wanted = {"exact": target, "wildcard": f"{target.removesuffix('*')}*"}.get(form, purge.url)
            for time, number in self._times[target]:
                if time <= purge.time and self._purged.first(time + SURE_SECONDS, wanted) >= purge.time:
                    yield _Unit(time, number, target, form)

    def _targets(self, url: str) -> Iterator[tuple[str, str]]:
        if url in self._times:
            yield url, "exact"
        if not url.endswith("*"):
            return
        for part in _PARTS:
            if (target := url.removesuffix(part)) != url and target in self._times:
                yield target, part
        at = bisect_left(self._sorted, url[:-1])
        while at < len(self._sorted) and self._sorted[at].startswith(url[:-1]):
            if self._sorted[at] != url:
                yield self._sorted[at], "wildcard"
            at += 1
