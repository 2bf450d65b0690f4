"""The cover for a budget against all covers, and its bound where the search stops early."""

import random
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.planning import programming
from purging.planning.budget import Choice, fewest_evictions
from purging.planning.frontier import Frontier
from tests.unit.test_cover import Instance, instances

# Changed keys, and how often each of their purges is made.
Parts = Sequence[tuple[Instance, int]]
Totals = dict[int, int]
"""The fewest evictions of all covers that take a number of purges."""

Weight = Callable[[str], int]

PARTS = st.lists(st.tuples(instances(keys=8), st.integers(1, 3)), min_size=1, max_size=3)


def equal(_: str) -> int:
    """Each eviction costs the same."""
    return 1


def uneven(key: str) -> int:
    """An eviction costs from 1 to 7, as the key says."""
    return 1 + sum(map(ord, key)) % 7


def joined(one: Totals, other: Totals) -> Totals:
    """Each cover of one kind with each of the other kind."""
    both: Totals = {}
    for purges, evicted in one.items():
        for more, further in other.items():
            both[purges + more] = min(evicted + further, both.get(purges + more, evicted + further))
    return both


def every_cover(
    prefix: str, instance: Instance, mine: Collection[str], theirs: Collection[str], weight: Weight
) -> Totals:
    """All covers of the changed keys with a prefix, by a tree of single characters."""
    longer = len(prefix) + 1
    found = {instance.alone(prefix) if prefix in mine else 0: 0}
    for child in {key[:longer] for key in mine if len(key) >= longer}:
        below = [[key for key in keys if key.startswith(child)] for keys in (mine, theirs)]
        found = joined(found, every_cover(child, instance, *below, weight))
    if mine and instance.allowed(prefix):
        evicted = sum(map(weight, theirs))
        found[1] = min(evicted, found.get(1, evicted))
    return found


def brute_force(parts: Parts, weight: Weight) -> Totals:
    """All covers of all parts."""
    found: Totals = {0: 0}
    for instance, times in parts:
        changed = set(instance.changed)
        covers = every_cover("", instance, changed, set(instance.unchanged) - changed, weight)
        found = joined(found, {purges * times: evicted for purges, evicted in covers.items()})
    return found


def frontiers_of(parts: Parts, weight: Weight) -> list[tuple[Frontier, int]]:
    """The parts as the search takes them."""
    return [
        (Frontier(each.changed, each.unchanged, each.allowed, each.alone, weight), times)
        for each, times in parts
    ]


def check_feasible(parts: Parts, frontiers: Sequence[tuple[Frontier, int]], choice: Choice) -> None:
    """The wildcards cover each changed key once, and take and evict as much as the choice says."""
    purges = evicted = 0
    for (instance, times), (frontier, _), wildcards in zip(parts, frontiers, choice.wildcards, strict=True):
        covered: list[str] = []
        for purge in frontier.purges_of(wildcards):
            covered += [
                key
                for key in sorted(set(instance.changed))
                if (key.startswith(purge.prefix) if purge.wildcard else key == purge.prefix)
            ]
            purges += times * (1 if purge.wildcard else instance.alone(purge.prefix))
            evicted += purge.collateral
        assert covered == sorted(set(instance.changed))
    assert (purges, evicted) == (choice.purges, choice.evicted)


def check_every_budget(parts: Parts, *, exact: bool = True, weight: Weight = equal) -> list[Choice]:
    """Check each budget from less than suffices to more than is needed. Returns the choices in that order."""
    covers = brute_force(parts, weight)
    frontiers = frontiers_of(parts, weight)
    choices: list[Choice] = []
    for most in range(min(covers) - 2, max(covers) + 2):
        choice = fewest_evictions(frontiers, most)
        check_feasible(parts, frontiers, choice)
        within = [evicted for purges, evicted in covers.items() if purges <= most]
        if within:
            assert choice.purges <= most
            least = min(within)
        else:
            assert choice.purges == min(covers)
            least = covers[min(covers)]
        # The bound is a rounded number, which may lie above the true one by less than this.
        assert choice.bound <= least + 1e-9
        assert choice.evicted >= least
        if exact or choice.exact:
            assert choice.exact
            assert choice.evicted == least
        choices.append(choice)
    return choices


