"""The ledger with moto's DynamoDB: what several functions at once could do wrong."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from purging.changes import Change, ObjectChange, UrlChange
from purging.ledger.changesets import ChangeSet
from purging.ledger.quota import month_of
from purging.ledger.store import Ledger
from purging.purges import AcceptedPurge, FailingUrl, Need, joined
from tests.integration.harness import START, Harness, running_harness

NOW = START
MONTH = "2030-05"


@pytest.fixture(scope="module")
def shared() -> Iterator[Harness]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with running_harness() as harness:
            yield harness


@pytest.fixture
def ledger(shared: Harness) -> Ledger:
    """An empty ledger."""
    for item in items(shared):
        key = {name: item[name] for name in ("pk", "sk")}
        shared.dynamodb.delete_item(TableName="ledger", Key=key)
    return shared.ledger


def items(harness: Harness, pk: str = "") -> list[dict[str, Any]]:
    pages = harness.dynamodb.get_paginator("scan").paginate(TableName="ledger")
    return [item for page in pages for item in page["Items"] if not pk or item["pk"]["S"] == pk]


def change(key: str, seconds: float = 0.0) -> ObjectChange:
    return ObjectChange("origin", key, "created", datetime.fromtimestamp(NOW + seconds, UTC), f"{seconds}")


def accepted_purge(number: int, **fields: Any) -> AcceptedPurge:
    return AcceptedPurge(
        f"{number:024x}", f"https://ik.imagekit.io/demo/{number}.jpg", NOW + number, **fields
    )


class Atomic:
    """A DynamoDB client for threads. Its writes are atomic, as in DynamoDB; moto's are not."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name not in ("update_item", "put_item", "delete_item", "transact_write_items"):
            return attribute

        def write(**arguments: Any) -> Any:
            with self._lock:
                return attribute(**arguments)

        return write


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Makes calls in threads at the same moment, and returns their results."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_an_added_change_is_pending_until_its_set_is_settled(ledger: Ledger) -> None:
    """The oldest change sets come first, and manual sets are marked."""
    ledger.add([change("b", 2)])
    ledger.add([change("a", 1), change("c", 3)])
    ledger.add([UrlChange("https://ik.imagekit.io/demo/x", datetime.fromtimestamp(NOW, UTC))], manual=True)
    manual, first, second = ledger.pending()
    assert (manual.manual, first.manual) == (True, False)
    assert [each.key for each in first.changes if isinstance(each, ObjectChange)] == ["a", "c"]
    assert ledger.first_pending() == manual.id
    ledger.replace([first])
    assert ledger.pending() == [manual, second]


def test_a_redelivered_batch_overwrites_its_own_item(ledger: Ledger, shared: Harness) -> None:
    """The same batch in any order is the same item. Another batch is another item."""
    batch = [change(f"{n}", n) for n in range(20)]
    ledger.add(batch)
    ledger.add(batch[::-1])
    ledger.add(batch + batch[:5])
    assert len(items(shared, "pending")) == 1
    ledger.add(batch[:19])
    assert len(items(shared, "pending")) == 2
    assert {each for found in ledger.pending() for each in found.changes} == set(batch)


def test_adding_nothing_writes_nothing(ledger: Ledger, shared: Harness) -> None:
    """A tick or an empty batch writes no item."""
    ledger.add([])
    ledger.replace([])
    assert items(shared) == []


def test_the_lease_is_exclusive(ledger: Ledger) -> None:
    """It has one owner at a time, until that owner releases it or it expires."""
    assert ledger.lease.acquire("a", NOW, 60)
    assert not ledger.lease.acquire("b", NOW + 59, 60)
    ledger.lease.release("b")
    assert not ledger.lease.acquire("b", NOW + 59, 60)
    ledger.lease.release("a")
    assert ledger.lease.acquire("b", NOW + 59, 60)
    assert ledger.lease.acquire("c", NOW + 120, 60)
    ledger.lease.release("b")
    assert not ledger.lease.acquire("a", NOW + 121, 60), "a late release does not end another owner's lease"


