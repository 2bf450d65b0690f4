"""The fake bucket lists as S3 does, and the surveyor finds in it what the planner needs."""

import random
from datetime import UTC, datetime
from math import inf
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from local.fakes.s3_listing import Bucket
from purging.aws import listing
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.planning.surveys import SurveyRequest

KEYS = [f"{folder}/{name}{n}.jpg" for folder in ("a", "b é") for name in ("x", "yy") for n in range(4)]


@pytest.mark.parametrize("page", [1, 3, 7, 1000])
@pytest.mark.parametrize("versions", [True, False])
def test_pages_are_those_of_s3(page: int, versions: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same history in moto's S3 and here: the same pages, wherever one starts and however small."""
    monkeypatch.setattr(listing, "PAGE", page)
    chance = random.Random(7)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(
            Bucket="origin", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        client.put_bucket_versioning(Bucket="origin", VersioningConfiguration={"Status": "Enabled"})
        fake: Any = Bucket()
        for _ in range(50):
            key = chance.choice(KEYS)
            if key in fake and chance.random() < 0.4:
                client.delete_object(Bucket="origin", Key=key)
                fake.delete(key)
            else:
                client.put_object(Bucket="origin", Key=key, Body=b"")
                fake.put(key)
        moto_lister, fake_lister = S3Lister(client), S3Lister(fake)
        # moto leaves out the first version after a marker, so versions are compared from the start only.
        for after in ("",) if versions else ("", "a.", *KEYS, "z"):
            for prefix in ("", "a/x", "b é/", "b é/yy3.jpg", "c"):
                one = moto_lister.page("origin", after, versions=versions, prefix=prefix)
                other = fake_lister.page("origin", after, versions=versions, prefix=prefix)
                assert (list(one.keys), one.versions, one.last, one.more) == (
                    list(other.keys),
                    other.versions,
                    other.last,
                    other.more,
                ), (after, prefix)


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.booleans()), max_size=30), st.text("ab"))
def test_under_a_prefix_is_what_starts_with_it(history: list[tuple[str, bool]], prefix: str) -> None:
    """The truth that decisions are scored against, compared with a plain set."""
    bucket, plain = Bucket(["a", "ab"]), {"a", "ab"}
    for key, put in history:
        if put:
            bucket.put(key)
            plain.add(key)
        else:
            bucket.delete(key)
            plain.discard(key)
    assert bucket.under(prefix) == sorted(key for key in plain if key.startswith(prefix))


def test_a_new_key_at_the_end_of_a_page_of_versions_is_known_to_be_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page may end between two versions of a key: the next page begins with it, so that all are counted."""
    monkeypatch.setattr(listing, "PAGE", 4)
    bucket: Any = Bucket([f"a/{n}.jpg" for n in range(20)])
    for n in range(0, 20, 2):
        bucket.put(f"a/{n}.jpg")
    for n in range(20):
        bucket.put(f"a/{n}-new.jpg")
    new = sorted(f"a/{n}-new.jpg" for n in range(20))
    assert Surveyor(S3Lister(bucket)).around(SurveyRequest("origin", new, (), True), lambda: inf).new == set(
        new
    )


def test_names_beside_each_other_are_counted_though_a_page_holds_few_keys() -> None:
    """Ten versions each: a page of a hundred keys starts before what the names of the changed keys share."""
    names = [f"icon-{n:03}" for n in range(300)] + ["kera"] + [f"zebra-{n:03}" for n in range(300)]
    bucket: Any = Bucket(f"static/{name}{end}.png" for name in names for end in ("", "-color", "-text"))
    for _ in range(9):
        for key in bucket.under("static/"):
            bucket.put(key)
    changed = ["static/kera-color.png", "static/kera-text.png", "static/kera.png"]
    found = Surveyor(S3Lister(bucket)).around(SurveyRequest("origin", changed, (), True), lambda: inf)
    assert found.counted("static/kera")
    assert not found.counted("static/")


class Answers:
    """A client that answers with one made-up page."""

    def __init__(self, **answer: Any) -> None:
        self._answer = answer

    def list_object_versions(self, **_: Any) -> dict[str, Any]:
        """As made up."""
        return self._answer


def test_when_a_key_was_removed_before_its_latest_version() -> None:
    """Only if a delete marker stands right before it; within one second nobody knows what came first."""
    time = {n: datetime.fromtimestamp(1_000_000 + n, UTC) for n in range(9)}

    def entry(key: str, at: int, latest: bool = False) -> dict[str, Any]:
        return {"Key": key, "LastModified": time[at], "IsLatest": latest}

    client: Any = Answers(
        Versions=[
            entry("again", 5, latest=True),
            entry("again", 1),
            entry("overwritten", 5, latest=True),
            entry("overwritten", 4),
            entry("same second", 5, latest=True),
            entry("same second", 3),
            entry("gone", 2),
        ],
        DeleteMarkers=[
            entry("again", 3),
            entry("again", 0),
            entry("overwritten", 3),
            entry("same second", 3),
            entry("gone", 4, latest=True),
            entry("gone", 1),
        ],
        IsTruncated=False,
    )
    assert S3Lister(client).page("origin", "", versions=True).removed == {"again": 1_000_003.0}
