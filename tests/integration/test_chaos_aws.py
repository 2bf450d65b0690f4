"""The fake DynamoDB and the fake S3 answer the functions as moto's do."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.fakes.dynamodb import Client, Table
from purging.changes import ObjectChange
from purging.ledger.store import Ledger
from purging.purges import AcceptedPurge, FailingUrl
from tests.chaos.aws import SmallAws
from tests.chaos.bucket import Bucket, Version
from tests.chaos.endpoint import SimulatedEndpoint
from tests.integration.harness import Harness

NOW = 1_900_000_000.0
MONTH = "2030-03"


@pytest.mark.parametrize("seed", range(3))
def test_the_same_calls_get_the_same_answers(harness: Harness, seed: int) -> None:
    """80 calls at random, refused conditions and transactions among them; then the same items are there.

    The fake DynamoDB is called through botocore, and by its own client.
    """
    aws = SmallAws(Bucket(versioned=False), "")
    client = boto3.session.Session().client("dynamodb")
    SimulatedEndpoint.install(client, aws.respond)
    table = Table()
    straight: Any = Client(table.handle)
    ledgers = [harness.ledger, Ledger("ledger", client), Ledger("ledger", straight)]
    randoms = [Random(seed) for _ in ledgers]
    for step in range(80):
        moto, *fakes = (
            _call(ledger, random, NOW + step) for ledger, random in zip(ledgers, randoms, strict=True)
        )
        assert fakes == [moto, moto]
    moto, *fakes = map(_everything, ledgers)
    assert fakes == [moto, moto]
    items = harness.dynamodb.scan(TableName="ledger")["Items"]
    for fake in (aws, table):
        assert {_key(item) for item in fake.items()} == {_key(item) for item in items}


def _call(ledger: Ledger, random: Random, now: float) -> Any:
    """Makes one call of a drain, a handler or CheckPurges. Few names are used, so that calls collide."""
    name, number = random.choice("abc"), random.randrange(1, 30)
    change = ObjectChange("origin", name, "created", datetime.fromtimestamp(NOW + number, UTC))
    purge = AcceptedPurge(name * 24, f"https://x/{name}", NOW + number, change.identity, None)
    calls = {
        "add": lambda: ledger.add([change], manual=number % 2 == 0),
        "accept": lambda: ledger.accept([purge]),
        "settle": lambda: ledger.replace(ledger.pending()[:2], {False: [change]}),
        "complete": lambda: ledger.complete(purge.request_id, purge.submitted_at, now),
        "acquire": lambda: ledger.lease.acquire(name, now, number),
        "finish": lambda: ledger.lease.finish(name),
        "release": lambda: ledger.lease.release(name),
        "reserve": lambda: ledger.quota.reserve(MONTH, number, 60),
        "give back": lambda: ledger.quota.give_back(MONTH, min(number, ledger.state(MONTH).used)),
        "pause": lambda: ledger.pause(now + number, failures=number, exhausted=number % 2 == 0),
        "resume": lambda: ledger.resume(now),
        "refused": lambda: ledger.remember_refused(f"https://x/{name}*", now),
        "failing": lambda: ledger.remember_failing(f"https://x/{name}", FailingUrl(number, now, now, now)),
        "forget failing": lambda: ledger.forget_failing(f"https://x/{name}"),
        "forget untracked": lambda: ledger.forget_untracked([purge]),
        "alert": lambda: ledger.alerts.claim(name, f"{number}", now, number),
        "alerted": lambda: ledger.alerts.sent(name, now, number),
        "request": lambda: ledger.first_asked(name, f"{number % 3}", now, number),
    }
    chosen = random.choice(list(calls))
    return chosen, calls[chosen]()


def _everything(ledger: Ledger) -> Any:
    return (
        ledger.pending(),
        ledger.accepted_since(0),
        ledger.state(MONTH),
        ledger.first_pending(),
        ledger.has_untracked(),
    )


@pytest.mark.parametrize("versioned", [True, False])
def test_the_same_objects_are_listed(versioned: bool) -> None:
    """The listings have the same pages, keys and versions, including a removed key and unusual names."""
    bucket = Bucket(versioned=versioned)
    small = boto3.session.Session().client("s3")
    SimulatedEndpoint.install(small, SmallAws(bucket, "").respond)
    with mock_aws():
        moto = boto3.session.Session().client("s3")
        moto.create_bucket(Bucket="origin", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        if versioned:
            moto.put_bucket_versioning(Bucket="origin", VersioningConfiguration={"Status": "Enabled"})
        for number, key in enumerate(("a b/ü+%.jpg", "a b/ü+%.jpg", "gone", "plain.jpg", "x//&<y>.gif")):
            moto.put_object(Bucket="origin", Key=key)
            bucket.change(key, Version("created", number, number))
        moto.delete_object(Bucket="origin", Key="gone")
        bucket.change("gone", Version("removed", 9, 9))
        assert _keys(small) == _keys(moto)
        assert _versions(small) == _versions(moto)
    assert len(_keys(small)) == 2
    assert len(_versions(small)[1][0]) == (5 if versioned else 3)


def _keys(client: Any) -> list[Any]:
    """Returns the pages that S3Lister reads, each from a key on."""
    pages, after, more = [], "", True
    while more:
        page = client.list_objects_v2(Bucket="origin", MaxKeys=2, StartAfter=after)
        keys = [each["Key"] for each in page.get("Contents", [])]
        more, after = page["IsTruncated"], keys[-1]
        pages.append((keys, more))
    return pages


def _versions(client: Any) -> list[Any]:
    """Returns a short first page, and everything. moto starts further pages at the wrong place."""
    pages = [client.list_object_versions(Bucket="origin", MaxKeys=most) for most in (3, 1000)]
    return [
        [
            [(each["Key"], each["IsLatest"]) for each in page.get(name, [])]
            for name in ("Versions", "DeleteMarkers")
        ]
        + [page["IsTruncated"]]
        for page in pages
    ]


def _key(item: Any) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
