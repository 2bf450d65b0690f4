"""The plan with buckets to look into: what is new, what begins with a key, how long a look takes."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from string import ascii_lowercase
from typing import Any

import pytest

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
from purging.purges import AcceptedPurge, FailingUrl, joined
from purging.settings import Settings
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
# The last day of a month: nearly all that is left of it may be spent.
NOW = datetime(2030, 5, 31, 12, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86_400.0


def _lister(bucket: Any) -> S3Lister:
    """The functions' own lister, with a fake bucket for its client."""
    return S3Lister(bucket)


class Clock:
    """Seconds that pass only while S3 is asked, and what was asked."""

    def __init__(self, bucket: Bucket, seconds: float = 0.0) -> None:
        self.now = 0.0
        self.requests: list[str] = []
        self._lister = _lister(bucket)
        self._seconds = seconds

    def page(self, bucket: str, after: str, **options: Any) -> Page:
        """The bucket's page, after some seconds."""
        self.now += self._seconds
        self.requests.append(options.get("prefix") or after)
        return self._lister.page(bucket, after, **options)

    def remaining(self, life: float) -> Callable[[], float]:
        """What is left of a life of some seconds that begins at 0."""
        return lambda: life - self.now


def change(key: str, *, ago: float = 60.0, version: str | None = None, number: int = 0) -> ObjectChange:
    moment = datetime.fromtimestamp(NOW - ago, UTC)
    return ObjectChange("origin", key, "created", moment, f"{number:x}", version)


def pending(keys: Iterable[str], *, ago: float = 60.0, version: str | None = None) -> list[ChangedObject]:
    return [ChangedObject((change(key, ago=ago, version=version),), False) for key in keys]


def plan(
    waiting: list[ChangedObject],
    bucket: Bucket | Clock,
    *,
    submitted: Iterable[AcceptedPurge] = (),
    conditions: Conditions | None = None,
    remaining: Callable[[], float] = lambda: 1e6,
    now: float = NOW,
    **chosen: Any,
) -> Plan:
    settings = Settings(UrlMap.parse(f"*={ENDPOINT}"), "ledger", "arn", **chosen)
    planner = Planner(settings)
    draft = planner.draft(
        waiting,
        Coverage(submitted),
        conditions or Conditions(settings.automatic_quota),
        now,
        may_survey=remaining() >= AWS_CALL_SECONDS,
    )
    return planner.plan(
        draft,
        Surveyor(bucket if isinstance(bucket, Clock) else _lister(bucket)).run(draft.surveys, remaining),
    )


def urls(planned: Plan) -> list[str]:
    return sorted(purge.url.removeprefix(ENDPOINT) for purge in planned.purges)


def overwritten(keys: Iterable[str], *changed: str) -> Bucket:
    bucket = Bucket(keys)
    for key in changed:
        bucket.put(key)
    return bucket


# --- new objects ---


@pytest.mark.parametrize(("hours", "purged"), [(0.0, 0), (23.9, 0), (24.0, 1), (31 * 24.0, 1)])
def test_one_version_means_new_only_until_the_one_before_may_have_expired(hours: float, purged: int) -> None:
    """A lifecycle rule removes noncurrent versions after a day or more: what was held that long looks new."""
    found = plan(pending(["a/x.jpg"], ago=hours * HOUR, version="v2"), Bucket(["a/x.jpg"]))
    assert len(found.purges) == purged


def test_one_version_dated_in_the_future_is_not_known_to_be_new() -> None:
    """Its clock is wrong, so that nobody knows how long it was held."""
    found = plan(pending(["a/x.jpg"], ago=-HOUR, version="v2"), Bucket(["a/x.jpg"]))
    assert urls(found) == ["/a/x.jpg*"]