def random_parts(chance: random.Random) -> Parts:
    """Wider instances, of up to thirty keys each."""
    parts: list[tuple[Instance, int]] = []
    for _ in range(chance.choice((1, 1, 2, 3))):
        letters = chance.choice(("ab", "abc/", "a", "ae\u0301\xe9"))
        keys = {
            "".join(chance.choices(letters, k=chance.randint(0, 6))) for _ in range(chance.randint(1, 30))
        }
        changed = [key for key in sorted(keys) if chance.random() < 0.5]
        forbidden = {key[: chance.randint(0, len(key))] for key in sorted(keys) if chance.random() < 0.2}
        dear = frozenset(key for key in changed if chance.random() < 0.25)
        unchanged = sorted(keys.difference(changed))
        parts.append((Instance(changed, unchanged, 1, forbidden, dear), chance.choice((1, 1, 2, 3))))
    return parts


@given(PARTS)
def test_equals_brute_force(parts: Parts) -> None:
    """No cover within a budget evicts less than the one found, whatever the budget."""
    check_every_budget(parts)


@pytest.mark.parametrize("seed", range(4))
def test_equals_brute_force_on_wider_instances(seed: int) -> None:
    """Likewise for thousands of budgets between the steps of up to three frontiers."""
    chance = random.Random(seed)
    cases = sum(len(check_every_budget(random_parts(chance))) for _ in range(300))
    assert cases > 3000


@pytest.mark.parametrize("seed", range(4))
def test_equals_brute_force_with_weights(seed: int) -> None:
    """Likewise where some evictions cost more than others."""
    chance = random.Random(seed)
    cases = sum(len(check_every_budget(random_parts(chance), weight=uneven)) for _ in range(300))
    assert cases > 3000


@given(PARTS)
def test_a_larger_budget_never_evicts_more(parts: Parts) -> None:
    """Nor does a smaller budget take more purges than a larger one allows."""
    choices = check_every_budget(parts)
    assert all(one.evicted >= other.evicted for one, other in pairwise(choices))
    assert choices[-1].evicted == 0


def test_too_much_work_leaves_a_cover_and_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dynamic programming a cover may evict more than the best one, and it says how much at most."""
    monkeypatch.setattr(programming, "_MOST_WORK", 0)
    chance = random.Random(1)
    choices = [choice for _ in range(200) for choice in check_every_budget(random_parts(chance), exact=False)]
    assert any(choice.exact for choice in choices)
    assert any(not choice.exact for choice in choices)


def test_a_budget_between_two_steps() -> None:
    """The cheapest step saves more than is needed. Where a dearer one suffices, it evicts less."""
    changed = [
        f"{letter}{number}" for letter, keys in (("a", 5), ("b", 2), ("c", 3)) for number in range(keys)
    ]
    unchanged = [
        f"{letter}x{number}" for letter, keys in (("a", 8), ("b", 3), ("c", 5)) for number in range(keys)
    ]
    frontier = Frontier(changed, unchanged, lambda prefix: prefix != "", lambda _: 1)
    assert [(step.saved, step.evicted) for step in frontier.steps] == [(4, 8), (2, 5), (1, 3)]

    def chosen(most: int) -> list[str]:
        choice = fewest_evictions([(frontier, 1)], most)
        return [purge.prefix for purge in frontier.purges_of(choice.wildcards[0]) if purge.wildcard]

    assert [chosen(most) for most in (10, 9, 8, 7, 6, 5, 4, 3)] == [
        *([], ["b"], ["c"], ["a"], ["a"]),
        *(["a", "b"], ["a", "c"], ["a", "b", "c"]),
    ]


def test_purges_that_are_made_several_times() -> None:
    """A wildcard saves twice as much where each purge is made twice, at the same evictions."""
    changed, unchanged = ["a1", "a2"], ["a3"]
    frontier = Frontier(changed, unchanged, lambda _: True, lambda _: 1)
    choice = fewest_evictions([(frontier, 1), (frontier, 2)], 4)
    assert choice == Choice((set(), {0}), 4, 1, 1, 0.5)
    assert fewest_evictions([(frontier, 1), (frontier, 2)], 6).wildcards == (set(), set())


def test_nothing_to_cover() -> None:
    """No purge suffices, and none is made; a budget below zero is like none."""
    assert fewest_evictions([], 0) == Choice((), 0, 0, 0, 0)
    empty = Frontier([], ["a"], lambda _: True, lambda _: 1)
    assert fewest_evictions([(empty, 3)], -1) == Choice((set(),), 0, 0, 0, 0)
