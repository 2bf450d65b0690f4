"""The planner against brute force, and each of its promises on its own."""

import random
from collections.abc import Callable, Collection, Iterable
from fractions import Fraction
from itertools import pairwise, product
from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from purging.cover import Purge, cover, weighted_cover
from purging.urls import encode, wildcard_allowed

# Few letters, so that keys nest and repeat; then both ways to write é, the slash, and the code points at the
# edges of UTF-16's surrogates, of the astral planes and of Unicode itself.
LETTERS = st.sampled_from(("ab", "ab/", "ae\u0301\xe9", "a\ud7ff\ue000\uffff\U00010000\U0001f600\U0010ffff"))
PRICES = st.one_of(
    st.sampled_from((0, -0.0, 5e-324, 0.1, 0.25, 1 / 3, 0.5, 1, 1.5, 2, 3, 7, 1e308, inf)),
    st.floats(min_value=0, max_value=6),
)


def anything(_: str) -> bool:
    """A rule that forbids nothing."""
    return True


def nothing(_: str) -> bool:
    """A rule that forbids every wildcard."""
    return False


class Instance:
    """What to give to `cover`, with a rule that is any set of forbidden prefixes, nested or not, and `dear`
    keys, which take three purges by themselves."""

    def __init__(
        self,
        changed: list[str],
        unchanged: list[str],
        price: float,
        forbidden: set[str],
        dear: frozenset[str] = frozenset(),
    ) -> None:
        self.changed, self.unchanged, self.price, self.forbidden = changed, unchanged, price, forbidden
        self.dear = dear

    def __repr__(self) -> str:
        return f"Instance({self.changed}, {self.unchanged}, {self.price!r}, {self.forbidden}, {self.dear})"

    def alone(self, key: str) -> int:
        """Purges that a key takes by itself."""
        return 3 if key in self.dear else 1

    def allowed(self, prefix: str) -> bool:
        """The rule."""
        return prefix not in self.forbidden

    def cover(self) -> list[Purge]:
        """What the planner makes of it."""
        if not self.dear:
            return cover(self.changed, self.unchanged, self.price, self.allowed)
        return weighted_cover(self.changed, self.unchanged, self.price, self.allowed, self.alone)


@st.composite
def instances(draw: st.DrawFn, keys: int = 5, length: int = 5) -> Instance:
    """Small instances; `keys` bounds the changed ones."""
    key = st.text(draw(LETTERS), max_size=length)
    changed = draw(st.lists(key, max_size=keys))
    prefixes = sorted({text[:cut] for text in changed for cut in range(len(text) + 1)})
    forbidden = draw(st.sets(st.sampled_from(prefixes))) if prefixes else set()
    shortest = draw(st.sampled_from((0, 0, 1, 2, 3)))
    forbidden.update(prefix for prefix in prefixes if len(prefix) < shortest)
    dear = frozenset(draw(st.sets(st.sampled_from(sorted(changed))))) if changed else frozenset()
    return Instance(changed, draw(st.lists(key, max_size=2 * keys)), draw(PRICES), forbidden, dear)


def priced(
    purges: Collection[Purge], price: float, alone: Callable[[str], int] = lambda _: 1
) -> tuple[object, ...]:
    """The objective and its ties, exactly; the least is the best. At infinity purges count first."""
    number = sum(1 if purge.wildcard else alone(purge.prefix) for purge in purges)
    collateral = sum(purge.collateral for purge in purges)
    first = (number, collateral) if price == inf else (Fraction(price) * number + collateral, number)
    lengths = sum(len(purge.prefix) for purge in purges)
    return (*first, -lengths, sum(purge.wildcard for purge in purges))


def counted(
    prefix: str, changed: set[str], unchanged: set[str], weight: Callable[[str], int] = lambda _: 1
) -> Purge:
    """The wildcard behind a prefix, its keys counted one by one."""
    return Purge(
        prefix,
        wildcard=True,
        changed=sum(key.startswith(prefix) for key in changed),
        collateral=sum(weight(key) for key in unchanged if key.startswith(prefix)),
    )


def brute_force(instance: Instance, weight: Callable[[str], int] = lambda _: 1) -> list[Purge]:
    """The best of all ways to give each changed key an exact purge or an allowed wildcard above it."""
    changed = set(instance.changed)
    unchanged = set(instance.unchanged) - changed
    options = [
        [Purge(key, wildcard=False, changed=1, collateral=0)]
        + [
            counted(key[:cut], changed, unchanged, weight)
            for cut in range(len(key) + 1)
            if instance.allowed(key[:cut])
        ]
        for key in changed
    ]
    best = min(
        (set(choice) for choice in product(*options)),
        key=lambda plan: priced(plan, instance.price, instance.alone),
    )
    return sorted(best)