def test_what_was_removed_and_put_again_is_forgotten_for_a_day_only() -> None:
    """A version in between, which visitors saw, may have expired as well."""
    bucket = Bucket(["a/x.jpg"])
    bucket.delete("a/x.jpg", NOW - 40 * HOUR)
    bucket.put("a/x.jpg")
    purge = AcceptedPurge("1", f"{ENDPOINT}/a/x.jpg*", NOW - 39 * HOUR)
    for hours, purged in ((23.0, 0), (25.0, 1)):
        waiting = pending(["a/x.jpg"], ago=hours * HOUR, version="v3")
        assert len(plan(waiting, bucket, submitted=[purge]).purges) == purged


def test_new_objects_that_no_listing_reaches_are_asked_for_one_by_one() -> None:
    """850 of them, scattered over a bucket of 425,000 keys: not one is purged."""
    folders = [f"catalog/{n:03}" for n in range(850)]
    new = [f"{folder}/new.jpg" for folder in folders]
    bucket = Bucket([*(f"{folder}/{n:03}.jpg" for folder in folders for n in range(500)), *new])
    found = plan(pending(new, version="v1"), bucket)
    assert (found.purges, found.targets) == ([], [])


def test_questions_end_with_the_time_for_them() -> None:
    """What was asked in time needs no purge; the rest is purged, as it may be cached."""
    folders = [f"catalog/{n:03}" for n in range(600)]
    new = [f"{folder}/new.jpg" for folder in folders]
    clock = Clock(Bucket([*(f"{folder}/{n:03}.jpg" for folder in folders for n in range(600)), *new]), 0.2)
    found = plan(pending(new, version="v1"), clock, remaining=clock.remaining(60.0))
    assert clock.now <= 60.0
    assert 100 < len(found.purges) < 500


def test_new_objects_that_nobody_could_look_at_wait_for_the_next_look() -> None:
    """If their purges fit into no plan, but only as long as changes may wait at all."""
    folders = [f"catalog/{n:04}" for n in range(1500)]
    new = [f"{folder}/new.jpg" for folder in folders]
    bucket = Bucket([*(f"{folder}/{n:03}.jpg" for folder in folders for n in range(50)), *new])
    clock = Clock(bucket, 0.2)
    found = plan(pending(new, version="v1"), clock, remaining=clock.remaining(30.0), monthly_quota=20)
    assert (found.purges, found.hold) == ([], "held")
    clock = Clock(bucket, 0.2)
    old = pending(new, ago=900, version="v1")
    found = plan(old, clock, remaining=clock.remaining(30.0), monthly_quota=20)
    assert found.purges


# --- the time for a look ---


def test_a_look_into_a_large_bucket_ends_in_time() -> None:
    """400 scattered overwrites among 400,000 objects, 0.2 seconds a request: all are planned in 40 s."""
    keys = [f"catalog/{folder:04}/{n:03}.jpg" for folder in range(2000) for n in range(200)]
    changed = keys[500::1000]
    clock = Clock(overwritten(keys, *changed), 0.2)
    found = plan(pending(changed, version="v2"), clock, remaining=clock.remaining(40.0))
    assert clock.now <= 40.0
    assert len(changed) == len(found.targets) == 400
    assert {target for purge in found.purges for target in purge.targets} == set(found.targets)
    assert all(purge.collateral == 0 for purge in found.purges)


def test_what_pays_most_is_listed_first() -> None:
    """A folder changed as a whole, behind hundreds of scattered changes: the time is for the folder."""
    keys = [f"catalog/{folder:04}/{n:03}.jpg" for folder in range(1000) for n in range(200)]
    folder = [f"zoo/animals/{n:03}.jpg" for n in range(90)]
    changed = [*keys[300::500], *folder]
    clock = Clock(overwritten([*keys, *folder, "zoo/animals-2/x.jpg"], *changed), 1.0)
    found = plan(pending(changed), clock, remaining=clock.remaining(25.0))
    assert clock.now <= 25.0
    assert [len(purge.targets) for purge in found.purges][:1] == [90]


