"""The inventory: exact about what it counted, honest about what it did not, bounded in its requests."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from purging.inventory import Inventory
from purging.neighbours import Neighbours, Page
from purging.telemetry import logger


class Bucket:
    """A bucket in memory, listed in pages as S3 does. `keys` are current; `versions` counts them."""

    def __init__(
        self, keys: Sequence[str], *, page: int = 1000, versions: dict[str, int] | None = None
    ) -> None:
        self.keys = sorted(keys)
        self.requests = 0
        self._page = page
        self._versions = versions or dict.fromkeys(keys, 1)

    def page(self, bucket: str, after: str, *, versions: bool, prefix: str = "") -> Page:
        """Up to a page of keys after one."""
        assert bucket == "origin"
        self.requests += 1
        names = [
            name for name in (sorted(self._versions) if versions else self.keys) if name.startswith(prefix)
        ]
        start = bisect_right(names, after)
        listed, more = names[start : start + self._page], len(names) > start + self._page
        counts = Counter({key: self._versions[key] for key in listed}) if versions else Counter()
        current = [key for key in listed if not versions or key in self.keys]
        return Page(current, counts, listed[-1] if listed else after, more)


def look(bucket: Bucket, changed: Sequence[str], *, versions: bool = False) -> Neighbours:
    return Inventory(bucket).around("origin", sorted(changed), versions=versions)


names = st.text("ab/é.", min_size=1, max_size=6)


@given(st.sets(names, max_size=40), st.sets(names, min_size=1, max_size=8), st.integers(1, 6))
def test_what_it_says_it_counted_is_complete(keys: set[str], changed: set[str], page: int) -> None:
    """For every prefix that is counted, the unchanged keys under it are exactly those of the bucket."""
    found = look(Bucket(sorted(keys), page=page), sorted(changed))
    unchanged = set(found.unchanged)
    assert unchanged <= keys - changed
    for key in changed:
        for length in range(1, len(key) + 1):
            prefix = key[:length]
            if found.counted(prefix):
                wanted = {each for each in keys - changed if each.startswith(prefix)}
                assert {each for each in unchanged if each.startswith(prefix)} == wanted


@given(st.sets(names, max_size=40), st.sets(names, min_size=2, max_size=8))
def test_a_small_bucket_is_counted_whole_with_one_request(keys: set[str], changed: set[str]) -> None:
    """A bucket of less than a page: everything is known."""
    bucket = Bucket(sorted(keys))
    found = look(bucket, sorted(changed))
    assert all(found.counted(key[:length]) for key in changed for length in range(1, len(key) + 1))
    assert set(found.unchanged) == keys - changed
    assert bucket.requests <= 4


def test_requests_are_bounded_by_the_changes_not_by_the_bucket() -> None:
    """Ten scattered changes among 100,000 keys: a few requests each, and the folders around are known."""
    keys = [f"catalog/{folder:03}/{n:03}.jpg" for folder in range(500) for n in range(200)]
    changed = keys[5_000::10_000]
    bucket = Bucket(keys)
    found = look(bucket, changed)
    assert len(changed) == 10
    assert bucket.requests <= 60
    assert all(found.counted(key[:-7]) for key in changed), "the folder of each change is counted"
    assert not any(found.counted(prefix) for prefix in ("c", "catalog/", "catalog/0"))


def test_a_dense_change_set_costs_a_request_a_page() -> None:
    """Half of 20,000 keys changed: the listing is one run of pages."""
    keys = [f"a/{n:05}.jpg" for n in range(20_000)]
    bucket = Bucket(keys)
    found = look(bucket, keys[::2])
    assert bucket.requests <= 26
    assert found.counted("a/")
    assert len(found.unchanged) == 10_000


def test_a_key_with_a_single_version_is_new() -> None:
    """On versioned buckets the versions tell: overwritten, deleted and re-created keys have several."""
    versions = {"a/new.jpg": 1, "a/overwritten.jpg": 2, "a/deleted.jpg": 2, "a/unchanged.jpg": 1}
    bucket = Bucket(["a/new.jpg", "a/overwritten.jpg", "a/unchanged.jpg"], versions=versions)
    found = look(bucket, ["a/deleted.jpg", "a/new.jpg", "a/overwritten.jpg"], versions=True)
    assert found.new == {"a/new.jpg"}
    assert found.unchanged == ["a/unchanged.jpg"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2"),
        ConnectTimeoutError(endpoint_url="https://s3"),
    ],
    ids=["denied", "unreachable"],
)
def test_where_s3_does_not_list_nothing_is_counted_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """s3:ListBucket is missing, or S3 is: exact purges, and one clear warning rather than one a minute."""

    class Silent:
        def page(self, *_: object, **__: object) -> Page:
            raise error

    warnings: list[str] = []
    monkeypatch.setattr(logger, "warning", lambda message, **_: warnings.append(message))
    inventory = Inventory(Silent())
    for _ in range(3):
        found = inventory.around("origin", ["a/1.jpg", "a/2.jpg"], versions=False)
        assert not found.counted("a/")
        assert (found.unchanged, found.new) == ([], set())
    assert len(warnings) == 1
    assert "s3:ListBucket" in warnings[0]
