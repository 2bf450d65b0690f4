"""What the console knows of objects and purges: which change a purge was for, and which copies it evicts."""

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from local.console.objects import KEEP_DELETED_SECONDS, SETTLED_SECONDS, Objects, Stored
from local.console.purges import PLANNED, UNSEEN_SECONDS, Planned, Purges, completions
from local.observer import Accepted

ENDPOINT = "http://127.0.0.1:8080/demo"


def _url(key: str) -> str:
    return f"{ENDPOINT}/{quote(key)}"


def _stored(etag: str, modified: float = 10.0) -> Stored:
    return Stored(f'"{etag}"', 1, modified)


def _objects(*keys: str) -> Objects:
    objects = Objects(_url)
    objects.listed({key: _stored("old") for key in keys}, 100.0, 0.0)
    return objects


def _accepted(url: str, at: float, request_id: str = "r1") -> Accepted:
    return Accepted(request_id, url, at, None)


def _step(objects: Objects, key: str, planned: dict[str, bool] | None = None, **completed: float) -> str:
    return str(objects.rows(planned or {}, completed)[key]["step"])


def test_an_object_goes_from_changed_to_completed() -> None:
    """By its own purge, in the order in which it happens."""
    objects = _objects("a/b.jpg")
    assert _step(objects, "a/b.jpg") == ""
    objects.changed("a/b.jpg", _stored("new", 200.0), 200.0)
    assert _step(objects, "a/b.jpg") == "changed"
    assert _step(objects, "a/b.jpg", {"a/b.jpg": False}) == "pending"
    assert _step(objects, "a/b.jpg", {"a/b.jpg": True}) == "planned"
    assert objects.purged(_accepted(_url("a/b.jpg") + "*", 201.0), frozenset()).changed == ("a/b.jpg",)
    assert _step(objects, "a/b.jpg") == "accepted"
    assert _step(objects, "a/b.jpg", r1=203.0) == "completed"
    objects.changed("a/b.jpg", _stored("newer", 300.0), 300.0)
    assert _step(objects, "a/b.jpg", r1=203.0) == "changed"


def test_a_purge_from_before_the_change_is_not_its_purge() -> None:
    """It may have shown the older copy."""
    objects = _objects("a/b.jpg")
    objects.changed("a/b.jpg", _stored("new", 200.0), 200.0)
    assert objects.purged(_accepted(_url("a/b.jpg"), 199.0), frozenset()) == ((), ())
    assert _step(objects, "a/b.jpg") == "changed"


def test_a_wildcard_evicts_what_did_not_change() -> None:
    """And only keys that begin with its prefix, as the URL has it."""
    objects = _objects("a/b 1.jpg", "a/b 2.jpg", "a/c.jpg")
    objects.changed("a/b 1.jpg", _stored("new", 200.0), 200.0)
    covered = objects.purged(_accepted(f"{ENDPOINT}/a/b%20*", 201.0), frozenset())
    assert covered == (("a/b 1.jpg",), ("a/b 2.jpg",))


def test_a_new_object_is_changed_only_if_its_change_is_pending() -> None:
    """In a versioned bucket it needs no purge. A wildcard for others then evicts it needlessly."""
    objects = _objects("a/b.jpg")
    objects.changed("a/new.jpg", _stored("new", 200.0), 200.0)
    assert _step(objects, "a/new.jpg") == ""
    assert objects.purged(_accepted(f"{ENDPOINT}/a/n*", 201.0), frozenset()).evicted == ("a/new.jpg",)
    waiting = frozenset({"a/new.jpg"})
    assert objects.purged(_accepted(f"{ENDPOINT}/a/n*", 202.0, "r2"), waiting).changed == ("a/new.jpg",)
    assert _step(objects, "a/new.jpg") == "accepted"


def test_a_listing_shows_what_others_changed() -> None:
    """An overwritten object and a deleted one may be stale from the listing before on."""
    objects = _objects("a", "b", "c")
    objects.listed({"a": _stored("new", 150.0), "c": _stored("old")}, 200.0, 100.0)
    assert [_step(objects, key) for key in "abc"] == ["changed", "changed", ""]
    assert objects.stored("b") is None
    assert objects.purged(_accepted(_url("b"), 160.0), frozenset()).changed == ("b",)


def test_an_older_listing_does_not_undo_a_change_of_the_page() -> None:
    """It began before the change. A later one shows the same object, in whole seconds of another clock."""
    objects = _objects("a")
    objects.changed("a", Stored('"new"', 1, 200.9), 200.9)
    objects.listed({"a": _stored("old")}, 200.0, 100.0)
    assert objects.stored("a") == Stored('"new"', 1, 200.9)
    objects.purged(_accepted(_url("a"), 201.0), frozenset())
    objects.listed({"a": _stored("new", 202.0)}, 203.0, 200.0)
    assert _step(objects, "a") == "accepted"


def test_a_deleted_object_is_forgotten_some_time_after_its_purge() -> None:
    """Until then the page shows that the edge still has it."""
    objects = _objects("a")
    objects.changed("a", None, 200.0)
    objects.purged(_accepted(_url("a"), 201.0), frozenset())
    objects.forget_deleted({"r1": 203.0}, 204.0)
    assert "a" in objects
    objects.forget_deleted({"r1": 203.0}, 204.0 + KEEP_DELETED_SECONDS)
    assert "a" not in objects


def test_a_deleted_object_without_a_purge_is_forgotten_when_none_is_coming() -> None:
    """Its change needs none, or was given up. While anything waits in the queue, it may still get one."""
    objects = _objects("a")
    objects.changed("a", None, 200.0)
    late = 201.0 + KEEP_DELETED_SECONDS
    objects.forget_deleted({}, late)
    assert _step(objects, "a") == "changed"
    objects.settle(late)
    assert _step(objects, "a") == ""
    objects.forget_deleted({}, late)
    assert "a" not in objects