def slow_tree(
    changed: set[str], unchanged: set[str], price: float, allowed: Callable[[str], bool]
) -> list[Purge]:
    """The best plan by a tree of single characters, for instances too large for brute force."""

    def best(prefix: str, mine: list[str], theirs: list[str]) -> tuple[list[Purge], tuple[object, ...]]:
        if mine == [prefix]:
            plan = [Purge(prefix, wildcard=False, changed=1, collateral=0)]
            return plan, priced(plan, price)
        longer = len(prefix) + 1
        plan = [Purge(prefix, wildcard=False, changed=1, collateral=0)] if prefix in mine else []
        for child in sorted({key[:longer] for key in mine if len(key) >= longer}):
            plan += best(child, under(child, mine), under(child, theirs))[0]
        wild = [Purge(prefix, wildcard=True, changed=len(mine), collateral=len(theirs))]
        if allowed(prefix) and priced(wild, price) < priced(plan, price):
            plan = wild
        return plan, priced(plan, price)

    return best("", sorted(changed), sorted(unchanged))[0]


def under(prefix: str, keys: Iterable[str]) -> list[str]:
    """The keys with a prefix."""
    return [key for key in keys if key.startswith(prefix)]


@given(instances())
@example(Instance(["a.jpg", "a.jpg.bak"], [], 1, set()))
@example(Instance(["", "a"], ["b"], 1, set()))
@example(Instance(["ab/x", "ab/y"], ["ab"], 1, {"ab/"}))
def test_equals_brute_force(instance: Instance) -> None:
    """The plan is the very one that brute force finds: cost, number of purges, ties, counts and order."""
    assert instance.cover() == brute_force(instance)


@given(st.data(), st.integers(0, 2**32), st.sampled_from((0.02, 0.3, 0.9)))
def test_equals_a_slow_tree_on_wider_instances(data: st.DataObject, seed: int, share: float) -> None:
    """Gaps of any width between changed keys are counted right, and the plan is the best one."""
    chance = random.Random(seed)
    letters = data.draw(LETTERS)
    keys = {"".join(chance.choices(letters, k=chance.randrange(9))) for _ in range(120)}
    changed = {key for key in keys if chance.random() < share}
    forbidden = {key[: chance.randrange(1 + len(key))] for key in keys if chance.random() < 0.3}
    price = data.draw(PRICES)

    def allowed(prefix: str) -> bool:
        return prefix not in forbidden

    expected = slow_tree(changed, keys - changed, price, allowed) if changed else []
    assert cover(changed, keys - changed, price, allowed) == expected


@given(instances(keys=12, length=8))
def test_every_changed_key_is_served_once(instance: Instance) -> None:
    """No changed key is forgotten, and none is reached by two purges."""
    plan = instance.cover()
    for key in set(instance.changed):
        serving = [p for p in plan if (key.startswith(p.prefix) if p.wildcard else key == p.prefix)]
        assert len(serving) == 1


@given(instances(keys=12, length=8))
def test_the_counts_are_those_of_the_keys(instance: Instance) -> None:
    """`changed` and `collateral` say what one counts by hand, repeats and keys of both kinds included."""
    changed = set(instance.changed)
    for purge in instance.cover():
        if purge.wildcard:
            assert purge == counted(purge.prefix, changed, set(instance.unchanged) - changed)
        else:
            assert purge == Purge(purge.prefix, wildcard=False, changed=1, collateral=0)
            assert purge.prefix in changed


@given(instances(keys=12, length=8))
def test_the_rule_is_hard_and_asked_sparingly(instance: Instance) -> None:
    """No wildcard stands where the rule forbids it; no prefix is asked for twice, or without need."""
    asked: list[str] = []

    def allowed(prefix: str) -> bool:
        asked.append(prefix)
        return instance.allowed(prefix)

    plan = cover(instance.changed, instance.unchanged, instance.price, allowed)
    assert not instance.forbidden.intersection(purge.prefix for purge in plan if purge.wildcard)
    assert len(asked) == len(set(asked))
    served = [set(under(prefix, set(instance.changed))) for prefix in asked]
    assert all(len(keys) > 1 or keys <= instance.dear for keys in served)


@given(instances(keys=12, length=8), st.randoms(use_true_random=False))
def test_the_order_and_kind_of_the_collections_decide_nothing(
    instance: Instance, chance: random.Random
) -> None:
    """Lists in any order, with repeats, sets and one-way iterators give the same plan."""
    plan = instance.cover()
    changed = instance.changed * 2
    unchanged = instance.unchanged * 2 + instance.changed[:2]
    chance.shuffle(changed)
    chance.shuffle(unchanged)
    assert weighted_cover(changed, iter(unchanged), instance.price, instance.allowed, instance.alone) == plan
    assert (
        weighted_cover(frozenset(changed), set(unchanged), instance.price, instance.allowed, instance.alone)
        == plan
    )
    assert (
        weighted_cover(
            dict.fromkeys(changed), tuple(unchanged), instance.price, instance.allowed, instance.alone
        )
        == plan
    )