def test_no_time_means_no_look() -> None:
    """A request may hang for seconds, so none is begun. What can wait is left to the next drain, which may
    look; what cannot is purged one by one."""
    clock = Clock(Bucket(["a/1.jpg", "a/2.jpg"]))
    found = plan(pending(["a/1.jpg", "a/2.jpg"]), clock, remaining=lambda: 5.0)
    assert (clock.requests, urls(found), found.hold) == ([], [], "held")
    found = plan(pending(["a/1.jpg", "a/2.jpg"], ago=900), clock, remaining=lambda: 5.0)
    assert (clock.requests, urls(found), found.hold) == ([], ["/a/1.jpg*", "/a/2.jpg*"], "")


def test_buckets_share_the_time() -> None:
    """A large one does not take it from a small one, in which new objects wait."""
    keys = [f"catalog/{folder:04}/{n:03}.jpg" for folder in range(1000) for n in range(200)]
    clock = Clock(Bucket([*keys, "new.jpg"]), 0.5)
    large = pending(keys[300::500], version="v2")
    small = ChangedObject(
        (ObjectChange("small", "new.jpg", "created", large[0].changes[0].occurred_at, "1", "v"),), False
    )
    found = plan([*large, small], clock, remaining=clock.remaining(40.0))
    assert clock.now <= 40.0
    assert small not in {target.changed_object for target in found.targets}


def test_fifty_thousand_changes_are_planned_in_seconds() -> None:
    """As many as a round gets, in folders of twenty, at every price: the processor's time stays bounded."""
    keys = [f"catalog/{folder:04}/{n:03}.jpg" for folder in range(5000) for n in range(20)]
    waiting = pending(keys[::2], ago=2 * HOUR)
    began = time.process_time()
    found = plan(waiting, Bucket(keys), conditions=Conditions(50))
    assert time.process_time() - began < 20.0
    assert {target.changed_object for target in found.targets} == set(waiting)


# --- what a key's own wildcard evicts ---

AVATARS = [f"avatars/{n}" for n in range(1, 100)]


def test_a_folder_marker_does_not_evict_the_folder() -> None:
    """`photos/2024/` is an object whose URL is purged exactly."""
    bucket = overwritten(["photos/2024/", *(f"photos/2024/{n}.jpg" for n in range(50))], "photos/2024/")
    found = plan(pending(["photos/2024/"]), bucket)
    assert urls(found) == ["/photos/2024/"]


def test_a_key_that_others_begin_with_does_not_evict_them() -> None:
    """`avatars/1` leaves `avatars/10` alone, and all variants of its own URL are purged."""
    found = plan(pending(["avatars/1"]), Bucket(AVATARS))
    assert urls(found) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*"]
    assert plan(pending(["avatars/12"]), Bucket(AVATARS)).purges[0].url == f"{ENDPOINT}/avatars/12*"


@pytest.mark.parametrize("count", [900, 1500])
@pytest.mark.parametrize("version", [None, "v2"])
def test_a_key_that_more_than_a_page_begins_with_does_not_evict_them(count: int, version: str | None) -> None:
    """900 avatars fit on a page, 1,500 do not: they are spared all the same."""
    bucket = overwritten(["avatars/1", *(f"avatars/1{n:04}" for n in range(count))], "avatars/1")
    found = plan(pending(["avatars/1"], version=version), bucket)
    assert urls(found) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*"]


def test_when_purges_are_scarce_a_neighbour_is_cheaper_than_three_of_them() -> None:
    """`photo.jpg.webp` goes with `photo.jpg` then, and is spared while the quota suffices."""
    bucket = Bucket(["a/photo.jpg", "a/photo.jpg.webp"])
    assert urls(plan(pending(["a/photo.jpg"]), bucket)) == [
        "/a/photo.jpg",
        "/a/photo.jpg/ik-*",
        "/a/photo.jpg?*",
    ]
    (purge,) = plan(pending(["a/photo.jpg"], ago=900), bucket, conditions=Conditions(1)).purges
    assert purge.url == f"{ENDPOINT}/a/photo.jpg*"
    assert purge.collateral == 1


