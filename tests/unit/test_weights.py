"""What evictions cost: the first pattern counts, covers are best by weight, and a heavy key is spared."""

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.changes import ObjectChange
from purging.cover import Purge, cover, weighted_cover
from purging.planning.frontier import Frontier
from purging.planning.neighbours import Neighbours
from purging.planning.targets import ChangedObject, PurgeTarget, targets_of
from purging.planning.wildcards import PlannedPurge, Wildcards
from purging.urls import UrlMap
from purging.weights import WeightedPattern, weight_by, weighted_patterns
from tests.unit.test_cover import Instance, brute_force, instances

ENDPOINT = "https://ik.imagekit.io/demo"
NOW = datetime(2030, 5, 15, tzinfo=UTC)
WEIGHTS = st.sampled_from((1, 1, 2, 3, 50, 10_000))


@given(
    st.lists(st.builds(WeightedPattern, st.text("*?[]!a.b/", min_size=1, max_size=6), WEIGHTS), max_size=6),
    st.text("ab./]", max_size=6),
)
def test_the_first_pattern_that_matches_gives_the_weight(patterns: list[WeightedPattern], key: str) -> None:
    """Sorting the patterns by extension changes nothing, whatever the patterns are."""
    weight = weight_by(patterns)
    expected = next((each.weight for each in patterns if fnmatchcase(key, each.pattern)), 1)
    assert (weight(key) if weight else 1) == expected


def test_a_key_without_a_dot_has_no_extension() -> None:
    """A key `mp4` is no video, and the order of the patterns decides."""
    weight = weight_by(weighted_patterns("icons/*=1 *.mp4=50 *.gif=5 *=2"))
    assert weight
    keys = ["mp4", "a.mp4", "icons/a.mp4", "a.mp4.gif", "a/b", "a.MP4"]
    assert list(map(weight, keys)) == [2, 50, 1, 5, 2, 2]


@pytest.mark.parametrize("text", ["", "*.mp4=1 *.gif=1"])
def test_weights_of_one_need_no_call(text: str) -> None:
    """The planner then takes the way without weights, which calls nothing for a key."""
    assert weight_by(weighted_patterns(text)) is None


def _weigh(weights: dict[str, int], purge: Purge, instance: Instance) -> int:
    unchanged = set(instance.unchanged) - set(instance.changed)
    return sum(weights.get(key, 1) for key in unchanged if purge.wildcard and key.startswith(purge.prefix))


@st.composite
def weighted_instances(draw: st.DrawFn) -> tuple[Instance, dict[str, int]]:
    """An instance, and the weights of its keys."""
    instance = draw(instances(keys=4, length=4))
    keys = sorted({*instance.changed, *instance.unchanged})
    return instance, {key: draw(WEIGHTS) for key in keys}


@given(weighted_instances())
def test_a_weighted_cover_equals_brute_force(given_: tuple[Instance, dict[str, int]]) -> None:
    """The plan is the very one that brute force finds: a key of weight 3 counts like three keys."""
    instance, weights = given_
    plan = weighted_cover(
        instance.changed,
        instance.unchanged,
        instance.price,
        instance.allowed,
        instance.alone,
        weight=weights.__getitem__,
    )
    assert plan == brute_force(instance, weights.__getitem__)


@given(weighted_instances())
def test_the_frontier_counts_by_weight(given_: tuple[Instance, dict[str, int]]) -> None:
    """Each of its nodes has the collateral that one counts by hand, and it evicts no less than what it
    replaces."""
    instance, weights = given_
    frontier = Frontier(
        instance.changed, instance.unchanged, instance.allowed, instance.alone, weights.__getitem__
    )
    for number in range(len(frontier.nodes)):
        for purge in frontier.purges_of({number}):
            assert purge.collateral == _weigh(weights, purge, instance)


@given(instances(keys=8, length=6))
def test_weights_of_one_change_nothing(instance: Instance) -> None:
    """Neither the cover nor the frontier."""
    given_ = (instance.changed, instance.unchanged)
    plain = weighted_cover(*given_, instance.price, instance.allowed, instance.alone)
    assert plain == weighted_cover(
        *given_, instance.price, instance.allowed, instance.alone, weight=lambda _: 1
    )
    one = Frontier(*given_, instance.allowed, instance.alone)
    other = Frontier(*given_, instance.allowed, instance.alone, lambda _: 1)
    assert (one.nodes, one.steps) == (other.nodes, other.steps)


