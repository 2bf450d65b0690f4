"""From needs to purges: several roots, refused wildcards, manual purges, and nothing twice."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purging.changes import ObjectChange, UrlChange
from purging.planning.neighbours import Neighbours
from purging.planning.targets import ChangedObject, PurgeTarget, targets_of
from purging.planning.wildcards import PlannedPurge, Wildcards
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
NOW = datetime(2030, 5, 15, tzinfo=UTC)


def targets(
    keys: Iterable[str], url_map: str = f"origin={ENDPOINT}", *transformations: str
) -> list[PurgeTarget]:
    parsed = UrlMap.parse(url_map, transformations)
    return [
        target
        for key in keys
        for target in targets_of(
            ChangedObject((ObjectChange("origin", key, "created", NOW),), manual=False),
            parsed,
            query_variants=True,
            refused=frozenset(),
        )
    ]


def select(
    wanted: Iterable[PurgeTarget], neighbours: dict[str, Neighbours], price: float, refused: frozenset[str]
) -> list[PlannedPurge]:
    return Wildcards(wanted, neighbours, refused).at(price)


def known(*unchanged: str) -> dict[str, Neighbours]:
    """A bucket of which every key is known."""
    neighbours = Neighbours(unchanged=list(unchanged))
    neighbours.ranges.add("", None)
    return {"origin": neighbours}


def urls(purges: Iterable[PlannedPurge]) -> list[str]:
    return sorted(purge.url.removeprefix(ENDPOINT) for purge in purges)


def test_a_folder_that_changed_as_a_whole_is_one_purge() -> None:
    """No neighbour is evicted, so one wildcard does."""
    purges = select(targets(["a/x/1.jpg", "a/x/2.jpg", "a/x/3.jpg"]), known("a/y/1.jpg"), 1.0, frozenset())
    assert urls(purges) == ["/a/x/*"]
    assert purges[0].collateral == 0


def test_neighbours_are_worth_the_price() -> None:
    """Two neighbours against one saved purge: not at price 1, but at price 3."""
    changed = targets(["a/x/1.jpg", "a/x/4.jpg"])
    neighbours = known("a/x/2.jpg", "a/x/3.jpg")
    assert urls(select(changed, neighbours, 1.0, frozenset())) == ["/a/x/1.jpg*", "/a/x/4.jpg*"]
    (purge,) = select(changed, neighbours, 3.0, frozenset())
    assert (purge.url, purge.collateral) == (f"{ENDPOINT}/a/x/*", 2)


def test_each_root_repeats_the_choice_and_multiplies_the_price() -> None:
    """With a path transformation every purge is made twice, so a wildcard saves twice as much."""
    changed = targets(["a/x/1.jpg", "a/x/4.jpg"], f"origin={ENDPOINT}", "tr:w-300")
    purges = select(changed, known("a/x/2.jpg"), 1.0, frozenset())
    assert urls(purges) == ["/a/x/*", "/tr:w-300/a/x/*"]
    assert all(len(purge.targets) == 2 for purge in purges)


def test_a_folder_of_the_mapping_is_cut_off_before_the_rules_are_asked() -> None:
    """`/x/*` is one level at ImageKit, however deep the folder lies in the bucket."""
    url_map = f"origin/deep/down=${ENDPOINT}".replace("$", "")
    purges = select(targets(["deep/down/x/1.jpg", "deep/down/x/2.jpg"], url_map), known(), 1.0, frozenset())
    assert urls(purges) == ["/x/1.jpg*", "/x/2.jpg*"]
    purges = select(targets(["deep/down/x/y1.jpg", "deep/down/x/y2.jpg"], url_map), known(), 1.0, frozenset())
    assert urls(purges) == ["/x/y*"]


def test_a_refused_wildcard_is_replaced_by_the_next_best() -> None:
    """What ImageKit refused once is not asked for again."""
    changed = targets(["a/x/10.jpg", "a/x/11.jpg", "a/x/20.jpg", "a/x/21.jpg"])
    purges = select(changed, known(), 1.0, frozenset({f"{ENDPOINT}/a/x/*"}))
    assert urls(purges) == ["/a/x*"]
    purges = select(changed, known("a/xylophone.jpg"), 0.5, frozenset({f"{ENDPOINT}/a/x/*"}))
    assert urls(purges) == ["/a/x/1*", "/a/x/2*"]


def test_a_refusal_under_one_root_forbids_nothing_under_another() -> None:
    """A wrong endpoint beside a right one: every wildcard is refused under it, and under it alone."""
    url_map = f"origin={ENDPOINT},origin=https://wrong.example.com"
    changed = targets([f"a/x/{n:02}.jpg" for n in range(20)], url_map)
    wrong = [f"https://wrong.example.com/a/x/{end}*" for end in ("", "0", "1")]
    purges = select(changed, known("a/y.jpg"), 1.0, frozenset(wrong))
    right = [purge.url for purge in purges if purge.url.startswith(ENDPOINT)]
    assert right == [f"{ENDPOINT}/a/x/*"]
    assert not {purge.url for purge in purges} & set(wrong)


def test_a_root_without_wildcards_divides_nothing_under_another() -> None:
    """`/x` is too short for a wildcard at one endpoint, while `/sub/x*` is allowed at the other."""
    url_map = f"origin={ENDPOINT},origin/sub=https://img.example.com"
    purges = select(targets(["sub/x"], url_map), known("sub/z"), 1.0, frozenset())
    assert [purge.url for purge in purges] == [f"{ENDPOINT}/sub/x*", "https://img.example.com/x"]


def test_what_nobody_counted_is_not_evicted() -> None:
    """Outside a run of the listing every key is purged by itself."""
    neighbours = Neighbours()
    neighbours.ranges.add("a/x.", "a/x/3.jpg")
    purges = select(targets(["a/x/1.jpg", "a/x/2.jpg"]), {"origin": neighbours}, 100.0, frozenset())
    assert urls(purges) == ["/a/x/1.jpg*", "/a/x/2.jpg*"]


@pytest.mark.parametrize("price", [0.0, 100.0])
def test_one_neighbour_that_was_seen_is_enough_to_spare_those_that_were_not(price: float) -> None:
    """What begins with the key was not listed to its end: its wildcard would evict nobody knows how many."""
    seen = Neighbours(unchanged=["avatars/10"])
    purges = select(targets(["avatars/1", "avatars/2"]), {"origin": seen}, price, frozenset())
    assert urls(purges) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*", "/avatars/2*"]
    assert all(purge.collateral == 0 for purge in purges)


def test_more_than_a_page_that_begins_with_a_key_is_not_taken_for_nothing() -> None:
    """Even if all that the pages showed had changed or was removed; but of a file these are its versions."""
    crowded = Neighbours(crowded={"avatars/1", "avatars/2.jpg"})
    purges = select(targets(["avatars/1", "avatars/2.jpg"]), {"origin": crowded}, 1.0, frozenset())
    assert urls(purges) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*", "/avatars/2.jpg*"]


def test_what_a_refused_part_evicts_anyway_counts_for_no_wildcard() -> None:
    """`p/a/1*` evicts ten keys at any price, so `p/a/*` is worth one eviction more."""
    unchanged = [*(f"p/a/1{n}" for n in range(10)), "p/a/3.jpg"]
    changed = targets(["p/a/1", "p/a/2.jpg"])
    refused = frozenset({f"{ENDPOINT}/p/a/1?*"})
    apart = {
        purge.url.removeprefix(ENDPOINT): purge for purge in select(changed, known(*unchanged), 0.5, refused)
    }
    assert {url: (each.collateral, each.weight) for url, each in apart.items()} == {
        "/p/a/1*": (10, 10),
        "/p/a/2.jpg*": (0, 0),
    }
    (together,) = select(changed, known(*unchanged), 1.0, refused)
    assert (together.url, together.collateral, together.weight) == (f"{ENDPOINT}/p/a/*", 11, 11)
    weighted = Wildcards(changed, known(*unchanged), refused, lambda key: 5 if key == "p/a/15" else 1)
    assert sorted((each.collateral, each.weight) for each in weighted.at(0.5)) == [(0, 0), (10, 14)]


def test_no_wildcard_ends_in_a_dot_segment() -> None:
    """A server may resolve `/a/..*` to something else."""
    purges = select(targets(["a/..b.jpg", "a/..c.jpg", "d/1.jpg"]), known("a/z.jpg"), 1.0, frozenset())
    assert "/a/..*" not in urls(purges)


def test_a_manual_purge_is_made_as_asked_and_serves_what_lies_under_it() -> None:
    """A peer's bug: a wildcard kept beside paths that it covers."""
    manual = PurgeTarget(
        ChangedObject((UrlChange(f"{ENDPOINT}/a/*", NOW),), True), f"{ENDPOINT}/a/*", f"{ENDPOINT}/a/*"
    )
    (purge,) = select([manual, *targets(["a/1.jpg", "a/2.jpg"])], known(), 1.0, frozenset())
    assert purge.url == f"{ENDPOINT}/a/*"
    assert purge.manual
    assert len(purge.targets) == 3


