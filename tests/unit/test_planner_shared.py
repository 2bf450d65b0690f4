"""The plan where several objects have the same URL: what is new, and what a wildcard evicts, goes by URL."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.fakes.s3_listing import Bucket
from purging.aws.clients import AWS_CALL_SECONDS
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.changes import ObjectChange
from purging.planning.coverage import Coverage
from purging.planning.neighbours import Page
from purging.planning.plan import Conditions, Plan
from purging.planning.planner import Planner
from purging.planning.targets import ChangedObject
from purging.settings import Settings
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
BOTH = f"old={ENDPOINT},new={ENDPOINT}"
# The last day of a month: nearly all that is left of it may be spent.
NOW = datetime(2030, 5, 31, 12, tzinfo=UTC).timestamp()


class Buckets:
    """Lists the buckets that there are, and counts requests."""

    def __init__(self, buckets: Mapping[str, Iterable[str]]) -> None:
        self.buckets = {name: Bucket(keys) for name, keys in buckets.items()}
        self.now = 0.0

    def page(self, bucket: str, after: str, **options: Any) -> Page:
        """A second for each."""
        self.now += 1.0
        if bucket not in self.buckets:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")
        client: Any = self.buckets[bucket]
        return S3Lister(client).page(bucket, after, **options)


def pending(bucket: str, *keys: str, version: str | None = "v1", ago: float = 60.0) -> list[ChangedObject]:
    moment = datetime.fromtimestamp(NOW - ago, UTC)
    return [
        ChangedObject((ObjectChange(bucket, key, "created", moment, f"{number:x}", version),), False)
        for number, key in enumerate(keys)
    ]


def plan(
    waiting: list[ChangedObject],
    buckets: Buckets,
    url_map: str = BOTH,
    *,
    conditions: Conditions | None = None,
    remaining: Callable[[], float] = lambda: 1e6,
    **chosen: Any,
) -> Plan:
    settings = Settings(UrlMap.parse(url_map), "ledger", "arn", **chosen)
    planner = Planner(settings)
    draft = planner.draft(
        waiting,
        Coverage(()),
        conditions or Conditions(settings.automatic_quota),
        NOW,
        may_survey=remaining() >= AWS_CALL_SECONDS,
    )
    return planner.plan(draft, Surveyor(buckets).run(draft.surveys, remaining))


def urls(planned: Plan) -> list[str]:
    return sorted(purge.url.removeprefix(ENDPOINT) for purge in planned.purges)


# --- new objects ---


def test_what_is_new_in_one_bucket_is_purged_if_another_one_has_its_url() -> None:
    """The CDN shows the old bucket's object there; what no bucket had needs no purge."""
    buckets = Buckets({"old": ["a/x.jpg"], "new": ["a/x.jpg", "b/y.jpg"]})
    found = plan(pending("new", "a/x.jpg", "b/y.jpg"), buckets)
    assert urls(found) == ["/a/x.jpg*"]
    assert {target.key for target in found.targets} == {"a/x.jpg"}


def test_what_another_bucket_had_once_is_not_new_either() -> None:
    """Removed there, and put here: what was cached in between may still be shown."""
    buckets = Buckets({"old": ["a/x.jpg"], "new": ["a/x.jpg"]})
    buckets.buckets["old"].delete("a/x.jpg", NOW - 90)
    assert urls(plan(pending("new", "a/x.jpg"), buckets)) == ["/a/x.jpg*"]


@pytest.mark.parametrize(
    ("url_map", "new", "old"),
    [
        (f"new/n={ENDPOINT},old/o={ENDPOINT}", "n/a/x.jpg", "o/a/x.jpg"),
        (f"new={ENDPOINT},old={ENDPOINT}/a", "a/x.jpg", "x.jpg"),
        (f"new={ENDPOINT}/a,old={ENDPOINT}", "x.jpg", "a/x.jpg"),
        (f"*={ENDPOINT},old={ENDPOINT}/a", "a/x.jpg", "x.jpg"),
        (f"new={ENDPOINT},new=https://img.example.com,old=https://img.example.com", "a/x.jpg", "a/x.jpg"),
    ],
)
def test_folders_and_endpoints_below_each_other_are_one_url(url_map: str, new: str, old: str) -> None:
    """Wherever the old object lies, its URL is looked for."""
    waiting = pending("new", new)
    assert plan(waiting, Buckets({"old": [old], "new": [new]}), url_map).purges
    assert not plan(waiting, Buckets({"old": [f"{old}.x"], "new": [new]}), url_map).targets