def test_scarce_purges_evict_what_begins_with_a_key() -> None:
    """Two purges left: eleven avatars are worth less."""
    found = plan(pending(["avatars/1"], ago=900), Bucket(AVATARS), conditions=Conditions(2))
    assert [(purge.url, purge.collateral) for purge in found.purges] == [(f"{ENDPOINT}/avatars/1*", 10)]


def test_parts_that_were_bought_are_not_bought_again() -> None:
    """Two of three purges were accepted before the time was over: the third is left."""
    waiting = pending(["avatars/1"])
    identities = joined(each.identity for each in waiting[0].changes)
    bought = [
        AcceptedPurge(url, f"{ENDPOINT}/avatars/1{url}", NOW - 30, identities) for url in ("", "?*", "/ik-*")
    ]
    for left in range(3):
        found = plan(waiting, Bucket(AVATARS), submitted=[*bought[:left], *bought[left + 1 :]])
        assert urls(found) == [f"/avatars/1{bought[left].request_id}"]
    assert plan(waiting, Bucket(AVATARS), submitted=bought).targets == []


def test_an_exact_purge_by_hand_leaves_the_variants() -> None:
    """Someone purged the URL itself after the change: that is not bought again, the rest is."""
    by_hand = AcceptedPurge("1", f"{ENDPOINT}/a/x.jpg", NOW - 30)
    found = plan(pending(["a/x.jpg"]), Bucket(["a/x.jpg"]), submitted=[by_hand])
    assert urls(found) == ["/a/x.jpg/ik-*", "/a/x.jpg?*"]


def test_where_imagekit_takes_no_wildcard_for_variants_the_keys_own_is_used() -> None:
    """Refused once for a key, it is not tried again for that key, and what `KEY*` evicts is told."""
    refused = Conditions(900, refused=frozenset({f"{ENDPOINT}/avatars/1?*"}))
    (purge,) = plan(pending(["avatars/1"]), Bucket(AVATARS), conditions=refused).purges
    assert (purge.url, purge.collateral, purge.weight) == (f"{ENDPOINT}/avatars/1*", 10, 10)


def test_a_part_refused_for_one_key_says_nothing_of_other_keys() -> None:
    """ImageKit may refuse `ééééé?*` as too short: the avatars are spared all the same."""
    refused = Conditions(900, refused=frozenset({f"{ENDPOINT}/%C3%A9?*", f"{ENDPOINT}/avatars/7/ik-*"}))
    found = plan(pending(["avatars/1"]), Bucket(AVATARS), conditions=refused)
    assert urls(found) == ["/avatars/1", "/avatars/1/ik-*", "/avatars/1?*"]
    assert sum(purge.collateral for purge in found.purges) == 0


def test_after_a_refused_part_the_object_is_purged_as_a_whole() -> None:
    """Two parts were accepted before ImageKit refused the third: that one is not tried again."""
    waiting = pending(["avatars/1"])
    identities = joined(each.identity for each in waiting[0].changes)
    bought = [AcceptedPurge(url, f"{ENDPOINT}/avatars/1{url}", NOW - 30, identities) for url in ("", "/ik-*")]
    refused = Conditions(900, refused=frozenset({f"{ENDPOINT}/avatars/1?*"}))
    found = plan(waiting, Bucket(AVATARS), submitted=bought, conditions=refused)
    assert urls(found) == ["/avatars/1*"]


def test_the_parts_that_imagekit_may_refuse_come_first() -> None:
    """After a refusal the other parts are needless, so they must not have been bought."""
    purges = plan(pending(["avatars/1"]), Bucket(AVATARS)).purges
    assert purges[-1].url == f"{ENDPOINT}/avatars/1"


# --- gathering and holding ---


def upload(count: int, *, began: float, seconds: float) -> list[ChangedObject]:
    return [
        ChangedObject((change(f"a/bulk/{n:03}.jpg", ago=began - seconds * n / count, number=n),), False)
        for n in range(count)
    ]


