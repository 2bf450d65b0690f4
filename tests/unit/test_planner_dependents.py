"""The plan for objects on which other URLs depend, and for SEO-friendly URLs."""

from datetime import UTC, datetime
from typing import Any

from local.fakes.s3_listing import Bucket
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.changes import ObjectChange
from purging.planning.coverage import Coverage
from purging.planning.plan import Conditions, Plan
from purging.planning.planner import Planner
from purging.planning.targets import ChangedObject
from purging.purges import AcceptedPurge
from purging.settings import Settings
from purging.urls import UrlMap

ENDPOINT = "https://ik.imagekit.io/demo"
NOW = datetime(2030, 5, 31, 12, tzinfo=UTC).timestamp()


def pending(*keys: str) -> list[ChangedObject]:
    moment = datetime.fromtimestamp(NOW - 60, UTC)
    return [
        ChangedObject((ObjectChange("origin", key, "created", moment, f"{number:x}", "v1"),), manual=False)
        for number, key in enumerate(keys)
    ]


def plan(
    waiting: list[ChangedObject],
    bucket: Bucket,
    *accepted: AcceptedPurge,
    left: int = 900,
    new: bool = True,
    **forms: Any,
) -> Plan:
    url_map = UrlMap.parse(f"origin/img={ENDPOINT}/img", **forms)
    planner = Planner(Settings(url_map, "ledger", "arn", skip_new_objects=new))
    draft = planner.draft(waiting, Coverage(accepted), Conditions(left), NOW)
    client: Any = bucket
    return planner.plan(draft, Surveyor(S3Lister(client)).run(draft.surveys, lambda: 1e6))


def urls(planned: Plan) -> list[str]:
    return sorted(purge.url.removeprefix(f"{ENDPOINT}/") for purge in planned.purges)


def test_the_dependents_of_a_new_object_are_purged_and_its_own_urls_are_not() -> None:
    """No cache has the new overlay, but images may be cached without it."""
    bucket = Bucket(["img/over/logo.png", "img/over/other.png"])
    waiting = pending("img/over/logo.png", "img/over/other.png")
    found = plan(waiting, bucket, dependent="*/logo.png=/all/images/*")
    assert urls(found) == ["img/all/images/*"]
    assert {target.changed_object for target in found.targets} == {waiting[0]}


def test_an_object_with_dependents_only_needs_no_listing() -> None:
    """It has no place among the keys that are served, so no bucket is surveyed for it."""
    waiting = pending("fonts/a.ttf")
    url_map = UrlMap.parse(f"origin/img={ENDPOINT}/img", dependent="fonts/*=/all/images/*")
    draft = Planner(Settings(url_map, "ledger", "arn")).draft(waiting, Coverage(()), Conditions(900), NOW)
    assert draft.surveys == []
    assert urls(plan(waiting, Bucket(()), dependent="fonts/*=/all/images/*")) == ["img/all/images/*"]


def test_a_dependent_of_many_objects_is_needed_once() -> None:
    """What later rounds are told to expect counts one purge, and so does what fits the quota."""
    waiting = pending(*(f"fonts/{n}.ttf" for n in range(20)))
    found = plan(waiting, Bucket(()), left=1, dependent="fonts/*=/all/images/*")
    assert (urls(found), found.need.least) == (["img/all/images/*"], 1)
    assert len(found.purges[0].targets) == 20


def test_a_wildcard_that_is_made_anyway_covers_the_dependents_below_it() -> None:
    """One purge for both, and both are covered."""
    waiting = pending("img/a/b/logo.png", "img/a/b/x.jpg")
    bucket = Bucket(["img/a/b/logo.png", "img/a/b/x.jpg"])
    found = plan(waiting, bucket, new=False, dependent="*/logo.png=/a/b/x.jpg?tr=l-image")
    assert urls(found) == ["img/a/b/*"]
    assert len(found.purges[0].targets) == 3


def test_an_accepted_purge_covers_seo_urls_and_dependents() -> None:
    """Only what no purge came after the change for is purged."""
    waiting = pending("img/a/b/logo.png")
    bucket = Bucket(["img/a/b/logo.png"])
    forms: dict[str, Any] = {"new": False, "seo": True, "dependent": "*/logo.png=/all/images/*"}
    every = ["img/a/b/logo.png*", "img/all/images/*", "img/ik-seo/a/b/logo/*"]
    assert urls(plan(waiting, bucket, **forms)) == every
    for missing in every:
        accepted = [AcceptedPurge("id", f"{ENDPOINT}/{url}", NOW) for url in every if url != missing]
        assert urls(plan(waiting, bucket, *accepted, **forms)) == [missing]
    above = AcceptedPurge("id", f"{ENDPOINT}/img/*", NOW)
    assert urls(plan(waiting, bucket, above, **forms)) == []


def test_a_new_object_has_new_seo_urls() -> None:
    """They need no purge either."""
    assert urls(plan(pending("img/a/b/x.jpg"), Bucket(["img/a/b/x.jpg"]), seo=True)) == []