def test_a_price_above_the_weight_of_all_keys_is_no_special_case() -> None:
    """The bound of the price follows the weights, not the number of keys."""
    changed, unchanged = ["a/1", "a/2"], ["a/3"]
    assert weighted_cover(
        changed, unchanged, 49, lambda prefix: prefix != "", lambda _: 1, weight=lambda _: 50
    ) == [Purge("a/1", False, 1, 0), Purge("a/2", False, 1, 0)]
    for price in (50, inf):
        assert weighted_cover(
            changed, unchanged, price, lambda prefix: prefix != "", lambda _: 1, weight=lambda _: 50
        ) == [Purge("a/", True, 2, 50)]
    assert cover(changed, unchanged, 1, lambda prefix: prefix != "") == [Purge("a/", True, 2, 1)]


def _targets(*keys: str) -> list[PurgeTarget]:
    return [
        target
        for key in keys
        for target in targets_of(
            ChangedObject((ObjectChange("origin", key, "created", NOW),), manual=False),
            UrlMap.parse(f"origin={ENDPOINT}"),
            query_variants=True,
            refused=frozenset(),
        )
    ]


def _wildcards(changed: list[str], unchanged: list[str], weights: str) -> Wildcards:
    neighbours = Neighbours(unchanged=unchanged)
    neighbours.ranges.add("", None)
    return Wildcards(
        _targets(*changed), {"origin": neighbours}, frozenset(), weight_by(weighted_patterns(weights))
    )


def _urls(purges: list[PlannedPurge]) -> list[str]:
    return [purge.url.removeprefix(ENDPOINT) for purge in purges]


def test_a_heavy_key_is_spared_where_a_light_one_is_evicted() -> None:
    """At one price and within one budget, the folder with the icon is evicted, not the one with a video."""
    changed = ["media/x/1.jpg", "media/x/3.jpg", "media/y/1.jpg", "media/y/3.jpg"]
    wildcards = _wildcards(changed, ["media/x/2.mp4", "media/y/2.png"], "*.mp4=50")
    expected = ["/media/x/1.jpg*", "/media/x/3.jpg*", "/media/y/*"]
    assert _urls(wildcards.at(1.5)) == expected
    assert _urls(wildcards.within(3)[0]) == expected


def test_a_purge_has_the_number_of_its_evictions_and_their_weight() -> None:
    """The log tells people how many objects a purge evicts, and the weight tells what the planner counted."""
    wildcards = _wildcards(["a/x/1.jpg", "a/x/3.jpg"], ["a/x/2.mp4", "a/x/4.png", "a/y.png"], "*.mp4=50")
    (purge,) = wildcards.at(51)
    assert (purge.collateral, purge.weight) == (2, 51)
    ((purge,), _) = wildcards.within(1)
    assert (purge.collateral, purge.weight) == (2, 51)


def test_the_wildcard_of_a_single_object_counts_by_weight() -> None:
    """`avatars/1*` evicts a video: three purges spare it. Where it evicts an icon, one purge does."""
    video = _wildcards(["avatars/1"], ["avatars/10.mp4"], "*.mp4=50")
    assert _urls(video.at(1.0)) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*"]
    assert _urls(video.at(25.0)) == ["/avatars/1*"]
    assert _urls(_wildcards(["avatars/1"], ["avatars/10.png"], "*.mp4=50").at(1.0)) == ["/avatars/1*"]


def test_keys_that_nobody_listed_are_taken_to_weigh_like_the_key_before_them() -> None:
    """Where the listing ended among videos, videos follow."""
    neighbours = Neighbours()
    neighbours.ranges.add("media/x/", "media/x/2.mp4")
    weight = weight_by(weighted_patterns("*.mp4=50"))
    changed = _targets("media/x/1.mp4", "media/x/2.mp4")
    ((purge,), _) = Wildcards(changed, {"origin": neighbours}, frozenset(), weight).within(1)
    ((plain,), _) = Wildcards(changed, {"origin": neighbours}, frozenset()).within(1)
    assert purge.weight > plain.weight
    assert purge.collateral == 0, "nobody knows one of them"