@pytest.mark.parametrize("ago", [20 * 60.0, 9 * DAY])
def test_an_upload_is_gathered_beside_an_old_change(ago: float) -> None:
    """A change that has long waited is planned; the upload under way is not planned piece by piece."""
    old = pending(["a/old.jpg"], ago=ago)
    bucket = Bucket(["a/old.jpg", *(f"a/bulk/{n:03}.jpg" for n in range(600))])
    found = plan([*upload(300, began=6, seconds=6), *old], bucket)
    assert (found.hold, urls(found)) == ("gathering", ["/a/old.jpg*"])
    assert 0 < found.gather_seconds <= 4
    assert len(found.targets) == 301


def test_a_retried_purge_does_not_switch_gathering_off() -> None:
    """Nothing is planned at all while the old one waits for its next attempt."""
    old = pending(["a/old.jpg"], ago=HOUR)
    conditions = Conditions(
        900, failing={f"{ENDPOINT}/a/old.jpg*": FailingUrl(5, NOW + 600, NOW - 10, NOW - 60)}
    )
    found = plan([*upload(300, began=6, seconds=6), *old], Bucket(["a/old.jpg"]), conditions=conditions)
    assert (found.hold, found.purges, len(found.targets)) == ("gathering", [], 301)


def test_an_old_change_does_not_end_the_holding_of_others() -> None:
    """Every second of 100 objects, 30 purges left: the upload is held, the old change is purged."""
    keys = [f"a/bulk/{n:03}.jpg" for n in range(100)]
    waiting = [*pending(keys[::2], ago=120), *pending(["b/old.jpg"], ago=HOUR)]
    found = plan(waiting, Bucket([*keys, "b/old.jpg"]), conditions=Conditions(30))
    assert (found.hold, urls(found), len(found.targets)) == ("held", ["/b/old.jpg*"], 51)
    found = plan(
        [*pending(keys[::2], ago=900), *pending(["b/old.jpg"], ago=HOUR)],
        Bucket([*keys, "b/old.jpg"]),
        conditions=Conditions(30),
    )
    assert found.hold == ""
    assert found.price > 1


def test_what_waits_is_served_by_a_purge_that_covers_it() -> None:
    """An old change's wildcard covers one of the upload under way: it is not purged once more."""
    old = pending(["a/bulk/00", "a/bulk/001"], ago=HOUR)
    waiting = [*old, *upload(30, began=3, seconds=3)]
    bucket = Bucket([f"a/bulk/{n:03}.jpg" for n in range(30)])
    found = plan(waiting, bucket)
    assert found.hold == "gathering"
    (purge,) = found.purges
    assert purge.url == f"{ENDPOINT}/a/bulk/00*"
    assert len(purge.targets) == 12


@pytest.mark.parametrize("hours", [0.5, 12.0])
def test_a_date_in_the_future_holds_nothing(hours: float) -> None:
    """Events of a clock that is hours ahead are no upload under way, for themselves or for others."""
    future = pending([f"f/{n}.jpg" for n in range(0, 40, 2)], ago=-hours * HOUR)
    other = pending(["a/x.jpg"], ago=60)
    bucket = Bucket(["a/x.jpg", *(f"f/{n}.jpg" for n in range(40))])
    found = plan([*future, *other], bucket)
    assert found.hold == ""
    assert len(found.purges) == 21
    # When purges are scarce, what has no true date is not waited for.
    found = plan([*future, *other], bucket, conditions=Conditions(10))
    served = {target.key for purge in found.purges for target in purge.targets}
    assert {f"f/{n}.jpg" for n in range(0, 40, 2)} <= served