def test_one_of_eight_simultaneous_callers_gets_the_lease(ledger: Ledger, shared: Harness) -> None:
    """The condition of one write decides."""
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]
    calls = [lambda owner=owner: contended.lease.acquire(owner, NOW, 60) for owner in "abcdefgh"]
    assert sorted(at_once(*calls)) == [False] * 7 + [True]
    assert not ledger.lease.acquire("late", NOW, 60)


def test_reserving_never_exceeds_the_limit(ledger: Ledger) -> None:
    """A caller gets at most what is left. Each month has its own count."""
    assert ledger.quota.reserve(MONTH, 25, 60) == 25
    assert ledger.quota.reserve(MONTH, 25, 60) == 25
    assert ledger.quota.reserve(MONTH, 25, 60) == 10
    assert ledger.quota.reserve(MONTH, 25, 60) == 0
    assert ledger.quota.reserve(MONTH, 0, 60) == 0
    assert ledger.quota.reserve("2030-06", 100, 60) == 60
    assert ledger.state(MONTH).used == 60


def test_a_quota_below_the_used_count_leaves_nothing(ledger: Ledger) -> None:
    """After a raise, the difference can be reserved."""
    ledger.quota.reserve(MONTH, 50, 60)
    assert ledger.quota.reserve(MONTH, 5, 20) == 0
    assert ledger.quota.reserve(MONTH, 5, 0) == 0
    assert ledger.quota.reserve(MONTH, 5, 52) == 2


def test_unused_reservations_are_given_back(ledger: Ledger) -> None:
    """They can be reserved again, once."""
    ledger.quota.reserve(MONTH, 25, 25)
    ledger.quota.give_back(MONTH, 7)
    ledger.quota.give_back(MONTH, 0)
    assert ledger.state(MONTH).used == 18
    assert ledger.quota.reserve(MONTH, 25, 25) == 7


def test_eight_simultaneous_callers_never_exceed_the_quota(ledger: Ledger, shared: Harness) -> None:
    """Each reserves, gives a part back and reserves again. The count is the sum of what they keep."""
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]

    def spend() -> int:
        kept = 0
        for wanted in (7, 5, 25, 3, 11):
            got = contended.quota.reserve(MONTH, wanted, 100)
            assert 0 <= got <= wanted
            back = got // 3
            contended.quota.give_back(MONTH, back)
            kept += got - back
        return kept

    kept = sum(at_once(*[spend] * 8))
    assert kept == ledger.state(MONTH).used
    assert kept + ledger.quota.reserve(MONTH, 1000, 100) == 100


def test_large_rounds_are_counted_by_day(ledger: Ledger) -> None:
    """What they needed at least, once for each round. Small rounds count to the month only."""
    for day, need in ((3, Need(8, 200, 8)), (3, Need(2, 50, 2)), (4, Need(1, 1)), (31, Need(7, 9, 7))):
        assert ledger.quota.reserve(MONTH, 1, 60, need=need, day=day) == 1
    state = ledger.state(MONTH)
    assert state.need == Need(18, 260)
    assert state.need_by_day == {3: 10.0, 31: 7.0}