def test_a_key_under_another_keys_wildcard_is_left_to_it() -> None:
    """`a/1.jpg*` evicts `a/1.jpg.bak` in any case."""
    purges = select(
        targets(["a/1.jpg", "a/1.jpg.bak", "b/2.jpg"]), known("a/10.jpg", "a/1.png"), 1.0, frozenset()
    )
    assert urls(purges) == ["/a/1.jpg*", "/b/2.jpg*"]


def test_folder_markers_are_planned_with_the_files_of_their_folders() -> None:
    """A marker has no variants, but one wildcard covers it and the files: of one folder, or of all."""
    folders = [f"media/x{number}/" for number in range(4)]
    changed = targets([key for folder in folders for key in (folder, f"{folder}a.jpg")])
    plan = Wildcards(changed, known(*(f"{folder}b.jpg" for folder in folders)), frozenset())
    assert len(plan.sparing()) == 8
    assert plan.least() == 1
    purges, _ = plan.within(6)
    assert len(purges) == 6
    assert sum(purge.collateral for purge in purges) == 2


def test_a_key_whose_own_wildcard_was_refused_is_planned_with_its_neighbours() -> None:
    """ImageKit refused `a/x/1.jpg*`. The folder's wildcard covers that key as well."""
    refused = frozenset({f"{ENDPOINT}/a/x/1.jpg*"})
    changed = targets(["a/x/2.jpg"]) + [
        replace(target, url=target.exact) for target in targets(["a/x/1.jpg"])
    ]
    plan = Wildcards(changed, known("a/x/3.jpg"), refused)
    assert urls(plan.sparing()) == ["/a/x/1.jpg", "/a/x/2.jpg*"]
    assert plan.least() == 1


