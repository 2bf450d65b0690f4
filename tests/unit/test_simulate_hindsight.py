"""Hindsight: the fewest evictions there are, and so a lower bound for every policy."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from benchmarks.simulate import hindsight, ours
from benchmarks.simulate.hindsight import Hindsight
from benchmarks.simulate.history import Change, History
from benchmarks.simulate.score import Score
from purging.planning.budget import Choice
from purging.urls import encode, wildcard_allowed

MAY = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()
JUNE = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
HOLD = 900
KEYS = tuple(f"m/{folder}/{name}" for folder in ("aa", "ab", "b") for name in ("1", "12", "2", "3"))
Puts = Sequence[tuple[float, str]]


def history_of(puts: Puts, keys: Sequence[str] = KEYS, *, deleted: Sequence[str] = ()) -> History:
    """Puts at some times; the `deleted` keys are deleted with them."""
    changes = tuple(
        Change(at, number, key, key not in deleted, number, single=True)
        for number, (at, key) in enumerate(sorted(puts))
    )
    return History("made-up", tuple(sorted(keys)), changes)


def best(history: History, quota: int, *, versioned: bool = False) -> dict[str, Hindsight]:
    return hindsight.by_month(history, versioned=versioned, hold=HOLD, quota=quota)


def trickle(seed: int, start: float) -> History:
    """A few changes over hours, some of them within a quarter of an hour; some keys are new, some deleted."""
    chance = random.Random(seed)
    keys = chance.sample(KEYS, chance.randint(6, len(KEYS)))
    at, changes = start, []
    for number in range(chance.randint(2, 10)):
        at += chance.choice((0, 100, 400, 900, 1000, 5000))
        changes.append(Change(at, number, chance.choice(KEYS), chance.random() < 0.8, number, single=True))
    return History("made-up", tuple(sorted(keys)), tuple(changes))


def allowed_prefixes(key: str) -> list[str]:
    every = (key[:length] for length in range(len(key) + 1))
    return [prefix for prefix in every if wildcard_allowed(f"/{encode(prefix)}")]


def covers(changed: frozenset[str], neighbours: frozenset[str]) -> Iterator[tuple[int, int]]:
    """(purges, evictions) of every cover."""
    if not changed:
        yield 0, 0
        return
    key = min(changed)
    for purges, evictions in covers(changed - {key}, neighbours):
        yield purges + 1, evictions
    for prefix in allowed_prefixes(key):
        cost = sum(each.startswith(prefix) for each in neighbours)
        left = frozenset(each for each in changed if not each.startswith(prefix))
        for purges, evictions in covers(left, neighbours):
            yield purges + 1, evictions + cost


def brute_force(history: History, quota: int, *, versioned: bool) -> int | None:
    """The fewest evictions of a history within one month, by trying every cover of every cluster."""
    exists, clusters, last = set(history.keys), list[tuple[set[str], set[str]]](), -1e9
    for change in history.changes:
        if not versioned or not change.put or change.key in exists:
            if change.at - last > HOLD:
                clusters.append((set(), set(exists)))
            clusters[-1][0].add(change.key)
            last = change.at
        (exists.add if change.put else exists.discard)(change.key)
    fewest = {0: 0}
    for changed, existed in clusters:
        joined: dict[int, int] = {}
        for purges, evictions in set(covers(frozenset(changed), frozenset(existed - changed))):
            for before, cost in fewest.items():
                total = purges + before
                joined[total] = min(evictions + cost, joined.get(total, evictions + cost))
        fewest = joined
    return min((evictions for purges, evictions in fewest.items() if purges <= quota), default=None)


@pytest.mark.parametrize("versioned", [True, False])
def test_it_is_what_trying_every_cover_finds(versioned: bool) -> None:
    """Also where the quota is too small for any cover."""
    found = set()
    for seed in range(150):
        history = trickle(seed, MAY)
        for quota in (1, 2, 3, 5):
            months = best(history, quota, versioned=versioned)
            evictions = months.get("2030-05", Hindsight(0, 0)).evictions
            assert evictions == brute_force(history, quota, versioned=versioned), (seed, quota)
            found.add(evictions)
    assert {None, 0, 1, 2, 3} <= found, "all sorts of histories were tried"


def test_changes_within_the_hold_share_purges_and_others_do_not() -> None:
    """Two keys of a folder of four: with one purge they cost the two others. Apart, they need two purges."""
    for gap, expected in ((HOLD, Hindsight(1, 2)), (HOLD + 1, Hindsight(2, None))):
        history = history_of([(MAY, "m/b/1"), (MAY + gap, "m/b/3")])
        assert best(history, 1) == {"2030-05": expected}


def test_what_is_put_first_or_deleted_in_a_cluster_is_no_neighbour() -> None:
    """The purge may come before the one, and the other one needs it."""
    puts = [(MAY, "m/b/1"), (MAY + 1, "m/b/new"), (MAY + 2, "m/b/12"), (MAY + 3, "m/b/2")]
    history = history_of(puts, deleted=("m/b/12",))
    assert best(history, 1, versioned=True) == {"2030-05": Hindsight(1, 1)}


def test_a_change_that_the_next_month_may_purge_costs_no_month_anything() -> None:
    """The last quarter of an hour of May: a purge in June is soon enough."""
    changes = [(JUNE - HOLD, "m/b/1"), (JUNE - 1, "m/b/3"), (JUNE + 1, "m/aa/1")]
    assert best(history_of(changes), 1) == {"2030-06": Hindsight(1, 0)}
    earlier = [(JUNE - HOLD - 2, "m/b/2"), (JUNE - HOLD - 1, "m/b/12"), *changes]
    assert best(history_of(earlier), 1) == {"2030-05": Hindsight(1, 0), "2030-06": Hindsight(1, 0)}


def random_policy(history: History, seed: int, *, versioned: bool) -> Score:
    """Purges at times and with wildcards that chance decides, but each change within the hold."""
    chance = random.Random(seed)
    patience, breadth = chance.choice((0.0, 0.02, 0.3)), chance.random()
    score, pending = Score(history, versioned), dict[str, float]()
    changes = list(history.changes)
    now = changes[0].at
    while changes or pending:
        while changes and changes[0].at <= now:
            change = changes.pop(0)
            if score.changed(change):
                pending.setdefault(change.key, change.at)
        while pending and (chance.random() < patience or min(pending.values()) + HOLD <= now):
            key = min(pending, key=lambda each: pending[each])
            wildcard = chance.random() < breadth
            prefix = chance.choice(allowed_prefixes(key)) if wildcard else key
            score.purged(now, prefix, wildcard=wildcard)
            pending = {
                each: since
                for each, since in pending.items()
                if not (each.startswith(prefix) if wildcard else each == prefix)
            }
        now += 100
    score.finish()
    return score


@pytest.mark.parametrize("versioned", [True, False])
def test_no_policy_beats_it(versioned: bool) -> None:
    """Chance plays thousands of policies, some over a month's end; none evicts less with as few purges."""
    tight = 0
    for seed in range(1500):
        history = trickle(seed % 100, (MAY, JUNE - 1500)[seed % 2])
        row = random_policy(history, seed, versioned=versioned).row()
        assert (row["delay_max"] or 0) <= HOLD
        for month in row["per_month"]:
            known = best(history, month["purges"], versioned=versioned).get(month["month"], Hindsight(0, 0))
            assert known.evictions is not None, (seed, month)
            assert known.evictions <= month["evictions"], (seed, month)
            tight += 0 < known.evictions == month["evictions"]
    assert tight > 10, "chance finds the best cover now and then"


