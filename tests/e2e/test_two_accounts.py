"""Two ImageKit accounts: two stacks side by side on one bucket, which has a folder for each account."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest

from local.imagekit import Bucket, Emulator, ImageKitServer, Settings
from local.observer import Observer
from local.session import redeploy
from local.stack import Stack
from tests.e2e.polling import until
from tests.e2e.stack_control import invoke_submit_purge, purged_urls, tick

KEY = f"private_{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def bucket(stack: Stack) -> str:
    """An existing bucket without versions, so that every put needs a purge."""
    name = f"two-accounts-{uuid.uuid4()}"
    stack.s3.create_bucket(Bucket=name)
    stack.s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return name


@pytest.fixture(scope="module")
def account(bucket: str) -> Iterator[tuple[Emulator, str]]:
    """The second account: an ImageKit with another private key, and the URL of its API."""
    emulator = Emulator(Settings(KEY, delay=0.0), origins={"second": Bucket(bucket)})
    with ImageKitServer(emulator) as server:
        yield emulator, server.url


@pytest.fixture(scope="module")
def first(stack: Stack, bucket: str) -> Stack:
    """The stack of the first account, which serves the folder `first`. It may make no purge for changes."""
    return redeploy(
        stack,
        {
            "OriginBuckets": bucket,
            "UrlMap": f"{bucket}/first={stack.url_endpoint}/two",
            "ImageKitApiUrl": stack.imagekit,
            "ImageKitSecretArn": stack.outputs["ImageKitSecretArn"],
            "VerifyFreshness": "false",  # the emulated CDN shows another bucket
            "MonthlyPurgeQuota": "1",
            "QuotaReservePercent": "100",
        },
        name="first-account",
    )


@pytest.fixture(scope="module")
def second(stack: Stack, bucket: str, account: tuple[Emulator, str]) -> Stack:
    """The stack of the second account, with a secret of its own. It serves the folder `second`."""
    _, api = account
    deployed = redeploy(
        stack,
        {
            "OriginBuckets": bucket,
            "UrlMap": f"{bucket}/second={api}/second",
            "ImageKitApiUrl": api,
            "VerifyFreshness": "false",
        },
        name="second-account",
    )
    stack.secrets.put_secret_value(
        SecretId=deployed.outputs["ImageKitSecretArn"], SecretString=json.dumps({"private_key": KEY})
    )
    return deployed


def test_each_stack_purges_its_own_folder_and_spends_its_own_quota(
    stack: Stack, bucket: str, first: Stack, second: Stack, account: tuple[Emulator, str]
) -> None:
    """Both stacks get all events. The first one has no quota left, and the second one goes on.

    Each account refuses the other's key, and each ledger counts only what its own account accepted.
    """
    emulator, api = account
    for folder in ("first", "second"):
        for name in ("a.jpg", "b.jpg"):
            stack.s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=b"1")

    def accepted() -> list[str]:
        return [purge.url for purge in emulator.state.purges.all()]

    wanted = [f"{api}/second/{name}.jpg" for name in "ab"]
    until(
        accepted,
        "the purges of the second account",
        lambda urls: all(any(url.startswith(each.removesuffix("*")) for each in urls) for url in wanted),
    )
    until(lambda: tick(first), "two held changes of the first account", lambda found: found["held"] == 2)
    until(Observer(second).work, "the end of the second stack's work", lambda work: work.done)
    assert tick(first)["reason"] == "quota"
    purged = accepted()
    assert all(url.startswith(f"{api}/second/") for url in purged)
    assert Observer(second).used(time.time()) == len(purged)
    assert Observer(first).used(time.time()) == 0
    assert not [url for url in purged_urls(stack) if "/two/" in url]

    by_hand = {"urls": [f"{stack.url_endpoint}/two/a.jpg"]}
    answer = invoke_submit_purge(first, by_hand)
    assert [each["url"] for each in answer["purges"]] == by_hand["urls"]
    assert (Observer(first).used(time.time()), Observer(second).used(time.time())) == (1, len(purged))
    assert by_hand["urls"][0] in purged_urls(stack)
