"""The drain with a bucket that it may list: wildcards, unchanged neighbours, new objects, uploads."""

from typing import TYPE_CHECKING

import boto3
import pytest

from purging.changes import ObjectChange
from tests.integration.harness import ENDPOINT, Harness

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3(harness: Harness) -> "S3Client":  # noqa: ARG001 - moto must be in force before the client is made
    """The origin bucket, without versions and empty."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="origin", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return client


def put(s3: "S3Client", *keys: str) -> None:
    for key in keys:
        s3.put_object(Bucket="origin", Key=key, Body=b"x")


def overwrite(harness: Harness, s3: "S3Client", *keys: str, ago: float = 10) -> None:
    """Overwrites objects, and adds their changes to the ledger."""
    changes = []
    for key in keys:
        version = s3.put_object(Bucket="origin", Key=key, Body=b"y").get("VersionId")
        change = harness.change(key, ago=ago)
        changes.append(
            ObjectChange(change.bucket, change.key, change.kind, change.occurred_at, version_id=version)
        )
    harness.ledger.add(changes)


def test_a_whole_folder_costs_one_purge_and_its_neighbours_stay_cached(
    harness: Harness, s3: "S3Client"
) -> None:
    """All 40 objects of one folder changed, and 2 of 200 objects of another."""
    inside = [f"a/in/{n:03}.jpg" for n in range(40)]
    outside = [f"a/out/{n:03}.jpg" for n in range(200)]
    put(s3, *inside, *outside)
    overwrite(harness, s3, *inside, outside[10], outside[150])
    harness.drain()
    assert sorted(harness.purged) == [
        f"{ENDPOINT}/a/in/0*",
        f"{ENDPOINT}/a/out/010.jpg*",
        f"{ENDPOINT}/a/out/150.jpg*",
    ]


def test_a_new_object_needs_no_purge_on_a_versioned_bucket(harness: Harness, s3: "S3Client") -> None:
    """Nobody can have cached it. An overwritten, a deleted and a re-created object are purged."""
    s3.put_bucket_versioning(Bucket="origin", VersioningConfiguration={"Status": "Enabled"})
    put(s3, "a/old.jpg", "a/recreated.jpg", "b/deleted.jpg", "b/unchanged.jpg")
    s3.delete_object(Bucket="origin", Key="a/recreated.jpg")
    s3.delete_object(Bucket="origin", Key="b/deleted.jpg")
    harness.ledger.add([harness.change("b/deleted.jpg", kind="removed")])
    overwrite(harness, s3, "a/new.jpg", "a/old.jpg", "c/new.jpg")
    overwrite(harness, s3, "a/recreated.jpg")
    report = harness.drain()
    assert report.settled == 5
    assert sorted(harness.purged) == [
        f"{ENDPOINT}/{key}*" for key in ("a/old.jpg", "a/recreated.jpg", "b/deleted.jpg")
    ]


def test_a_single_new_object_costs_no_purge(harness: Harness, s3: "S3Client") -> None:
    """The most common change, an upload, costs no purge."""
    s3.put_bucket_versioning(Bucket="origin", VersioningConfiguration={"Status": "Enabled"})
    overwrite(harness, s3, "a/new.jpg")
    assert harness.drain().settled == 1
    assert harness.purged == []


def test_new_objects_are_purged_without_skip_new_objects(harness: Harness, s3: "S3Client") -> None:
    """With `SkipNewObjects: false`, because the CDN may have cached a 404."""
    s3.put_bucket_versioning(Bucket="origin", VersioningConfiguration={"Status": "Enabled"})
    overwrite(harness, s3, "a/new.jpg")
    harness.drain(skip_new_objects=False)
    assert harness.purged == [f"{ENDPOINT}/a/new.jpg*"]


def test_an_unfinished_upload_is_planned_as_a_whole(harness: Harness, s3: "S3Client") -> None:
    """The first batch of a large upload is not purged alone: later changes are planned with it."""
    keys = [f"a/bulk/{n:03}.jpg" for n in range(60)]
    put(s3, *keys)
    later = iter([keys[20:40], keys[40:]])

    def sleep(seconds: float) -> None:
        harness.clock.sleep(seconds)
        overwrite(harness, s3, *next(later, ()), ago=0)

    overwrite(harness, s3, *keys[:20], ago=0)
    began, dies_at = harness.clock(), harness.clock() + 120
    harness.new_drain(sleep=sleep).run("drainer", lambda: dies_at - harness.clock())
    assert harness.purged == [f"{ENDPOINT}/a/bulk/0*"]
    assert harness.clock() - began < 18


def test_with_little_quota_changes_are_held_then_purged_by_wildcards(
    harness: Harness, s3: "S3Client"
) -> None:
    """Every second of 40 objects changed and 12 purges are left: after a hold, neighbours are evicted too."""
    keys = [f"a/x/{n:02}.jpg" for n in range(40)]
    put(s3, *keys)
    overwrite(harness, s3, *keys[::2])
    assert harness.drain(monthly_quota=12, reserve_percent=0).reason == "held"
    harness.clock.sleep(900)
    report = harness.drain(monthly_quota=12, reserve_percent=0)
    assert report.held == 0
    assert 1 <= len(harness.purged) <= 9


def test_a_refused_part_of_one_key_changes_nothing_for_others(
    harness: Harness, s3: "S3Client", caplog: pytest.LogCaptureFixture
) -> None:
    """ImageKit refuses a part of `av/1`: it is purged as a whole, at one purge, and its evictions are told.
    `av/2` still evicts nothing."""
    keys = ["av/1", *(f"av/1{n}" for n in range(5)), "av/2", *(f"av/2{n}" for n in range(5))]
    put(s3, *keys)
    overwrite(harness, s3, "av/1")
    harness.inject("wildcard-refused")
    report = harness.drain()
    assert (report.held, harness.purged) == (0, [f"{ENDPOINT}/av/1*"])
    (told,) = [record for record in caplog.records if record.message == "purge accepted"]
    assert vars(told)["collateral"] == 5
    assert harness.ledger.state("2030-05").used == 1
    overwrite(harness, s3, "av/2")
    harness.drain()
    assert sorted(harness.purged[1:]) == [f"{ENDPOINT}/av/2{part}" for part in ("", "/ik-*", "?*")]


def test_a_refused_wildcard_over_many_changes_is_planned_again(harness: Harness, s3: "S3Client") -> None:
    """It is not replaced by an exact purge for each change."""
    keys = [f"a/x/{n:03}.jpg" for n in range(200)]
    put(s3, *keys)
    overwrite(harness, s3, *keys)
    harness.inject("wildcard-refused")
    harness.drain()
    assert harness.ledger.pending() == []
    assert len(harness.purged) <= 3
    assert harness.ledger.state("2030-05").used == len(harness.purged)