@given(instances(keys=12, length=8))
def test_the_plan_is_sorted_by_prefix(instance: Instance) -> None:
    """The plan comes in the order of its prefixes, each but once."""
    assert all(one.prefix < other.prefix for one, other in pairwise(instance.cover()))


@given(instances(keys=12, length=8), PRICES)
def test_a_higher_price_never_means_more_purges(instance: Instance, other: float) -> None:
    """Between two prices, the higher one has no more purges, and the lower one no more collateral."""
    low, high = (
        weighted_cover(instance.changed, instance.unchanged, price, instance.allowed, instance.alone)
        for price in sorted((instance.price, other))
    )
    number = [
        sum(1 if purge.wildcard else instance.alone(purge.prefix) for purge in each) for each in (low, high)
    ]
    assert number[1] <= number[0]
    assert sum(purge.collateral for purge in low) <= sum(purge.collateral for purge in high)


@given(instances(keys=12, length=8))
def test_a_cut_key_stays_a_prefix_of_the_url(instance: Instance) -> None:
    """Percent-encoding a prefix gives a prefix of its keys' encoded text: no character is cut in two."""
    for purge in instance.cover():
        keys = under(purge.prefix, instance.changed)
        assert all(encode(key).startswith(encode(purge.prefix)) for key in keys)


@given(instances(keys=12, length=8))
def test_price_zero_evicts_nothing_needlessly(instance: Instance) -> None:
    """At price 0 there is no collateral; where a wildcard is free, it still saves purges."""
    plan = cover(instance.changed, instance.unchanged, 0, instance.allowed)
    assert sum(purge.collateral for purge in plan) == 0
    assert cover(["ab1", "ab2", "b"], ["ac"], 0, anything) == [
        Purge("ab", True, 2, 0),
        Purge("b", False, 1, 0),
    ]


def test_price_infinity_buys_the_fewest_purges() -> None:
    """At an infinite price one wildcard evicts whatever it must, but no more than it must."""
    others = [f"x/{number}" for number in range(1000)] + ["y"]
    changed = ["x/1a", "x/2a"]
    assert cover(changed, others, inf, anything) == [Purge("x/", True, 2, 1000)]
    assert cover(changed, others, inf, lambda prefix: prefix != "x/") == [Purge("x", True, 2, 1000)]
    assert cover(changed, others, 998, anything) == [Purge("x/1a", False, 1, 0), Purge("x/2a", False, 1, 0)]
    assert cover(changed, others, 1000, anything) == [Purge("x/", True, 2, 1000)]


def test_fractions_decide_ties_exactly() -> None:
    """A price just below a tie is below it, though its product with the purges saved rounds up to it."""
    third = 1 / 3
    assert 3 * third == 1 > 3 * Fraction(third)
    changed = ["a1", "a2", "a3", "a4"]
    assert len(cover(changed, ["a5"], third, anything)) == 4
    assert len(cover(changed, ["a5"], 0.34, anything)) == 1


def test_the_longest_allowed_prefix_of_an_edge() -> None:
    """Among prefixes that reach the same keys, the longest allowed one is taken, past any forbidden one."""
    changed = ["media/catalog/p1", "media/catalog/q1"]

    def allowed(prefix: str) -> bool:
        return wildcard_allowed(f"/{encode(prefix)}")

    assert cover(changed, [], 1, allowed) == [Purge("media/catalog", True, 2, 0)]
    assert cover(["images/up1", "images/up2"], ["images/u", "ima"], 1, allowed) == [
        Purge("images/up", True, 2, 0)
    ]
    # Two are worth one eviction: to go on up the edge, past the refused prefix, would cost two.
    refused = {"folder/ab-c", "folder/ab-"}
    changed = ["folder/ab-c1", "folder/ab-c2"]
    others = ["folder/ab-d", "folder/ab", "folder/ab1"]
    assert cover(changed, others[:1], 1, lambda p: p not in refused) == [Purge("folder/ab", True, 2, 1)]
    assert len(cover(changed, others, 1, lambda p: p not in refused)) == 2


def test_no_wildcard_where_none_is_allowed() -> None:
    """With every prefix refused each key is purged exactly, at any price."""
    keys = ["a", "a/b", "a/b/c", "b"]
    assert cover(keys, ["a/b/d"], inf, nothing) == [Purge(key, False, 1, 0) for key in keys]