def test_more_actions_than_a_transaction_allows_are_split(ledger: Ledger, shared: Harness) -> None:
    """DynamoDB allows 100 actions in a transaction:

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    for n in range(130):
        ledger.add([change(f"{n:03}", n)])
    sets = ledger.pending()
    ledger.accept([accepted_purge(n) for n in range(120)])
    ledger.replace(sets, {False: [change("999", 999)], True: []})
    assert len(items(shared, "submitted")) == 120
    (left,) = ledger.pending()
    assert left.changes == (change("999", 999),)


def test_an_interrupted_settlement_loses_no_change(
    ledger: Ledger, shared: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held changes are written before their old sets are deleted, wherever it is interrupted."""
    for n in range(130):
        ledger.add([change(f"{n:03}", n)])
    sets = ledger.pending()
    held = [each for found in sets for each in found.changes]
    transact, left = shared.dynamodb.transact_write_items, [1]

    def dying(**arguments: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return transact(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(shared.dynamodb, "transact_write_items", dying)
        with pytest.raises(KeyboardInterrupt):
            ledger.replace(sets, {False: held})
    assert {each for found in ledger.pending() for each in found.changes} == set(held)


def test_huge_sets_are_split_over_items_and_transactions(
    ledger: Ledger, shared: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys do not compress, and items stay under 400 KB.

    One write uses less than a second's write capacity of a partition: two units for each KB of a transaction.
    Deletes of large sets count too.
    """
    many = [change(_incompressible_key(n), n) for n in range(7_000)]
    ledger.replace([], {False: many})
    found = ledger.pending()
    assert len(found) > 10
    assert sorted(each.occurred_at for each in _all(found)) == sorted(each.occurred_at for each in many)
    assert set(_all(found)) == set(many)
    sizes = {each.id: each.size for each in found}
    written: list[int] = []
    transact = shared.dynamodb.transact_write_items

    def counting(**arguments: Any) -> Any:
        written.append(sum(sizes[each["Delete"]["Key"]["sk"]["S"]] for each in arguments["TransactItems"]))
        return transact(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(shared.dynamodb, "transact_write_items", counting)
        ledger.replace(found)
    assert ledger.pending() == []
    assert max(written, default=0) < 500_000


def _all(sets: list[ChangeSet]) -> list[Change]:
    return [each for found in sets for each in found.changes]


def _incompressible_key(seed: int) -> str:
    """Returns a key that does not compress."""
    return random.Random(seed).randbytes(500).hex()


def test_purges_since_a_time_are_returned_in_order(ledger: Ledger) -> None:
    """The time is precise to the microsecond, and each purge has all its fields."""
    purges = [accepted_purge(n, identities=joined({b"12345678", b"abcdefgh"}), sample="s") for n in range(5)]
    ledger.accept(purges[::-1])
    assert ledger.accepted_since(NOW) == purges
    assert ledger.accepted_since(NOW + 2) == purges[2:]
    assert ledger.accepted_since(NOW + 2.000001) == purges[3:]
    assert ledger.accepted_since(-1e9) == purges


def test_a_purge_for_very_many_changes_is_recorded(ledger: Ledger, shared: Harness) -> None:
    """8 bytes for each of 200,000 changes exceed the 400 KB of an item."""
    many = joined(n.to_bytes(8) for n in range(200_000))
    ledger.accept([accepted_purge(1, identities=many)])
    assert len(items(shared, "submitted")) > 1
    found = ledger.accepted_since(NOW)
    assert {(each.request_id, each.url) for each in found} == {
        (accepted_purge(1).request_id, accepted_purge(1).url)
    }
    assert b"".join(each.identities for each in found) == many
    ledger.complete(accepted_purge(1).request_id, accepted_purge(1).submitted_at, NOW + 9)
    assert len(ledger.state(MONTH).untracked) == 1


def test_a_cancelled_transaction_is_retried(
    shared: Harness, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conflict with another transaction and a busy partition are temporary reasons."""
    slept: list[float] = []
    patient = Ledger("ledger", shared.dynamodb, sleep=slept.append)
    transact = shared.dynamodb.transact_write_items
    cancelled = shared.dynamodb.exceptions.TransactionCanceledException
    codes = ["TransactionConflict", "ThrottlingError"]

    def busy(**arguments: Any) -> Any:
        if codes:
            reasons = [{"Code": "None"}, {"Code": codes.pop()}]
            error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise cancelled(error, "TransactWriteItems")
        return transact(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(shared.dynamodb, "transact_write_items", busy)
        patient.accept([accepted_purge(1)])
        codes = ["TransactionConflict"]
        assert patient.quota.reserve(MONTH, 3, 10) == 3
    assert ledger.accepted_since(NOW) == [accepted_purge(1)]
    assert len(slept) == 3


def test_a_window_limits_how_many_changes_are_loaded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows follow one another to the last change set. Manual sets are in each of them."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 10)
    for n in range(0, 30, 2):
        ledger.add([change(f"{n:02}", n), change(f"{n + 1:02}", n + 1)])
    ledger.add([UrlChange("https://ik.imagekit.io/demo/x", datetime.fromtimestamp(NOW, UTC))], manual=True)
    seen: list[Change] = []
    after, windows = "", 0
    while not windows or after:
        sets, after = ledger.window(after)
        windows += 1
        assert sets[0].manual
        assert sum(len(each.changes) for each in sets) <= 12
        seen += [each for each in _all(sets) if isinstance(each, ObjectChange)]
    assert seen == [change(f"{n:02}", n) for n in range(30)]
    assert windows == 4


def test_windows_are_smaller_if_objects_have_many_urls(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory depends on changes times URLs: 20 URLs allow a fifth of the changes that 4 allow."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 100)
    for n in range(110):
        ledger.add([change(f"{n:03}", n)])
    assert [len(ledger.window("", urls)[0]) for urls in (1, 4, 5, 20, 100)] == [100, 100, 80, 20, 4]


def test_manual_changes_keep_no_other_change_out_of_a_window(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the windows and however many the manual changes, the windows come to an end."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 1)
    for n in range(3):
        ledger.add([change(f"by-hand/{n}", n)], manual=True)
        ledger.add([change(f"{n}", n)])
    after, seen = "", []
    for _ in range(3):
        sets, after = ledger.window(after)
        assert [each.manual for each in sets] == [True, True, True, False]
        seen += [each.key for each in sets[-1].changes if isinstance(each, ObjectChange)]
    assert seen == ["0", "1", "2"]


def test_an_alert_of_any_name_has_a_valid_sort_key(ledger: Ledger) -> None:
    """A sort key has at most 1,024 bytes. The name may be made of a longer URL in multi-byte letters."""
    assert ledger.alerts.claim("ü" * 5000, "me", NOW, 60) == "ours"
    ledger.alerts.sent("ü" * 5000, NOW, 60)
    assert ledger.alerts.claim("ü" * 5000, "you", NOW, 60) == "sent"
    ledger.alerts.forget("ü" * 5000)
    assert ledger.alerts.claim("ü" * 5000, "you", NOW, 60) == "ours"


def test_all_pages_of_a_query_are_read(ledger: Ledger) -> None:
    """A query returns at most 1 MB at a time."""
    identities = joined(n.to_bytes(8) for n in range(5_000))
    purges = [accepted_purge(n, identities=identities) for n in range(60)]
    for purge in purges:
        ledger.accept([purge])
    assert ledger.accepted_since(NOW) == purges


def test_an_alert_is_claimed_and_then_sent(ledger: Ledger, shared: Harness) -> None:
    """A claim lasts for a time, or until the alert fails. One of eight simultaneous callers gets it."""
    assert ledger.alerts.claim("quota", "me", NOW, 60) == "ours"
    assert ledger.alerts.claim("quota", "me", NOW, 60) == "ours", "the SDK repeats a call without an answer"
    assert ledger.alerts.claim("quota", "you", NOW + 59, 60) == "claimed"
    assert ledger.alerts.claim("key", "you", NOW + 59, 60) == "ours"
    assert ledger.alerts.claim("quota", "you", NOW + 61, 60) == "ours", "the first claim has expired"
    ledger.alerts.sent("quota", NOW + 62, 600)
    assert ledger.alerts.claim("quota", "me", NOW + 600, 60) == "sent"
    ledger.alerts.forget("quota")
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]
    calls = [lambda who=who: contended.alerts.claim("quota", who, NOW + 62, 60) for who in "abcdefgh"]
    assert sorted(at_once(*calls)) == ["claimed"] * 7 + ["ours"]


def test_a_request_is_known_for_a_time(ledger: Ledger, shared: Harness) -> None:
    """The time counts from the first request. One of eight simultaneous callers is the first."""
    asked = [ledger.first_asked("a" * 64, f"{at}", NOW + at, 300) for at in (0.25, 60, 300, 300.25, 301)]
    assert asked == [
        (NOW + 0.25, False),
        (NOW + 0.25, True),
        (NOW + 0.25, True),
        (NOW + 300.25, False),
        (NOW + 300.25, True),
    ]
    (item,) = items(shared, "state")
    assert len(item["sk"]["S"].encode()) < 1024
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]
    found = at_once(*[lambda n=n: contended.first_asked("b", f"{n}", NOW + n, 300) for n in range(8)])
    assert len({time for time, _ in found}) == 1
    assert sorted(repeated for _, repeated in found) == [False] + [True] * 7


def test_completion_is_recorded_only_for_a_known_purge(ledger: Ledger, shared: Harness) -> None:
    """An unknown purge creates no item."""
    purge = accepted_purge(1)
    ledger.accept([purge])
    ledger.complete(purge.request_id, purge.submitted_at, NOW + 9)
    ledger.complete("unknown", purge.submitted_at, NOW + 9)
    ledger.complete(purge.request_id, purge.submitted_at + 1, NOW + 9)
    (item,) = items(shared, "submitted")
    assert float(item["completed_at"]["N"]) == NOW + 9
    assert ledger.accepted_since(NOW) == [replace(purge, completed_at=NOW + 9)]


def test_purges_added_to_a_batch_later_stay_untracked(ledger: Ledger) -> None:
    """A drain without its lease may add purges while another drain has the earlier ones tracked."""
    first, second = accepted_purge(1), accepted_purge(2)
    ledger.accept([first])
    ledger.accept([second], before=[first])
    ledger.forget_untracked([first])
    assert [len(batch) for batch in ledger.state(MONTH).untracked] == [2]
    ledger.forget_untracked([first, second])
    assert ledger.state(MONTH).untracked == ()


def test_what_drains_remember_is_read_again(ledger: Ledger) -> None:
    """Refused wildcards, failing URLs and untracked purges are read again, whatever the length of the URL."""
    long = "https://ik.imagekit.io/demo/" + "x" * 3000
    untracked = accepted_purge(3, identities=b"12345678")
    ledger.remember_refused(f"{long}*", NOW)
    ledger.remember_failing(long, FailingUrl(2, NOW + 60.5, NOW, NOW - 5))
    ledger.remember_failing(long, FailingUrl(3, NOW + 120.5, NOW, NOW - 5))
    ledger.accept([untracked])
    state = ledger.state(MONTH)
    assert state.refused == {f"{long}*"}
    assert dict(state.failing) == {long: FailingUrl(3, NOW + 120.5, NOW, NOW - 5)}
    assert state.untracked == ((replace(untracked, identities=b""),),)
    ledger.forget_failing(long)
    ledger.forget_untracked([untracked])
    assert (dict(ledger.state(MONTH).failing), ledger.state(MONTH).untracked) == ({}, ())


def test_temporary_items_expire(ledger: Ledger, shared: Harness) -> None:
    """DynamoDB's time to live needs whole seconds, in the attribute that the template names."""
    moment = NOW + 0.123
    ledger.accept([AcceptedPurge("r", "u", moment)])
    ledger.remember_refused("w", moment)
    ledger.remember_failing("u", FailingUrl(1, moment, moment, moment))
    ledger.alerts.claim("a", "me", moment, 60.5)
    ledger.alerts.sent("b", moment, 60.5)
    ledger.first_asked("a", "me", moment, 60.5)
    found = [item for item in items(shared) if not item["sk"]["S"].startswith("untracked#")]
    assert len(found) == 6
    for item in found:
        assert item["expires_at"]["N"].isdecimal()
        assert int(item["expires_at"]["N"]) > NOW
    (purge,) = items(shared, "submitted")
    fortnight = timedelta(days=14).total_seconds()
    assert int(purge["expires_at"]["N"]) > NOW + fortnight, "a message can wait so long in the queue"


def test_pending_changes_and_the_quota_do_not_expire(ledger: Ledger, shared: Harness) -> None:
    """A change must not be lost, and a count must not restart within its month."""
    ledger.add([change("a")])
    ledger.quota.reserve(MONTH, 1, 10)
    assert [item for item in items(shared) if "expires_at" in item] == []
    assert len(items(shared)) == 2


def test_months_are_utc() -> None:
    """ImageKit's quota is per calendar month. The time zone is a guess: ImageKit's times are in UTC."""
    turn = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
    assert (month_of(turn - 0.001), month_of(turn)) == ("2030-05", "2030-06")
