"""The frontier against the planner at many prices, and each of its promises on its own."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from math import inf

from hypothesis import example, given
from hypothesis import strategies as st

from purging.cover import Purge, weighted_cover
from purging.planning.frontier import Frontier, Step
from tests.unit.test_cover import PRICES, Instance, counted, instances, priced, under

WIDE = instances(keys=12, length=8)
# A tie at 1/3, which no float is; nested keys; a key that takes three purges by itself.
THIRDS = Instance(["a1", "a2", "a3", "a4"], ["a5"], 1, set())
NESTED = Instance(["", "a", "ab", "abb"], ["aa", "b"], 1, {"a"})
DEAR = Instance(["a", "ab"], ["aa", "abb"], 1, {""}, frozenset({"a"}))


def frontier_of(instance: Instance) -> Frontier:
    """The frontier of what the planner gets."""
    return Frontier(instance.changed, instance.unchanged, instance.allowed, instance.alone)


def exact_price(step: Step) -> Fraction:
    """The price of a step, not rounded."""
    return Fraction(step.evicted, step.saved)


def up_to(frontier: Frontier, price: float) -> list[Purge]:
    """The cover of all steps up to a price."""
    return list(
        frontier.purges_of(
            {step.node for step in frontier.steps if price == inf or exact_price(step) <= Fraction(price)}
        )
    )


def totals(purges: Iterable[Purge], instance: Instance) -> tuple[int, int]:
    """What a cover takes: purges, and evictions."""
    each = list(purges)
    number = sum(1 if purge.wildcard else instance.alone(purge.prefix) for purge in each)
    return number, sum(purge.collateral for purge in each)


@given(instances(), st.lists(PRICES))
@example(THIRDS, [1 / 3, 0.34])
@example(NESTED, [])
@example(DEAR, [])
def test_the_steps_up_to_a_price_are_the_best_cover_at_that_price(
    instance: Instance, others: list[float]
) -> None:
    """The cover costs exactly what the planner's own costs: at any price, and at and beside each step's."""
    frontier = frontier_of(instance)
    beside = (step.price + change for step in frontier.steps for change in (-0.01, 0, 0.01))
    for price in (0, inf, instance.price, *others, *(price for price in beside if price >= 0)):
        best = weighted_cover(instance.changed, instance.unchanged, price, instance.allowed, instance.alone)
        # The objective and its first tie: the number of purges.
        expected = priced(best, price, instance.alone)[:2]
        assert priced(up_to(frontier, price), price, instance.alone)[:2] == expected


@given(WIDE, st.sets(st.integers(min_value=0)))
def test_every_changed_key_is_covered_once(instance: Instance, chosen: set[int]) -> None:
    """By the wildcards of any nodes, nested or not; and the purges count what one counts by hand."""
    frontier = frontier_of(instance)
    changed = set(instance.changed)
    nodes = {number % len(frontier.nodes) for number in chosen if frontier.nodes}
    purges = list(frontier.purges_of(nodes))
    for key in changed:
        covering = [p for p in purges if (key.startswith(p.prefix) if p.wildcard else key == p.prefix)]
        assert len(covering) == 1
    for purge in purges:
        if purge.wildcard:
            assert instance.allowed(purge.prefix)
            assert purge == counted(purge.prefix, changed, set(instance.unchanged) - changed)
        else:
            assert purge == Purge(purge.prefix, wildcard=False, changed=1, collateral=0)
            assert purge.prefix in changed
    assert all(one.prefix < other.prefix for one, other in pairwise(purges))


@given(WIDE)
@example(THIRDS)
@example(NESTED)
@example(DEAR)
def test_each_step_saves_what_it_says(instance: Instance) -> None:
    """One after another, in order of price, the steps save purges and evict objects, as many as they say."""
    frontier = frontier_of(instance)
    assert frontier.steps == sorted(frontier.steps)
    assert all(exact_price(one) <= exact_price(other) for one, other in pairwise(frontier.steps))
    taken: set[int] = set()
    purges, evicted = totals(frontier.purges_of(taken), instance)
    assert (purges, evicted) == (frontier.purges, 0)
    for step in frontier.steps:
        assert step.saved > 0
        assert step.evicted >= 0
        assert step.price == step.evicted / step.saved
        taken.add(step.node)
        purges, evicted = purges - step.saved, evicted + step.evicted
        assert totals(frontier.purges_of(taken), instance) == (purges, evicted)


@given(WIDE)
def test_the_nodes_are_a_tree(instance: Instance) -> None:
    """Each node comes after its children. A changed key is below one root or node, and counts there once."""
    frontier = frontier_of(instance)
    assert frontier.keys == sorted(set(instance.changed))
    parents = [child for node in frontier.nodes for child in node.children] + list(frontier.roots)
    assert sorted(parents) == list(range(len(frontier.nodes)))
    for number, node in enumerate(frontier.nodes):
        keys = frontier.keys[node.first : node.last + 1]
        assert keys == under(node.prefix, frontier.keys)
        assert all(child < number for child in node.children)
        below = [key for child in node.children for key in under(frontier.nodes[child].prefix, keys)]
        assert node.own == sum(instance.alone(key) for key in keys if key not in below)
    below = [key for root in frontier.roots for key in under(frontier.nodes[root].prefix, frontier.keys)]
    assert frontier.own == sum(instance.alone(key) for key in frontier.keys if key not in below)


@given(WIDE, st.data())
def test_a_weight_counts_like_as_many_keys(instance: Instance, data: st.DataObject) -> None:
    """An unchanged key of weight 3 costs what three keys cost in its place; of weight 0, it costs nothing."""
    weights = {key: data.draw(st.integers(0, 4)) for key in sorted({*instance.unchanged})}
    weighed = Frontier(
        instance.changed, instance.unchanged, instance.allowed, instance.alone, weights.__getitem__
    )
    # No key has an exclamation mark, so no prefix of a changed key tells these from the key itself.
    copies = [
        key + "!" * number
        for key, weight in weights.items()
        if key not in instance.changed
        for number in range(weight)
    ]
    counted_one_by_one = Frontier(instance.changed, copies, instance.allowed, instance.alone)
    assert weighed.nodes == counted_one_by_one.nodes
    assert weighed.steps == counted_one_by_one.steps


@given(WIDE, st.lists(PRICES))
def test_the_dropped_steps_are_the_best_cover_without_a_wildcard(
    instance: Instance, prices: list[float]
) -> None:
    """With the other steps below a node: they cost what the planner's cover of its keys costs without it."""
    frontier = frontier_of(instance)
    for step in frontier.steps:
        node = frontier.nodes[step.node]
        changed = frontier.keys[node.first : node.last + 1]
        below = [
            each
            for each in frontier.steps
            if node.first <= frontier.nodes[each.node].first <= node.last and each.node < step.node
        ]
        dropped = frontier.dropped.get(step.node, [])
        assert all(exact_price(each) > exact_price(step) for each in dropped)
        for price in [*(each.price for each in dropped), *(price for price in prices if price < inf)]:
            taken = [each for each in (*below, *dropped) if exact_price(each) <= Fraction(price)]
            purges = sum(map(instance.alone, changed)) - sum(each.saved for each in taken)
            best = weighted_cover(
                changed,
                under(node.prefix, instance.unchanged),
                price,
                lambda prefix, top=node.prefix: len(prefix) > len(top) and instance.allowed(prefix),
                instance.alone,
            )
            cost = Fraction(price) * purges + sum(each.evicted for each in taken)
            assert cost == priced(best, price, instance.alone)[0]


def test_a_dearer_step_is_dropped() -> None:
    """Where a wildcard above is cheaper than one below it, the one below never comes to pass."""
    changed = ["a/1", "a/2", *(f"b/{number}" for number in range(8))]
    frontier = Frontier(changed, ["a/3", "a/4", "a/5"], lambda _: True, lambda _: 1)
    assert [frontier.nodes[step.node].prefix for step in frontier.steps] == ["b/", ""]
    assert {frontier.nodes[step.node].prefix for each in frontier.dropped.values() for step in each} == {"a/"}
    # 3 purges become 1, for 3 evictions. "a/" alone would save 1 for the same 3 evictions.
    assert (frontier.steps[-1].price, frontier.steps[-1].saved, frontier.steps[-1].evicted) == (1.5, 2, 3)


def test_no_changed_key() -> None:
    """Then there is nothing to purge."""
    frontier = Frontier([], ["a"], lambda _: True, lambda _: 3)
    assert (frontier.purges, frontier.nodes, frontier.steps) == (0, [], [])
    assert list(frontier.purges_of(set())) == []