def test_two_folders_of_a_bucket_under_one_endpoint_are_no_different() -> None:
    """One object shadows the other."""
    waiting = pending("one", "n/a/x.jpg")
    url_map = f"one/n={ENDPOINT},one/o={ENDPOINT}"
    assert plan(waiting, Buckets({"one": ["n/a/x.jpg", "o/a/x.jpg"]}), url_map).purges
    assert not plan(waiting, Buckets({"one": ["n/a/x.jpg", "o/b/x.jpg"]}), url_map).targets


def test_buckets_that_nobody_can_name_make_nothing_new() -> None:
    """Of a `*` that stands for several, each may have had the object."""
    waiting = pending("new", "a/x.jpg")
    buckets = Buckets({"new": ["a/x.jpg"]})
    assert not plan(waiting, buckets, f"*={ENDPOINT}").targets
    assert urls(plan(waiting, buckets, f"*={ENDPOINT}", several_buckets=True)) == ["/a/x.jpg*"]
    assert urls(plan(waiting, buckets, f"new={ENDPOINT},*={ENDPOINT}", several_buckets=True))
    assert not plan(waiting, buckets, f"new={ENDPOINT},*=https://img.example.com").targets


def test_a_bucket_that_may_not_be_listed_makes_nothing_new() -> None:
    """Nor does a look that has no time for it; and nothing there is evicted by a wildcard."""
    new = ["a/x/1.jpg", "a/x/2.jpg"]
    found = plan(pending("new", *new), Buckets({"new": new}))
    assert urls(found) == [f"/{key}*" for key in new]
    buckets = Buckets({"old": [], "new": new[:1]})
    found = plan(pending("new", *new[:1]), buckets, remaining=lambda: 10.5 - buckets.now)
    assert (buckets.now, urls(found)) == (1.0, [f"/{new[0]}*"])


# --- what a wildcard evicts ---


def test_a_wildcard_counts_what_it_evicts_in_the_other_bucket() -> None:
    """The folder changed as a whole in one bucket; the other one has 50 unchanged objects at its URLs."""
    changed = [f"a/x/{n}.jpg" for n in range(3)]
    others = [f"a/x/other-{n}.jpg" for n in range(50)]
    waiting = pending("new", *changed, version=None)
    assert urls(plan(waiting, Buckets({"old": [], "new": changed}))) == ["/a/x/*"]
    found = plan(waiting, Buckets({"old": others, "new": changed}))
    assert urls(found) == [f"/{key}*" for key in changed]
    scarce = plan(
        pending("new", *changed, version=None, ago=900),
        Buckets({"old": others, "new": changed}),
        conditions=Conditions(1),
    )
    assert [(purge.url, purge.collateral) for purge in scarce.purges] == [(f"{ENDPOINT}/a/x/*", 50)]


def test_the_other_objects_of_changed_urls_are_no_loss() -> None:
    """Both buckets have the whole folder: all of its URLs are to be purged anyway."""
    changed = [f"a/x/{n}.jpg" for n in range(3)]
    (purge,) = plan(pending("new", *changed, version=None), Buckets({"old": changed, "new": changed})).purges
    assert (purge.url, purge.collateral) == (f"{ENDPOINT}/a/x/*", 0)