def uploads(seed: int) -> History:
    """Two months of uploads into some folders, hours or days apart, and over the month's end."""
    chance = random.Random(seed)
    keys = [f"media/{folder}/{number:02}.jpg" for folder in "abcdefgh" for number in range(20)]
    at, changes = MAY, list[Change]()
    for deploy in range(8):
        at += chance.choice((3_600, 86_400, 4 * 86_400))
        some = chance.sample(keys, chance.choice((1, 1, 40)))
        for number, key in enumerate(some, len(changes)):
            changes.append(Change(at + number / 50, number, key, True, deploy, single=len(some) == 1))
    return History("made-up", tuple(keys), tuple(changes))


@pytest.mark.parametrize("versioned", [True, False])
def test_ours_does_not_beat_it(versioned: bool) -> None:
    """In months that purge all their changes in time, with whatever quota."""
    compared = 0
    for seed in range(40):
        history, quota = uploads(seed), (40, 60, 80)[seed % 3]
        row = ours.run(history, versioned=versioned, quota=quota).row()
        months = best(history, ours.settings_of(quota).automatic_quota, versioned=versioned)
        for before, month in pairwise([{"stale": 0}, *row["per_month"]]):
            known = months.get(month["month"], Hindsight(0, 0))
            if month["stale"] == before["stale"] == 0 and row["delay_max"] <= HOLD:
                assert known.evictions is not None
                assert known.evictions <= month["evictions"]
                compared += known.evictions > 0
    assert compared > 3, "some months are short of purges"


@pytest.mark.parametrize(("bound", "expected"), [(4.2, 5), (4.0 + 1e-9, 4)])
def test_an_inexact_search_counts_by_its_bound(
    monkeypatch: pytest.MonkeyPatch, bound: float, expected: int
) -> None:
    """Its cover may not be the best one. A bound is a float, and is rounded up unless it is whole."""
    inexact = Choice((), 1, 9, bound, 1.0)
    monkeypatch.setattr(hindsight, "fewest_evictions", lambda *_: inexact)
    history = history_of([(MAY, "m/b/1"), (MAY + 1, "m/b/3")])
    assert best(history, 1) == {"2030-05": Hindsight(1, expected)}