def test_a_part_that_fits_at_no_price_does_not_make_the_rest_dearer() -> None:
    """At a month's start, 500 purges that no wildcard can replace: the folder beside them stays."""
    single = [f"{n:03}/x{n}.jpg" for n in range(500)]
    folder = [f"000-zoo/animals/{n:03}.jpg" for n in range(60)]
    start = datetime(2030, 5, 1, 0, 0, tzinfo=UTC).timestamp()
    far = [f"{n:03}/{other:04}.jpg" for n in range(500) for other in range(600)]
    waiting = [
        ChangedObject(
            (ObjectChange("origin", key, "created", datetime.fromtimestamp(start - 900, UTC), "1"),), False
        )
        for key in (*single, *folder[::2])
    ]
    found = plan(waiting, Bucket([*single, *folder, *far]), now=start)
    assert len(found.purges) == 530
    assert sum(purge.collateral for purge in found.purges) == 0


def test_a_few_changes_elsewhere_do_not_wait_with_held_ones() -> None:
    """Every second object of 100, 30 purges left: the folder is held, the two objects elsewhere are not."""
    keys = [f"a/bulk/{n:03}.jpg" for n in range(100)]
    storm, few = pending(keys[::2], ago=120), pending(["b/x.jpg", "c/d/y.jpg"], ago=30)
    found = plan([*storm, *few], Bucket(keys), conditions=Conditions(30))
    assert (found.hold, urls(found), len(found.targets)) == ("held", ["/b/x.jpg*", "/c/d/y.jpg*"], 52)
    assert found.need.least == 2


@pytest.mark.parametrize(("left", "purged"), [(25, 1), (20, 0)])
@pytest.mark.parametrize("again", [False, True])
def test_a_change_elsewhere_leaves_what_held_ones_need_at_least(
    left: int, purged: int, *, again: bool
) -> None:
    """The held ones take 20 purges at least: one for each folder."""
    storm = pending((f"up/{name}/x{m}.jpg" for name in ascii_lowercase[:20] for m in (0, 2, 4)), ago=120)
    bucket = Bucket([f"up/{name}/x{m}.jpg" for name in ascii_lowercase[:20] for m in range(6)])
    conditions = Conditions(left, waiting=frozenset(storm if again else ()))
    found = plan([*storm, *pending(["z/z/z.jpg"], ago=30)], bucket, conditions=conditions)
    assert (found.hold, len(found.purges)) == ("held", purged)


@pytest.mark.parametrize(
    ("storm", "new", "purged"),
    [
        ([f"a/bulk/{n}.jpg" for n in range(40)], ["a/x.jpg"], 1),
        ([f"a/bulk/{n}.jpg" for n in range(40)], ["a/bulk/x.jpg"], 0),
        ([f"{n}/x.jpg" for n in range(40)], ["shop/x.jpg", "y.jpg"], 2),
        ([f"a/bulk/{n}.jpg" for n in range(40)], [f"b/{n}.jpg" for n in range(9)], 9),
        ([f"a/bulk/{n}.jpg" for n in range(40)], [f"b/{n}.jpg" for n in range(10)], 0),
    ],
    ids=["elsewhere", "same folder", "folders of the bucket", "a few", "an upload"],
)
def test_only_a_few_new_changes_elsewhere_are_planned_beside_waiting_ones(
    storm: list[str], new: list[str], purged: int
) -> None:
    """What waits is not surveyed again."""
    waits = pending(storm, ago=120)
    conditions = Conditions(500, waiting=frozenset(waits))
    found = plan([*waits, *pending(new, ago=30)], Bucket([]), conditions=conditions)
    assert found.hold == "held"
    assert sorted(urls(found)) == sorted(f"/{key}*" for key in new[:purged])
    assert len(found.targets) == len(storm) + len(new)


def test_an_upload_is_gathered_beside_waiting_changes() -> None:
    """It is planned when it pauses, not batch by batch."""
    waits = pending([f"a/bulk/{n}.jpg" for n in range(40)], ago=120)
    conditions = Conditions(500, waiting=frozenset(waits))
    found = plan([*waits, *upload(20, began=1, seconds=1)], Bucket([]), conditions=conditions)
    assert (found.hold, found.purges, len(found.targets)) == ("gathering", [], 60)