def test_what_changed_in_the_other_bucket_too_is_no_loss() -> None:
    """One wildcard serves the changes of both."""
    waiting = [
        *pending("new", "a/x/1.jpg", "a/x/2.jpg", version=None),
        *pending("old", "a/x/3.jpg", "a/x/4.jpg", version=None),
    ]
    found = plan(waiting, Buckets({"new": ["a/x/1.jpg", "a/x/2.jpg"], "old": ["a/x/3.jpg", "a/x/4.jpg"]}))
    assert [(purge.url, purge.collateral, len(purge.targets)) for purge in found.purges] == [
        (f"{ENDPOINT}/a/x/*", 0, 4)
    ]


def test_what_is_new_in_the_other_bucket_is_spared() -> None:
    """It needs no purge, and may be cached by now."""
    waiting = [
        *pending("new", "a/x/1.jpg", "a/x/4.jpg", version=None),
        *pending("old", "a/x/2.jpg", "a/x/3.jpg"),
    ]
    found = plan(waiting, Buckets({"new": ["a/x/1.jpg", "a/x/4.jpg"], "old": ["a/x/2.jpg", "a/x/3.jpg"]}))
    assert urls(found) == ["/a/x/1.jpg*", "/a/x/4.jpg*"]


def test_no_wildcard_reaches_into_an_endpoint_below_that_nobody_counted() -> None:
    """`/shop*` of one bucket would evict all of the other's endpoint `/shop`."""
    url_map = f"main={ENDPOINT},shop={ENDPOINT}/photos/shop"
    changed = ["photos/shop-1.jpg", "photos/shop-2.jpg"]
    buckets = Buckets({"main": changed, "shop": [f"{n}.jpg" for n in range(2000)]})
    found = plan(pending("main", *changed, version=None), buckets, url_map)
    assert urls(found) == ["/photos/shop-*"]
    waiting = pending("main", "photos/s1.jpg", *changed, version=None, ago=900)
    scarce = plan(waiting, buckets, url_map, conditions=Conditions(2))
    assert f"{ENDPOINT}/photos/s*" not in {purge.url for purge in scarce.purges}


def test_a_keys_own_wildcard_spares_what_begins_with_it_in_the_other_bucket() -> None:
    """`avatars/1` is new here; `avatars/10` is there."""
    buckets = Buckets({"new": ["avatars/1"], "old": [f"avatars/1{n}" for n in range(10)]})
    found = plan(pending("new", "avatars/1", version=None), buckets)
    assert urls(found) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*"]


@pytest.mark.parametrize(("left", "purged"), [(900, 3), (3, 3), (2, 1)])
def test_under_buckets_that_nobody_can_name_a_wildcard_is_the_last_resort(left: int, purged: int) -> None:
    """Nobody knows what a wildcard would evict: it is used only if changes would stay stale without it."""
    changed = [f"a/x/{n}.jpg" for n in range(3)]
    waiting = pending("new", *changed, version=None, ago=900)
    found = plan(
        waiting,
        Buckets({"new": changed}),
        f"*={ENDPOINT}",
        several_buckets=True,
        conditions=Conditions(left),
    )
    assert urls(found) == (["/a/x/*"] if purged == 1 else [f"/{key}*" for key in changed])
    assert (found.purges[0].collateral > 0) is (purged == 1)


def test_a_keys_own_wildcard_spares_what_nobody_can_count() -> None:
    """A key without extension is purged in parts. Hardly anything begins with a file's."""
    waiting = pending("new", "avatars/1", "avatars/2.jpg", version=None)
    buckets = Buckets({"new": ["avatars/1", "avatars/2.jpg"]})
    found = plan(waiting, buckets, f"*={ENDPOINT}", several_buckets=True)
    assert urls(found) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*", "/avatars/2.jpg*"]


def test_the_buckets_share_the_time_for_a_look() -> None:
    """A large one beside: the look ends in time."""
    keys = [f"catalog/{folder:04}/{n:03}.jpg" for folder in range(1000) for n in range(200)]
    buckets = Buckets({"new": keys, "old": keys[::2]})
    waiting = pending("new", *keys[300::500], version=None)
    found = plan(waiting, buckets, remaining=lambda: 40.0 - buckets.now)
    assert 20.0 < buckets.now <= 40.0
    assert {target.changed_object for target in found.targets} == set(waiting)