keys = st.sets(st.text("ab/é.%*", min_size=1, max_size=7), min_size=1, max_size=10)


@given(keys, keys, st.sampled_from([1.0, 4.0, 512.0]))
def test_every_need_is_in_one_purge_that_covers_its_url(
    changed: set[str], unchanged: set[str], price: float
) -> None:
    """Whatever is chosen: no change is forgotten, none is paid for twice, no purge lies under another."""
    wanted = targets(sorted(changed), f"origin={ENDPOINT}", "tr:w-1")
    purges = select(wanted, known(*sorted(unchanged - changed)), price, frozenset())
    served = [target for purge in purges for target in purge.targets]
    assert len(set(served)) == len(served)
    # A need is served as a whole, or in all of its parts.
    urls_of_parts = sorted(target.url for target in served if target not in wanted)
    divided = [target for target in wanted if target not in served]
    assert urls_of_parts == sorted(part.url for target in divided for part in target.parts())
    for purge in purges:
        if purge.url.endswith("*"):
            assert all(target.url.removesuffix("*").startswith(purge.url[:-1]) for target in purge.targets)
        else:
            assert {target.exact for target in purge.targets} == {purge.url}
        assert "*" not in purge.url[:-1]
        others = [each.url.removesuffix("*") for each in purges if each is not purge]
        assert not purge.url.endswith("*") or not any(text.startswith(purge.url[:-1]) for text in others)
