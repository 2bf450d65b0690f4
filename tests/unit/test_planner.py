"""Coverage and plan, on made-up changes: nothing counts as fresh without reason, nothing is left out."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from purging.changes import Change, ObjectChange, UrlChange
from purging.clocks import SKEW_SECONDS
from purging.planning.coverage import Coverage
from purging.planning.neighbours import Neighbours
from purging.planning.plan import Conditions, Plan
from purging.planning.planner import Planner
from purging.planning.targets import ChangedObject, PurgeTarget, changed_objects, targets_of
from purging.purges import AcceptedPurge, joined
from purging.settings import Settings
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
NOW = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()

# Few names over few seconds, so that purges and changes meet often.
paths = st.text("ab/*.", min_size=1, max_size=6)
urls = paths.map(lambda path: f"{ENDPOINT}/{path.replace('*', '')}" + "*" * path.endswith("*"))
seconds = st.floats(-30, 0).map(lambda ago: round(NOW + ago, 3))


def object_change(key: str, at: float, sequencer: str = "") -> ObjectChange:
    return ObjectChange("origin", key, "created", datetime.fromtimestamp(at, UTC), sequencer)


changes = st.builds(object_change, key=st.sampled_from(["a", "b"]), at=seconds)


@st.composite
def submitted(draw: st.DrawFn, known: list[ObjectChange]) -> AcceptedPurge:
    """A purge made at some time, for some of the changes."""
    made_for = draw(st.sets(st.sampled_from(known), max_size=2))
    return AcceptedPurge("id", draw(urls), draw(seconds), joined(change.identity for change in made_for))


def reaches(purge: str, url: str) -> bool:
    """Whether `purge` evicts all that a purge of `url` would: by the documentation, not by the code."""
    if purge.endswith("*"):
        return url.removesuffix("*").startswith(purge[:-1])
    return purge == url


@given(st.lists(changes, min_size=1, max_size=4), urls, st.data())
def test_a_change_is_covered_only_by_a_purge_made_for_it_or_surely_later(
    known: list[ObjectChange], url: str, data: st.DataObject
) -> None:
    """Soundness, and that nothing which is covered is purged again: the rule, word for word, for any mix."""
    purges = data.draw(st.lists(submitted(known), max_size=6))
    target = PurgeTarget(ChangedObject(tuple(known), manual=False), url=url, exact=url.removesuffix("*"))
    expected = all(
        any(
            reaches(purge.url, url)
            and (
                purge.made_for(change.identity)
                or purge.submitted_at - SKEW_SECONDS >= change.occurred_at.timestamp()
            )
            for purge in purges
        )
        for change in known
    )
    assert Coverage(purges).covers(target) is expected


def test_the_margin_to_the_millisecond() -> None:
    """A purge counts from exactly the margin after the change; the clocks may be that far apart."""
    target = PurgeTarget(
        ChangedObject((object_change("a", NOW),), manual=False), url=f"{ENDPOINT}/a", exact=f"{ENDPOINT}/a"
    )
    for later, covered in ((0.0, False), (SKEW_SECONDS - 0.001, False), (SKEW_SECONDS, True)):
        assert Coverage([AcceptedPurge("id", f"{ENDPOINT}/a", NOW + later)]).covers(target) is covered


def test_an_exact_purge_does_not_cover_query_variants() -> None:
    """Nor does a wildcard cover what merely looks alike."""
    variants = PurgeTarget(
        ChangedObject((object_change("a", NOW),), manual=False), f"{ENDPOINT}/b/a*", f"{ENDPOINT}/b/a"
    )
    later = NOW + 60
    assert not Coverage([AcceptedPurge("id", f"{ENDPOINT}/b/a", later)]).covers(variants)
    assert not Coverage([AcceptedPurge("id", f"{ENDPOINT}/b/a/*", later)]).covers(variants)
    assert not Coverage([AcceptedPurge("id", f"{ENDPOINT}/tr:w-1/b/a*", later)]).covers(variants)
    assert Coverage([AcceptedPurge("id", f"{ENDPOINT}/b/*", later)]).covers(variants)


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(changes, min_size=1, max_size=3), st.booleans()), max_size=5))
def test_gathering_keeps_every_change_once(sets: list[tuple[list[ObjectChange], bool]]) -> None:
    """By object, whichever set it came in; manual if anyone asked for the object."""
    found = changed_objects((change, manual) for each, manual in sets for change in each)
    gathered = Counter(change.identity for pending in found for change in pending.changes)
    assert set(gathered) == {change.identity for each, _ in sets for change in each}
    assert all(count == 1 for count in gathered.values())
    assert len({pending.changes[0].subject for pending in found}) == len(found)
    for pending in found:
        subject = pending.changes[0].subject
        asked = any(manual and change.subject == subject for each, manual in sets for change in each)
        assert pending.manual is asked


def plan(objects: list[ChangedObject], accepted: Iterable[AcceptedPurge] = (), **chosen: Any) -> Plan:
    """The plan where no bucket may be listed."""
    given: dict[str, Any] = {
        "url_map": UrlMap.parse(f"origin={ENDPOINT},origin/sub=https://img.example.com", ["tr:n-thumb"]),
        "ledger_table": "ledger",
        "secret_arn": "arn",
    }
    planner = Planner(Settings(**(given | chosen)))
    draft = planner.draft(objects, Coverage(accepted), Conditions(left=900), NOW)
    nothing = [[Neighbours() for request in survey.requests if request] for survey in draft.surveys]
    return planner.plan(draft, nothing)


keys = st.sampled_from(["a.jpg", "sub/b.jpg", "sub/c d.jpg", "x", "media/catalog/", "é/1.png", "é/2.png"])
ages = st.floats(10, 800)


@settings(deadline=None)
@given(
    st.dictionaries(keys, st.tuples(ages, st.booleans()), min_size=1),
    st.lists(st.sampled_from([f"{ENDPOINT}/a.jpg", f"{ENDPOINT}/sub/*"]), unique=True),
    st.booleans(),
)
def test_every_need_is_in_exactly_one_purge_that_reaches_it(
    objects: dict[str, tuple[float, bool]], asked: list[str], query_variants: bool
) -> None:
    """Whatever is pending, by every root: nothing is left out, nothing is purged twice, people come first."""
    waiting = [
        ChangedObject((object_change(key, NOW - ago),), manual) for key, (ago, manual) in objects.items()
    ]
    moment = datetime.fromtimestamp(NOW - 20, UTC)
    by_url: list[Change] = [UrlChange(url, moment) for url in asked]
    waiting += [ChangedObject((change,), manual=True) for change in by_url]
    planned = plan(waiting, query_variants=query_variants)
    served = [target for purge in planned.purges for target in purge.targets]
    assert len(served) == len(set(served))
    assert set(served) == set(planned.targets)
    assert len({purge.url for purge in planned.purges}) == len(planned.purges)
    for purge in planned.purges:
        assert all(reaches(purge.url, target.url) for target in purge.targets)
    order = [purge.manual for purge in planned.purges]
    assert order == sorted(order, reverse=True), "manual ones first"
    alike = [purge for purge in planned.purges if not purge.manual and len(purge.targets) == 1]
    assert [purge.since for purge in alike] == sorted(purge.since for purge in alike), "then the oldest"


def test_each_root_needs_a_purge_of_its_own() -> None:
    """Two endpoints and a path transformation: four URLs of one object; wildcards only where allowed."""
    url_map = UrlMap.parse(f"origin={ENDPOINT},origin/sub=https://img.example.com", ["tr:n-thumb"])
    pending = ChangedObject((object_change("sub/x", NOW),), manual=False)
    wildcards = [
        target.url for target in targets_of(pending, url_map, query_variants=True, refused=frozenset())
    ]
    assert wildcards == [
        f"{ENDPOINT}/sub/x*",
        f"{ENDPOINT}/tr:n-thumb/sub/x*",
        "https://img.example.com/x",
        "https://img.example.com/tr:n-thumb/x",
    ]
    refused = frozenset({f"{ENDPOINT}/sub/x*"})
    again = [target.url for target in targets_of(pending, url_map, query_variants=True, refused=refused)]
    assert again == [f"{ENDPOINT}/sub/x", *wildcards[1:]]
    exact = [target.url for target in targets_of(pending, url_map, query_variants=False, refused=frozenset())]
    assert exact == [url.removesuffix("*") for url in wildcards]


def test_what_is_covered_needs_nothing() -> None:
    """A plan for what an earlier purge has made fresh is empty."""
    waiting = [ChangedObject((object_change("a.jpg", NOW - 60),), manual=False)]
    earlier = [
        AcceptedPurge("1", f"{ENDPOINT}/a.jpg*", NOW - 30),
        AcceptedPurge("2", f"{ENDPOINT}/tr:n-thumb/a.jpg*", NOW - 30),
    ]
    planned = plan(waiting, earlier)
    assert (planned.purges, planned.targets) == ([], [])
    half = plan(waiting, earlier[:1])
    assert [purge.url for purge in half.purges] == [f"{ENDPOINT}/tr:n-thumb/a.jpg*"]
