"""Covers for a budget within a step, where dynamic programming gives up or never starts."""

import random
from collections.abc import Callable, Sequence

import pytest

from purging.planning import programming, splitting
from purging.planning.budget import Choice, fewest_evictions
from purging.planning.frontier import Frontier
from purging.urls import wildcard_allowed
from tests.unit.test_budget import (
    brute_force,
    check_every_budget,
    check_feasible,
    equal,
    frontiers_of,
    random_parts,
    uneven,
)

SHAPES: dict[str, Callable[[int], Sequence[str]]] = {
    "galleries of one file": lambda size: [f"gallery/{number:06d}/img.jpg" for number in range(2 * size)],
    "a flat folder": lambda size: [f"gallery/{number:06d}.jpg" for number in range(2 * size)],
    "two folders": lambda size: [
        f"photos-of-{year}/{number:05d}.jpg" for year in (2024, 2025) for number in range(size)
    ],
    "two files each": lambda size: [
        f"shop/products/{number:05d}/{name}.jpg" for number in range(size) for name in ("main", "zoom")
    ],
    "every third gallery": lambda size: [f"gallery/{number:06d}/img.jpg" for number in range(3 * size)],
}
"""All keys of a bucket of which `size` changed: every second or third one."""


@pytest.fixture
def no_programming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dynamic programming gives up at once."""
    monkeypatch.setattr(programming, "_MOST_WORK", 0)


def chosen(keys: Sequence[str], changed: Sequence[str], budget: int, times: int = 1) -> Choice:
    """The choice with ImageKit's own rule for wildcards."""
    unchanged = sorted(set(keys).difference(changed))
    frontier = Frontier(changed, unchanged, lambda prefix: wildcard_allowed("/" + prefix), lambda _: 1)
    return fewest_evictions([(frontier, times)], budget)


@pytest.mark.parametrize("size", [1100, 1500, 2000, 5000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("no_programming")
def test_a_root_wildcard_is_split(shape: str, size: int) -> None:
    """Where all small wildcards are a bit dearer than one over everything, the small ones are used."""
    keys = SHAPES[shape](size)
    choice = chosen(keys, keys[:: len(keys) // size], 900)
    assert choice.purges <= 900
    assert choice.bound <= choice.evicted <= 1.05 * choice.bound


def test_a_root_wildcard_is_split_with_each_purge_made_twice() -> None:
    """Under two URLs, it takes twice the purges."""
    keys = SHAPES["a flat folder"](1100)
    once, twice = chosen(keys, keys[::2], 900), chosen(keys, keys[::2], 1800, 2)
    assert (once.evicted, once.exact) == (205, True)
    assert (twice.evicted, twice.exact, twice.wildcards) == (205, True, once.wildcards)


@pytest.mark.usefixtures("no_programming")
def test_a_cheaper_step_is_split_after_a_step_that_cannot_be_split() -> None:
    """Two folders cost about the same a purge. The dearer one has no wildcard but its own."""
    whole = [f"b/{letter}{number}" for number, letter in enumerate("0123456789abcdefghijklmnopqrstuv")]
    parts = [f"a/{number:02d}" for number in range(32)]
    unchanged = [f"a/{number:02d}x" for number in range(32)] + [f"b/z{number}" for number in range(34)]
    frontier = Frontier(whole + parts, unchanged, lambda prefix: prefix[:2] in ("a/", "b/"), lambda _: 1)
    prefixes = [frontier.nodes[step.node].prefix for step in frontier.steps]
    assert prefixes == ["a/", "b/"]
    choice = fewest_evictions([(frontier, 1)], 24)
    used = sorted(frontier.nodes[node].prefix for node in choice.wildcards[0])
    assert used == ["a/0", "b/"]
    assert choice.evicted == 44


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("no_programming")
def test_almost_as_good_as_brute_force(seed: int) -> None:
    """Thousands of budgets: no cover evicts more than twice the least, and all together hardly any more."""
    chance = random.Random(seed)
    evicted = least = 0
    for weight in (equal, uneven):
        for _ in range(200):
            parts = random_parts(chance)
            covers = brute_force(parts, weight)
            for choice in check_every_budget(parts, exact=False, weight=weight):
                best = min(evictions for purges, evictions in covers.items() if purges <= choice.purges)
                assert choice.evicted <= 2 * best + 1
                evicted, least = evicted + choice.evicted, least + best
    assert least > 10_000
    assert evicted <= 1.005 * least


@pytest.mark.usefixtures("no_programming")
def test_without_any_time_there_is_still_a_cover(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for parts ends, too. What it found until then is a cover within the budget."""
    monkeypatch.setattr(splitting, "_MOST_WORK", 0)
    chance = random.Random(1)
    for _ in range(50):
        parts = random_parts(chance)
        frontiers = frontiers_of(parts, equal)
        highest = sum(frontier.purges * times for frontier, times in frontiers)
        lowest = fewest_evictions(frontiers, 0).purges
        for budget in range(lowest, highest + 1):
            choice = fewest_evictions(frontiers, budget)
            check_feasible(parts, frontiers, choice)
            assert choice.purges <= budget
