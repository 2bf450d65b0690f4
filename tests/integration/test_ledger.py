"""The ledger against moto's DynamoDB: what several functions at once could get wrong."""

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
from purging.ledger.store import Ledger, month_of
from purging.purges import AcceptedPurge, FailingUrl, joined
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


def submitted(number: int, **fields: Any) -> AcceptedPurge:
    return AcceptedPurge(
        f"{number:024x}", f"https://ik.imagekit.io/demo/{number}.jpg", NOW + number, **fields
    )


class Atomic:
    """A DynamoDB client for threads: each write is atomic, as DynamoDB's are and moto's are not."""

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
    """The results of calls that threads make all at once."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_what_is_added_is_pending_until_it_is_consumed(ledger: Ledger) -> None:
    """Oldest first, manual sets marked as such."""
    ledger.add([change("b", 2)])
    ledger.add([change("a", 1), change("c", 3)])
    ledger.add([UrlChange("https://ik.imagekit.io/demo/x", datetime.fromtimestamp(NOW, UTC))], manual=True)
    manual, first, second = ledger.pending()
    assert (manual.manual, first.manual) == (True, False)
    assert [each.key for each in first.changes if isinstance(each, ObjectChange)] == ["a", "c"]
    assert ledger.pending_ids() == {manual.id, first.id, second.id}
    ledger.settle([first])
    assert ledger.pending() == [manual, second]


def test_a_redelivery_overwrites_itself(ledger: Ledger, shared: Harness) -> None:
    """The same batch, in whatever order, is the same item; anything else never touches another's."""
    batch = [change(f"{n}", n) for n in range(20)]
    ledger.add(batch)
    ledger.add(batch[::-1])
    ledger.add(batch + batch[:5])
    assert len(items(shared, "pending")) == 1
    ledger.add(batch[:19])
    assert len(items(shared, "pending")) == 2
    assert {each for found in ledger.pending() for each in found.changes} == set(batch)


def test_adding_nothing_writes_nothing(ledger: Ledger, shared: Harness) -> None:
    """A tick or an empty batch leaves no trace."""
    ledger.add([])
    ledger.settle([])
    assert items(shared) == []


def test_the_lease_is_exclusive(ledger: Ledger) -> None:
    """One holder at a time; it ends by release or by expiry, for its owner alone."""
    assert ledger.acquire("a", NOW, 60)
    assert not ledger.acquire("b", NOW + 59, 60)
    ledger.release("b")
    assert not ledger.acquire("b", NOW + 59, 60)
    ledger.release("a")
    assert ledger.acquire("b", NOW + 59, 60)
    assert ledger.acquire("c", NOW + 120, 60)
    ledger.release("b")
    assert not ledger.acquire("a", NOW + 121, 60), "a late release takes nobody else's lease"


def test_of_eight_at_once_one_gets_the_lease(ledger: Ledger, shared: Harness) -> None:
    """It is decided by the condition of one write."""
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]
    calls = [lambda owner=owner: contended.acquire(owner, NOW, 60) for owner in "abcdefgh"]
    assert sorted(at_once(*calls)) == [False] * 7 + [True]
    assert not ledger.acquire("late", NOW, 60)


def test_reserving_never_exceeds_the_limit(ledger: Ledger) -> None:
    """As much as there is room for, and nothing above; each month has a count of its own."""
    assert ledger.reserve(MONTH, 25, 60) == 25
    assert ledger.reserve(MONTH, 25, 60) == 25
    assert ledger.reserve(MONTH, 25, 60) == 10
    assert ledger.reserve(MONTH, 25, 60) == 0
    assert ledger.reserve(MONTH, 0, 60) == 0
    assert ledger.reserve("2030-06", 100, 60) == 60
    assert ledger.state(MONTH).used == 60


def test_a_quota_that_was_lowered_below_what_is_used(ledger: Ledger) -> None:
    """Nothing is left then; raised again, the rest is."""
    ledger.reserve(MONTH, 50, 60)
    assert ledger.reserve(MONTH, 5, 20) == 0
    assert ledger.reserve(MONTH, 5, 0) == 0
    assert ledger.reserve(MONTH, 5, 52) == 2


def test_what_was_not_used_is_given_back(ledger: Ledger) -> None:
    """It can be reserved again, once."""
    ledger.reserve(MONTH, 25, 25)
    ledger.give_back(MONTH, 7)
    ledger.give_back(MONTH, 0)
    assert ledger.state(MONTH).used == 18
    assert ledger.reserve(MONTH, 25, 25) == 7