def test_a_change_without_a_purge_does_not_stay_changed() -> None:
    """When nothing waits, no purge is coming. The event of a change of just now may still be on its way."""
    objects = _objects("a")
    objects.changed("a", _stored("new", 200.0), 200.0)
    objects.settle(200.0 + SETTLED_SECONDS)
    assert _step(objects, "a") == "changed"
    objects.settle(200.1 + SETTLED_SECONDS)
    assert _step(objects, "a") == ""


def test_a_purge_of_its_own_url_is_the_purge_of_an_object() -> None:
    """Somebody asked for it by hand: the card shows its steps, as the list of purges does."""
    objects = _objects("a/b.jpg", "a/c.jpg")
    for number, url in enumerate((_url("a/b.jpg"), f"{_url('a/c.jpg')}*"), 1):
        objects.purged(_accepted(url, 50.0, f"r{number}"), frozenset())
    assert [_step(objects, key) for key in ("a/b.jpg", "a/c.jpg")] == ["accepted", "accepted"]


def test_a_change_after_a_completed_purge_shows_that_it_is_pending() -> None:
    """A replayed event, say. While the purge is on its way, the pending change is the one that it covers."""
    objects = _objects("a")
    objects.purged(_accepted(_url("a"), 50.0), frozenset())
    assert _step(objects, "a", {"a": False}) == "accepted"
    assert _step(objects, "a", {"a": False}, r1=53.0) == "pending"
    objects.purged(_accepted(_url("a"), 60.0, "r2"), frozenset("a"))
    assert _step(objects, "a", {}, r1=53.0) == "accepted"


def test_every_purge_comes_to_an_end() -> None:
    """One that TrackPurges never saw Completed is so when ImageKit says it, after some time."""
    purges = [
        Accepted("r1", "u", 100.0, 103.0),
        Accepted("r2", "u", 100.0, 103.0),
        Accepted("r3", "u", 100.0, None),
    ]
    assert completions(purges, {"r1": 104.0}, 110.0) == {"r1": 104.0}
    assert completions(purges, {"r1": 104.0}, 104.0 + UNSEEN_SECONDS) == {"r1": 104.0, "r2": 103.0}


def test_a_purge_without_an_object_ends_as_completed() -> None:
    """The edge has nothing to look at, and the page waits for nothing."""
    objects, purges = _objects("a"), Purges(ENDPOINT)
    purges.accepted([_accepted(_url("gone"), 201.0)], objects.purged)
    purges.completed({"r1": 203.0})
    assert purges.to_look_at() == {}
    assert (purges.rows()["r1"]["state"], purges.rows()["r1"]["seen"]) == ("completed", False)


@given(st.sets(st.text("ab/ *", min_size=1), max_size=20), st.text("ab/ *"))
def test_covered_keys_are_those_whose_url_begins_so(keys: set[str], prefix: str) -> None:
    """Whatever stands in the keys; found without a look at each of them."""
    objects = _objects(*keys)
    url = f"{ENDPOINT}/{quote(prefix)}"
    assert sorted(objects.covered(f"{url}*")) == sorted(key for key in keys if _url(key).startswith(url))
    assert objects.covered(url) == [key for key in keys if _url(key) == url]


def test_a_purge_goes_from_planned_to_fresh() -> None:
    """With the time of each step, and the log's number of needless evictions."""
    objects, purges = _objects("a/b 1.jpg", "a/b 2.jpg"), Purges(ENDPOINT)
    url = f"{ENDPOINT}/a/b%20*"
    objects.changed("a/b 1.jpg", _stored("new", 200.0), 200.0)
    purges.plan([Planned(url, ("a/b 1.jpg",), 1)], 200.5)
    (row,) = purges.rows().values()
    assert (row["state"], row["shown"], row["changed"], row["evicts"]) == ("planned", "a/b *", 1, 1)
    assert list(purges.rows()) == [f"{PLANNED}{url}"]
    purges.accepted([_accepted(url, 201.0)], objects.purged)
    purges.plan([], 201.5)
    assert purges.rows()["r1"]["state"] == "accepted"
    assert purges.rows()["r1"]["planned"] == 200.5
    assert purges.not_logged_since(0.0) == 201.0
    purges.logged({"r1": 7})
    assert purges.not_logged_since(0.0) is None
    assert purges.to_look_at() == {}
    purges.completed({"r1": 203.0, "another": 1.0})
    assert purges.to_look_at() == {"r1": ("a/b 1.jpg",)}
    purges.fresh("r1", 204.0)
    row = purges.rows()["r1"]
    assert (row["state"], row["completed"], row["fresh"], row["evicts"]) == ("fresh", 203.0, 204.0, 7)
    assert purges.to_look_at() == {}


def test_planned_purges_stay_until_they_are_accepted_or_planned_anew() -> None:
    """While a drain is at work, nothing is planned anew: the others of its purges are still to come."""
    purges = Purges(ENDPOINT)
    urls = [f"{ENDPOINT}/a/{number}.jpg*" for number in range(3)]
    purges.plan([Planned(url, (), 0) for url in urls], 200.0)
    purges.accepted([_accepted(urls[0], 201.0)], _objects().purged)
    assert [row["state"] for row in purges.rows().values()] == ["accepted", "planned", "planned"]
    purges.plan([Planned(urls[1], (), 0)], 202.0)
    assert sorted(purges.rows()) == [f"{PLANNED}{urls[1]}", "r1"]
    assert purges.rows()[f"{PLANNED}{urls[1]}"]["planned"] == 200.0