def test_a_key_that_is_a_prefix_of_another() -> None:
    """The key itself belongs to its own wildcard, and an unchanged one counts against it."""
    assert cover(["a.jpg", "a.jpg.bak"], [], 1, anything) == [Purge("a.jpg", True, 2, 0)]
    changed = ["a.jpg.1", "a.jpg.2"]
    assert cover(changed, ["a.jpg"], 1, anything) == [Purge("a.jpg.", True, 2, 0)]
    assert cover(changed, ["a.jpg"], 1, lambda prefix: len(prefix) < 6) == [Purge("a.jpg", True, 2, 1)]
    assert cover(changed, ["a.jpg"], 0.5, lambda prefix: len(prefix) < 6) == [
        Purge("a.jpg.1", False, 1, 0),
        Purge("a.jpg.2", False, 1, 0),
    ]


def test_the_empty_prefix_is_used_only_if_allowed() -> None:
    """A wildcard over the whole bucket is a candidate like any other, under the same rule."""
    assert cover(["a", "b"], [], 1, anything) == [Purge("", True, 2, 0)]
    assert len(cover(["a", "b"], [], inf, lambda prefix: prefix != "")) == 2


def test_keys_nested_5000_deep() -> None:
    """Depth costs no recursion: 5,000 keys, each the prefix of the next, under rules at both ends."""
    keys = ["a" * depth for depth in range(1, 5001)]
    assert cover(keys, [], 1, anything) == [Purge("a", True, 5000, 0)]
    assert len(cover(keys, [], 1, nothing)) == 5000
    deep = cover(keys, [], 1, lambda prefix: len(prefix) > 2500)
    assert deep[2499:] == [Purge("a" * 2500, False, 1, 0), Purge("a" * 2501, True, 2500, 0)]
    # Of m changed keys, each followed by an unchanged one, a wildcard saves m - 1 purges and evicts m keys.
    assert not any(purge.wildcard for purge in cover(keys[::2], keys[1::2], 1, anything))
    assert cover(keys[::2], keys[1::2], 1.25, anything) == [Purge("a", True, 2500, 2500)]


def test_a_wide_gap_between_changed_keys() -> None:
    """Thousands of unchanged keys between two changed ones count for the prefixes above them, only there."""
    gap = [f"m/{number:05}" for number in range(20_000)]
    changed = ["l/1", "l/2", "m/0", "m/00000a", "m/19999a", "m/2", "n/1", "n/2"]
    assert cover(changed, gap, 1, lambda prefix: len(prefix) > 1) == [
        Purge("l/", True, 2, 0),
        *(Purge(key, False, 1, 0) for key in changed[2:6]),
        Purge("n/", True, 2, 0),
    ]
    assert Purge("m/", True, 4, 20_000) in cover(changed, gap, inf, lambda prefix: len(prefix) > 1)


def test_a_key_that_takes_several_purges_by_itself() -> None:
    """Three purges that evict nothing, or one wildcard that evicts what begins with the key: by the price."""
    others = [f"avatars/1{n}" for n in range(10)]

    def at(price: float, unchanged: list[str]) -> list[Purge]:
        return weighted_cover(["avatars/1"], unchanged, price, anything, lambda _: 3)

    assert at(1, []) == [Purge("avatars/1", True, 1, 0)]
    assert at(1, others) == [Purge("avatars/1", False, 1, 0)]
    assert at(4.9, others) == [Purge("avatars/1", False, 1, 0)]
    assert at(5, others) == [Purge("avatars/1", True, 1, 10)]


def test_degenerate_collections() -> None:
    """Nothing, one key, the same key again and again, and a key of both kinds."""
    assert cover([], ["a"], 1, anything) == []
    assert cover([], [], inf, anything) == []
    assert cover(["a"], ["ab"], inf, anything) == [Purge("a", False, 1, 0)]
    assert cover(["a", "a", "a"], ["b", "b"], 1, anything) == [Purge("a", False, 1, 0)]
    assert cover(["a1", "a2"], ["a1", "a2"], 1, anything) == [Purge("a", True, 2, 0)]
    assert cover([""], ["a"], 1, anything) == [Purge("", False, 1, 0)]


@pytest.mark.parametrize("price", [-1, -5e-324, -inf, nan])
def test_a_price_that_is_none(price: float) -> None:
    """A negative price, or what is no number, is refused by name before anything else happens."""
    with pytest.raises(ValueError, match=str(price)):
        cover(["a"], [], price, anything)


def test_errors_of_the_rule_reach_the_caller() -> None:
    """What the rule raises is not swallowed."""

    def broken(prefix: str) -> bool:
        raise LookupError(prefix)

    with pytest.raises(LookupError):
        cover(["a1", "a2"], [], 1, broken)
