"""The inventory: exact about what it counted, honest about what it did not, bounded in its requests."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from purging.aws.clients import AWS_CALL_SECONDS
from purging.aws.survey import Lister
from purging.aws.surveyor import Surveyor
from purging.planning.neighbours import ListedRanges, Neighbours, Page
from purging.planning.surveys import SurveyRequest
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


def survey(
    bucket: Lister,
    changed: Sequence[str],
    *,
    versions: bool = False,
    single: Sequence[str] = (),
    remaining: Callable[[], float] = lambda: inf,
) -> Neighbours:
    """Survey a bucket around changed keys."""
    return Surveyor(bucket).around(SurveyRequest("origin", sorted(changed), single, versions), remaining)


names = st.text("ab/é.", min_size=1, max_size=6)


@given(st.sets(names, max_size=40), st.sets(names, min_size=1, max_size=8), st.integers(1, 6))
def test_what_it_says_it_counted_is_complete(keys: set[str], changed: set[str], page: int) -> None:
    """For every prefix that is counted, the unchanged keys under it are exactly those of the bucket."""
    found = survey(Bucket(sorted(keys), page=page), sorted(changed))
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
    found = survey(bucket, sorted(changed))
    assert all(found.counted(key[:length]) for key in changed for length in range(1, len(key) + 1))
    assert set(found.unchanged) == keys - changed
    assert bucket.requests <= 4


def test_requests_are_bounded_by_the_changes_not_by_the_bucket() -> None:
    """Ten scattered changes among 100,000 keys: a few requests each, and the folders around are known."""
    keys = [f"catalog/{folder:03}/{n:03}.jpg" for folder in range(500) for n in range(200)]
    changed = keys[5_000::10_000]
    bucket = Bucket(keys)
    found = survey(bucket, changed)
    assert len(changed) == 10
    assert bucket.requests <= 60
    assert all(found.counted(key[:-7]) for key in changed), "the folder of each change is counted"
    assert not any(found.counted(prefix) for prefix in ("c", "catalog/", "catalog/0"))


def test_a_dense_change_set_costs_a_request_a_page() -> None:
    """Half of 20,000 keys changed: the listing is one run of pages."""
    keys = [f"a/{n:05}.jpg" for n in range(20_000)]
    bucket = Bucket(keys)
    found = survey(bucket, keys[::2])
    assert bucket.requests <= 26
    assert found.counted("a/")
    assert len(found.unchanged) == 10_000


def test_a_key_with_a_single_version_is_new() -> None:
    """On versioned buckets the versions tell: overwritten, deleted and re-created keys have several."""
    versions = {"a/new.jpg": 1, "a/overwritten.jpg": 2, "a/deleted.jpg": 2, "a/unchanged.jpg": 1}
    bucket = Bucket(["a/new.jpg", "a/overwritten.jpg", "a/unchanged.jpg"], versions=versions)
    found = survey(bucket, ["a/deleted.jpg", "a/new.jpg", "a/overwritten.jpg"], versions=True)
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
    surveyor = Surveyor(Silent())
    for _ in range(3):
        found = surveyor.around(SurveyRequest("origin", ["a/1.jpg", "a/2.jpg"], (), False), lambda: inf)
        assert not found.counted("a/")
        assert (found.unchanged, found.new) == ([], set())
    assert len(warnings) == 1
    assert "s3:ListBucket" in warnings[0]


def test_what_was_seen_before_s3_failed_is_kept() -> None:
    """The second page does not come: the first is known all the same."""

    class Failing(Bucket):
        def page(self, bucket: str, after: str, *, versions: bool, prefix: str = "") -> Page:
            if self.requests:
                raise ConnectTimeoutError(endpoint_url="https://s3")
            return super().page(bucket, after, versions=versions, prefix=prefix)

    bucket = Failing([f"a/{n:03}.jpg" for n in range(100)], page=40)
    found = survey(bucket, ["a/000.jpg", "a/001.jpg", "a/099.jpg"])
    assert bucket.requests == 1
    assert set(found.unchanged) == {f"a/{n:03}.jpg" for n in range(2, 40)}
    assert not found.counted("a/")


def test_a_key_asked_for_by_itself() -> None:
    """Whether it is new, and what begins with it; of shorter prefixes that tells nothing."""
    keys = ["a/1", "a/10", "a/2", "a/3"]
    bucket = Bucket(keys, versions={"a/1": 1, "a/10": 3, "a/2": 2, "a/3": 1})
    found = survey(bucket, ["a/1"], versions=True, single=["a/1"])
    assert (bucket.requests, found.new, found.unchanged) == (1, {"a/1"}, ["a/10"])
    assert found.counted("a/1")
    assert not found.counted("a/")


def test_of_a_key_that_more_than_a_page_begins_with_the_end_is_not_known() -> None:
    """It was not counted, but some were seen."""
    bucket = Bucket(["a/1", *(f"a/1{n:02}" for n in range(20))], page=10)
    found = survey(bucket, ["a/1"], versions=False, single=["a/1"])
    assert not found.counted("a/1")
    assert (bucket.requests, len(found.unchanged), found.crowded) == (1, 9, {"a/1"})


def test_a_page_of_nothing_but_removed_keys_is_not_the_last_one_asked_for() -> None:
    """The versions of what was removed fill it; what begins with the key stands behind them."""
    versions = {"a/1": 2, **{f"a/1-{n:02}": 2 for n in range(9)}, "a/12": 1}
    bucket = Bucket(["a/1", "a/12"], page=10, versions=versions)
    found = survey(bucket, ["a/1"], versions=True, single=["a/1"])
    assert (bucket.requests, found.unchanged) == (2, ["a/12"])
    assert found.counted("a/1")


def test_a_key_at_which_a_run_ended_is_asked_for() -> None:
    """The run met the key, but not what begins with it."""
    keys = ["a/0", "a/1", *(f"a/1{n:02}" for n in range(30)), *(f"b/{n:02}" for n in range(30))]
    bucket = Bucket(keys, page=2)
    found = survey(bucket, ["a/0", "a/1"], versions=False, single=["a/0", "a/1"])
    assert any(key.startswith("a/1") for key in found.unchanged)


def test_no_request_is_begun_that_could_outlive_the_time() -> None:
    """Each takes a second of `AWS_CALL_SECONDS` at most: runs take half of the time, questions the rest."""
    keys = [f"catalog/{folder:04}/{n:02}.jpg" for folder in range(4000) for n in range(40)]
    changed = keys[20::320]
    bucket = Bucket(keys)
    found = survey(bucket, changed, versions=True, single=changed, remaining=lambda: 60.0 - bucket.requests)
    assert 60.0 - bucket.requests == AWS_CALL_SECONDS - 1
    assert 5 < len(found.listed_alone) < bucket.requests - 5


def test_no_page_is_begun_after_the_time_either() -> None:
    """Whenever the time ends, even in the search for a start: the last request may hang."""
    keys = [f"a/b/c/{folder:02}/d/{n:03}.jpg" for folder in range(60) for n in range(150)]
    for seconds in range(13, 40):
        bucket = Bucket(keys)
        survey(
            bucket,
            keys[75::300],
            remaining=lambda seconds=seconds, bucket=bucket: float(seconds - bucket.requests),
        )
        assert seconds - bucket.requests >= AWS_CALL_SECONDS - 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30) | st.none()), max_size=8))
def test_runs_in_any_order_add_up(runs: list[tuple[int, int | None]]) -> None:
    """Runs that overlap or touch become one; what lies between others was not listed."""
    found = ListedRanges()
    covered: set[int] = set()
    for after, length in runs:
        last = None if length is None else after + length
        found.add(f"{after:02}", None if last is None else f"{last:02}")
        covered.update(range(after + 1, 100 if last is None else last + 1))
    for number in range(1, 62):
        # Everything that begins with a number lies after it and before the next one.
        assert found.holds(f"{number:02}") is (number in covered and number + 1 in covered), number


def test_a_small_bucket_takes_one_request() -> None:
    """A page may be all of the bucket. Only the first survey of a larger one asks for that in vain."""
    keys = [f"{folder}/{n:02}.jpg" for folder in "abc" for n in range(30)]
    small = Bucket(keys)
    found = survey(small, keys[::2])
    assert (small.requests, found.counted("a/"), found.counted("c/")) == (1, True, True)
    lister = Bucket([*keys, *(f"0/{n:05}.jpg" for n in range(5_000))])
    surveyor = Surveyor(lister)
    request = SurveyRequest("origin", keys[::2], [], versions=False)
    requests = []
    for _ in range(3):
        before = lister.requests
        surveyor.around(request, lambda: 1e6)
        requests.append(lister.requests - before)
    assert requests[0] - 1 == requests[1] == requests[2]