def test_eight_at_once_never_exceed_the_quota(ledger: Ledger, shared: Harness) -> None:
    """Each reserves, gives a part back and reserves again: the count is that of what they keep."""
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]

    def spend() -> int:
        kept = 0
        for wanted in (7, 5, 25, 3, 11):
            got = contended.reserve(MONTH, wanted, 100)
            assert 0 <= got <= wanted
            back = got // 3
            contended.give_back(MONTH, back)
            kept += got - back
        return kept

    kept = sum(at_once(*[spend] * 8))
    assert kept == ledger.state(MONTH).used
    assert kept + ledger.reserve(MONTH, 1000, 100) == 100


def test_more_than_a_transaction_takes(ledger: Ledger, shared: Harness) -> None:
    """100 actions is DynamoDB's limit."""
    for n in range(130):
        ledger.add([change(f"{n:03}", n)])
    sets = ledger.pending()
    ledger.accept([submitted(n) for n in range(120)])
    ledger.settle(sets, {False: [change("999", 999)], True: []})
    assert len(items(shared, "submitted")) == 120
    (left,) = ledger.pending()
    assert left.changes == (change("999", 999),)


def test_settling_that_stops_half_way_loses_nothing(
    ledger: Ledger, shared: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held is written before what it comes from is deleted, whichever transaction is the last."""
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
            ledger.settle(sets, {False: held})
    assert {each for found in ledger.pending() for each in found.changes} == set(held)


def test_huge_sets_are_split_over_items_and_transactions(
    ledger: Ledger, shared: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that do not compress: items stay under 400 KB. A write has less than a second's worth of a
    partition's write units, which are two for each KB of a transaction; deletes of large sets count too."""
    many = [change(_noise(n), n) for n in range(7_000)]
    ledger.settle([], {False: many})
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
        ledger.settle(found)
    assert ledger.pending() == []
    assert max(written, default=0) < 500_000


def _all(sets: list[ChangeSet]) -> list[Change]:
    return [each for found in sets for each in found.changes]


def _noise(seed: int) -> str:
    """A key that does not compress."""
    return random.Random(seed).randbytes(500).hex()


def test_purges_since_a_time(ledger: Ledger) -> None:
    """To the microsecond, in order, with everything that was written of them."""
    purges = [submitted(n, identities=joined({b"12345678", b"abcdefgh"}), sample="s") for n in range(5)]
    ledger.accept(purges[::-1])
    assert ledger.accepted_since(NOW) == purges
    assert ledger.accepted_since(NOW + 2) == purges[2:]
    assert ledger.accepted_since(NOW + 2.000001) == purges[3:]
    assert ledger.accepted_since(-1e9) == purges


def test_a_purge_for_very_many_changes_is_kept(ledger: Ledger, shared: Harness) -> None:
    """8 bytes for each of 200,000 changes pass the 400 KB of an item: accepted, it must not be lost."""
    many = joined(n.to_bytes(8) for n in range(200_000))
    ledger.accept([submitted(1, identities=many)])
    assert len(items(shared, "submitted")) > 1
    found = ledger.accepted_since(NOW)
    assert {(each.request_id, each.url) for each in found} == {(submitted(1).request_id, submitted(1).url)}
    assert b"".join(each.identities for each in found) == many
    ledger.complete(submitted(1).request_id, submitted(1).submitted_at, NOW + 9)
    assert len(ledger.state(MONTH).untracked) == 1


def test_what_dynamodb_cannot_take_now_is_tried_again(
    shared: Harness, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that meets another, or a busy partition, is cancelled for a reason that passes."""
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
        patient.accept([submitted(1)])
        codes = ["TransactionConflict"]
        assert patient.reserve(MONTH, 3, 10) == 3
    assert ledger.accepted_since(NOW) == [submitted(1)]
    assert len(slept) == 3


def test_a_window_bounds_what_is_loaded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows follow each other to the last change set; what someone asked for is in each of them."""
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


def test_objects_of_many_urls_make_windows_smaller(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory goes with changes times URLs: 20 of these leave a fifth of the changes that 4 do."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 100)
    for n in range(110):
        ledger.add([change(f"{n:03}", n)])
    assert [len(ledger.window("", urls)[0]) for urls in (1, 4, 5, 20, 100)] == [100, 100, 80, 20, 4]


def test_what_someone_asked_for_keeps_no_change_out_of_a_window(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small a window is, and however much they asked for: the windows come to their end."""
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


def test_an_alert_of_any_name_has_a_key_that_dynamodb_takes(ledger: Ledger) -> None:
    """A sort key has 1,024 bytes: a name may be made of a URL that is longer, in letters of several bytes."""
    assert ledger.claim_alert("ü" * 5000, "me", NOW, 60) == "ours"
    ledger.remember_alert("ü" * 5000, NOW, 60)
    assert ledger.claim_alert("ü" * 5000, "you", NOW, 60) == "sent"
    ledger.forget_alert("ü" * 5000)
    assert ledger.claim_alert("ü" * 5000, "you", NOW, 60) == "ours"


def test_many_pages_are_read_to_the_end(ledger: Ledger) -> None:
    """A query answers 1 MB at a time."""
    identities = joined(n.to_bytes(8) for n in range(5_000))
    purges = [submitted(n, identities=identities) for n in range(60)]
    for purge in purges:
        ledger.accept([purge])
    assert ledger.accepted_since(NOW) == purges


def test_an_alert_is_claimed_and_then_sent(ledger: Ledger, shared: Harness) -> None:
    """Until its time is over, or it turns out that it was not sent; of eight at once, one sends it."""
    assert ledger.claim_alert("quota", "me", NOW, 60) == "ours"
    assert ledger.claim_alert("quota", "me", NOW, 60) == "ours", "the SDK repeats what was not answered"
    assert ledger.claim_alert("quota", "you", NOW + 59, 60) == "claimed"
    assert ledger.claim_alert("key", "you", NOW + 59, 60) == "ours"
    assert ledger.claim_alert("quota", "you", NOW + 61, 60) == "ours", "the first one has died"
    ledger.remember_alert("quota", NOW + 62, 600)
    assert ledger.claim_alert("quota", "me", NOW + 600, 60) == "sent"
    ledger.forget_alert("quota")
    contended = Ledger("ledger", Atomic(shared.dynamodb))  # type: ignore[arg-type]
    calls = [lambda who=who: contended.claim_alert("quota", who, NOW + 62, 60) for who in "abcdefgh"]
    assert sorted(at_once(*calls)) == ["claimed"] * 7 + ["ours"]


def test_a_request_is_known_for_its_time(ledger: Ledger, shared: Harness) -> None:
    """Counted from when it was first asked; of eight at once, one is the first, and all hear of its time."""
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


def test_completion_is_noted_where_the_purge_is_known(ledger: Ledger, shared: Harness) -> None:
    """And creates nothing where it is not."""
    purge = submitted(1)
    ledger.accept([purge])
    ledger.complete(purge.request_id, purge.submitted_at, NOW + 9)
    ledger.complete("unknown", purge.submitted_at, NOW + 9)
    ledger.complete(purge.request_id, purge.submitted_at + 1, NOW + 9)
    (item,) = items(shared, "submitted")
    assert float(item["completed_at"]["N"]) == NOW + 9
    assert ledger.accepted_since(NOW) == [purge]


def test_what_joined_a_batch_since_is_not_forgotten_with_it(ledger: Ledger) -> None:
    """A drain whose lease ran out goes on beside another one, which follows what it had accepted by then."""
    first, second = submitted(1), submitted(2)
    ledger.accept([first])
    ledger.accept([second], before=[first])
    ledger.forget_untracked([first])
    assert [len(batch) for batch in ledger.state(MONTH).untracked] == [2]
    ledger.forget_untracked([first, second])
    assert ledger.state(MONTH).untracked == ()


def test_what_drains_remember_is_read_back(ledger: Ledger) -> None:
    """Refused wildcards, failing URLs, untracked purges; whatever the length of the URL."""
    long = "https://ik.imagekit.io/demo/" + "x" * 3000
    untracked = submitted(3, identities=b"12345678")
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


def test_whatever_is_not_for_ever_expires(ledger: Ledger, shared: Harness) -> None:
    """DynamoDB deletes by an attribute of whole seconds: the one that the template names."""
    moment = NOW + 0.123
    ledger.accept([AcceptedPurge("r", "u", moment)])
    ledger.remember_refused("w", moment)
    ledger.remember_failing("u", FailingUrl(1, moment, moment, moment))
    ledger.claim_alert("a", "me", moment, 60.5)
    ledger.remember_alert("b", moment, 60.5)
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
    """A change must not vanish, and a count not start anew in the middle of its month."""
    ledger.add([change("a")])
    ledger.reserve(MONTH, 1, 10)
    assert [item for item in items(shared) if "expires_at" in item] == []
    assert len(items(shared)) == 2


def test_months_are_utc() -> None:
    """ImageKit's quota is one of calendar months; which zone is a guess, that of all its times."""
    turn = datetime(2030, 6, 1, tzinfo=UTC).timestamp()
    assert (month_of(turn - 0.001), month_of(turn)) == ("2030-05", "2030-06")