def test_a_backlog_that_no_wildcard_joins_is_paced() -> None:
    """On a month's first day, 400 old changes may have a day's part of 310 purges. A wildcard is not paced,
    and the plan does not count the backlog to what further rounds may need."""
    start = datetime(2030, 5, 1, tzinfo=UTC).timestamp()
    old = datetime.fromtimestamp(start - 9 * DAY, UTC)
    keys = [*(f"{n}/x.jpg" for n in range(400)), *(f"up/place/{n}.jpg" for n in range(50))]
    backlog = [ChangedObject((ObjectChange("origin", key, "created", old, "1"),), False) for key in keys]
    found = plan(backlog, Bucket(keys), conditions=Conditions(310, quota=310), now=start)
    assert f"{ENDPOINT}/up/place/*" in {purge.url for purge in found.purges}
    assert len(found.purges) == 10
    assert (found.hold, len(found.targets), found.need.least) == ("held", 450, 1)
    assert found.held_until == start + DAY
    conditions = Conditions(300, quota=310, waiting=frozenset(backlog))
    new = ChangedObject(
        (ObjectChange("origin", "z/y.jpg", "created", datetime.fromtimestamp(start, UTC)),), False
    )
    assert urls(plan([*backlog, new], Bucket(keys), conditions=conditions, now=start)) == ["/z/y.jpg*"]


# --- urgent changes overtake an upload ---


def test_a_single_change_overtakes_an_upload() -> None:
    """The upload of 300 objects is gathered; the change of another folder is purged at once."""
    found = plan([*upload(300, began=60, seconds=60), *pending(["other/x.jpg"], ago=5)], Bucket([]))
    assert (found.hold, urls(found), len(found.targets)) == ("gathering", ["/other/x.jpg*"], 301)


@pytest.mark.parametrize(
    ("lone", "ago", "purged"),
    [(9, 5.0, 9), (10, 5.0, 0), (9, 3.9, 0)],
    ids=["a few", "an upload of many folders", "others may follow"],
)
def test_only_a_few_changes_overtake(lone: int, ago: float, purged: int) -> None:
    """A folder's first object has company within seconds if an upload goes on there."""
    single = [f"folder-{n}/x.jpg" for n in range(lone)]
    found = plan([*upload(300, began=60, seconds=60), *pending(single, ago=ago)], Bucket([]))
    assert len(found.purges) == purged


ALBUMS = [f"up/{album}/{name}.jpg" for album in range(30) for name in ("index", *map(str, range(12)))]


@pytest.mark.parametrize(
    ("uploaded", "others", "purged"),
    [
        ([f"up/{n}/x.jpg" for n in range(300)], ["shop/x.jpg"], 1),
        ([f"up/{n}.jpg" for n in range(300)], ["shop/x.jpg", "shop/y.jpg"], 2),
        ([f"site/up/{n}.jpg" for n in range(300)], ["site/shop/x.jpg"], 1),
        ([f"up/{n}.jpg" for n in range(300)], ["up/x.jpg"], 0),
        ([f"{n}/x.jpg" for n in range(300)], ["shop/x.jpg"], 0),
        (ALBUMS, [], 0),
    ],
    ids=[
        "a file a folder",
        "a pair",
        "a sister folder",
        "the same folder",
        "folders of the bucket",
        "albums",
    ],
)
def test_what_overtakes_lies_outside_of_the_upload(
    uploaded: list[str], others: list[str], purged: int
) -> None:
    """Each object belongs to its deepest folder with ten changes or more; a few of a folder overtake."""
    under_way = [*pending(uploaded[20:], ago=10), *pending(uploaded[:20], ago=1)]
    found = plan([*under_way, *pending(others, ago=5)], Bucket([]))
    assert found.hold == "gathering"
    assert sorted(urls(found)) == [f"/{other}*" for other in others[:purged]]
