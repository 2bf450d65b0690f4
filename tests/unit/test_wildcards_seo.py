"""The planner's choice of wildcards for SEO-friendly URLs."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from itertools import chain, combinations
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.changes import ObjectChange
from purging.planning.neighbours import Neighbours
from purging.planning.planned import PlannedPurge
from purging.planning.targets import ChangedObject, PurgeTarget, targets_of
from purging.planning.wildcards import Wildcards
from purging.urls import UrlMap, seo_text

ENDPOINT = "https://ik.imagekit.io/demo"
SEO = f"{ENDPOINT}/ik-seo/"
NOW = datetime(2030, 5, 15, tzinfo=UTC)
names = st.text(st.sampled_from("ab/."), min_size=1, max_size=4).map(lambda text: f"dir/{text}.jpg")
some_keys = st.sets(names | names.map(lambda key: key[:-3] + "png"), max_size=6)


def seo_targets(keys: Iterable[str], *transformations: str) -> list[PurgeTarget]:
    parsed = UrlMap.parse(f"origin={ENDPOINT}", transformations, seo=True)
    return [
        target
        for key in sorted(keys)
        for target in targets_of(
            ChangedObject((ObjectChange("origin", key, "created", NOW),), manual=False),
            parsed,
            query_variants=True,
            refused=frozenset(),
        )
        if target.root and target.root.seo
    ]


def known(unchanged: Collection[str]) -> dict[str, Neighbours]:
    """A bucket of which every key is known."""
    neighbours = Neighbours(unchanged=sorted(unchanged))
    neighbours.ranges.add("", None)
    return {"origin": neighbours}


def urls(purges: Iterable[PlannedPurge]) -> list[str]:
    return sorted(purge.url.removeprefix(SEO) for purge in purges)


def evicted(purge: str, keys: Iterable[str]) -> int:
    """How many keys have SEO-friendly URLs under a wildcard, by the text of the URLs."""
    return sum(f"{SEO}{seo_text(key)}".startswith(purge.removesuffix("*")) for key in keys if seo_text(key))


def test_each_object_takes_a_wildcard_that_evicts_its_namesakes() -> None:
    """`photo.png` and what lies in the folder `photo` have URLs under the wildcard of `photo.jpg`."""
    unchanged = ["a/photo.png", "a/photo/x.jpg", "a/photos.jpg", "a/photo"]
    (purge,) = Wildcards(seo_targets(["a/photo.jpg"]), known(unchanged), frozenset()).at(0.0)
    assert (purge.url, purge.collateral, purge.weight) == (f"{SEO}a/photo/*", 2, 2)
    assert purge.sample is None


def test_weights_count() -> None:
    """What the eviction of a namesake costs follows from `EvictionWeights`."""
    wildcards = Wildcards(
        seo_targets(["a/v.jpg"]), known(["a/v.mp4"]), frozenset(), lambda key: 50 if ".mp4" in key else 1
    )
    (purge,) = wildcards.at(0.0)
    assert (purge.collateral, purge.weight) == (1, 50)


def test_namesakes_that_changed_share_a_purge() -> None:
    """One wildcard serves `photo.jpg` and `photo.png`, and counts once."""
    wildcards = Wildcards(seo_targets(["a/photo.jpg", "a/photo.png"], "tr:w-1"), known([]), frozenset())
    assert wildcards.least() == 2
    assert urls(wildcards.at(0.0)) == ["a/photo/*", "tr:w-1/a/photo/*"]
    assert all(len(purge.targets) == 2 for purge in wildcards.at(0.0))


def test_a_folder_that_changed_as_a_whole_is_one_purge() -> None:
    """And where others did not change, the price decides."""
    changed = seo_targets([f"a/x/{number}.jpg" for number in range(5)])
    assert urls(Wildcards(changed, known(["a/y.jpg"]), frozenset()).at(0.0)) == ["a/x/*"]
    between = known(["a/x/2a.jpg", "a/x/2b.jpg"])
    assert len(Wildcards(changed, between, frozenset()).at(0.1)) == 5
    assert urls(Wildcards(changed, between, frozenset()).at(9.0)) == ["a/x/*"]
    plans = [Wildcards(changed, between, frozenset()).within(budget)[0] for budget in (5, 1)]
    assert [len(plan) for plan in plans] == [5, 1]


def test_what_nobody_listed_is_taken_to_be_evicted() -> None:
    """So only a quota that is short joins objects in a bucket that could not be listed."""
    changed = seo_targets(["a/x/1.jpg", "a/x/2.jpg"])
    assert len(Wildcards(changed, {}, frozenset()).at(100.0)) == 2
    assert len(Wildcards(changed, {}, frozenset()).at(inf)) == 1


def test_a_refused_wildcard_is_avoided_where_several_objects_share_it() -> None:
    """Not under other roots, and the plain URLs do not mind."""
    changed = seo_targets(["a/x/1.jpg", "a/x/2.jpg"], "tr:w-1")
    purges = Wildcards(changed, known(["a/y.jpg"]), frozenset({f"{SEO}a/x/*"})).at(5.0)
    assert urls(purges) == ["a/x*", "tr:w-1/a/x/*"]


@given(some_keys, some_keys, st.sampled_from([0.0, 0.5, 1.0, 2.5, inf]))
def test_every_changed_object_is_purged_and_evictions_are_counted(
    changed: set[str], others: set[str], price: float
) -> None:
    """Each plan covers all targets, says how many others it evicts, and costs no more than any other."""
    unchanged = others - changed
    wanted = seo_targets(changed)
    purges = Wildcards(wanted, known(unchanged), frozenset()).at(price)
    assert {target for purge in purges for target in purge.targets} == set(wanted)
    for purge in purges:
        assert purge.collateral == evicted(purge.url, unchanged)
        for target in purge.targets:
            assert target.url.startswith(purge.url[:-1])
    if price < inf and wanted:
        ours = price * len(purges) + sum(purge.collateral for purge in purges)
        assert ours == pytest.approx(_least_cost(wanted, unchanged, price))


def _least_cost(wanted: list[PurgeTarget], unchanged: Collection[str], price: float) -> float:
    """The cost of the cheapest set of wildcards, by trying all sets."""
    texts = {target.url[:-1] for target in wanted}
    # At least two levels behind the endpoint, as ImageKit asks for: `ik-seo` is one. No dot segment.
    shortest = len(SEO) + 1
    places = {
        text[:end]
        for text in texts
        for end in range(shortest, len(text) + 1)
        if end == len(text) or text[:end].rpartition("/")[2] not in (".", "..")
    }
    # Of places with the same evictions and changed objects, one is enough.
    alike = {
        (frozenset(t for t in texts if t.startswith(place)), evicted(place, unchanged)): place
        for place in sorted(places, key=len)
    }
    best = inf
    for chosen in _subsets(list(alike.values()), len(texts)):
        apart = not any(one != other and one.startswith(other) for one in chosen for other in chosen)
        if apart and all(any(text.startswith(place) for place in chosen) for text in texts):
            cost = price * len(chosen) + sum(evicted(place, unchanged) for place in chosen)
            best = min(best, cost)
    return best


def _subsets(places: list[str], most: int) -> Iterable[tuple[str, ...]]:
    return chain.from_iterable(combinations(places, size) for size in range(1, most + 1))
