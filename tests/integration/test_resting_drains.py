"""Drains that have nothing to do cost a few reads; those that are wanted go on."""

from collections.abc import Iterator
from typing import Any

import pytest

from purging.aws.listing import S3Lister
from purging.changes import UrlChange
from purging.draining.drain import SETTLE_SECONDS
from purging.ledger.records import OVERTAKING
from tests.integration.harness import ENDPOINT, Harness


@pytest.fixture
def calls(harness: Harness) -> Iterator[list[str]]:
    """The names of the calls to DynamoDB, as they come."""
    names: list[str] = []
    events = harness.dynamodb.meta.events
    events.register("before-call.dynamodb", lambda model, **_: names.append(model.name), unique_id="calls")
    yield names
    events.unregister("before-call.dynamodb", unique_id="calls")


def scarce(harness: Harness) -> dict[str, Any]:
    """Settings under which 40 changes in folders of their own do not fit."""
    harness.ledger.add([harness.change(f"{number}/a.jpg") for number in range(40)])
    return {"monthly_quota": 30, "reserve_percent": 0}


def test_a_drain_without_work_writes_nothing(harness: Harness, calls: list[str]) -> None:
    """The tick comes 43,200 times a month. It takes no lease, and calls nothing but Query."""
    assert harness.drain().accepted == []
    assert calls == ["Query"] * 2


def test_held_changes_are_not_planned_again_before_they_can_be_purged(
    harness: Harness, calls: list[str]
) -> None:
    """Ticks neither list the bucket nor load the changes until then, and no change is late."""
    settings = scarce(harness)
    assert (harness.drain(**settings).reason, harness.purged) == ("held", [])
    del calls[:]
    for _ in range(13):
        harness.clock.sleep(60)
        report = harness.drain(**settings)
        assert (report.held, report.reason) == (40, "held")
        assert "quota is short" in report.detail
    assert set(calls) == {"Query"}
    harness.clock.sleep(60)
    # Half of the month is over, and so many of 30 purges no wildcard could save: they are paced.
    assert len(harness.drain(**settings).accepted) == 14


def drain_added(harness: Harness, added: int, **settings: Any) -> Any:
    """Runs a drain that has just added some changes."""
    dies_at = harness.clock() + 120
    return harness.new_drain(**settings).run("intake", lambda: dies_at - harness.clock(), added=added)


def held_storm(harness: Harness) -> dict[str, Any]:
    """Settings under which 40 changes are held for a cheaper purge. Few wildcards would do for them."""
    harness.ledger.add([harness.change(f"media/{number}/a.jpg") for number in range(100, 140)])
    settings = {"monthly_quota": 40, "reserve_percent": 0}
    assert harness.drain(**settings).reason == "held"
    harness.clock.sleep(60)
    return settings


def test_a_change_elsewhere_does_not_wait_for_held_ones(harness: Harness, calls: list[str]) -> None:
    """It is purged within a second. The others are still held, and need no plan until their time comes."""
    settings = held_storm(harness)
    harness.ledger.add([harness.change("other/place/x.jpg", ago=0.0)])
    began = harness.clock()
    report = drain_added(harness, 1, **settings)
    assert harness.purged == [f"{ENDPOINT}/other/place/x.jpg*"]
    assert harness.clock() - began < 1
    assert (report.held, report.reason) == (40, "held")
    del calls[:]
    for _ in range(12):
        harness.clock.sleep(60)
        assert harness.drain(**settings).held == 40
    assert set(calls) == {"Query"}
    harness.clock.sleep(60)
    assert harness.drain(**settings).held == 0


def test_only_a_few_changes_overtake_held_ones(harness: Harness, calls: list[str]) -> None:
    """Single changes that come all the time would use up what holding saves. The others wait, and a drain for
    them only reads."""
    settings = held_storm(harness)
    for number in range(8):
        harness.ledger.add([harness.change(f"other{number}/place/x.jpg", ago=0.0)])
        del calls[:]
        drain_added(harness, 1, **settings)
    assert harness.purged == [f"{ENDPOINT}/other{number}/place/x.jpg*" for number in range(OVERTAKING)]
    assert set(calls) == {"Query"}
    harness.clock.sleep(13 * 60)
    assert harness.drain(**settings).held == 0


def test_a_change_whose_date_is_in_the_future_does_not_wait_for_held_ones(harness: Harness) -> None:
    """Its age is not known, so it goes at once, wherever it lies."""
    settings = held_storm(harness)
    harness.ledger.add([harness.change("media/100/b.jpg", ago=-3600.0)])
    assert drain_added(harness, 1, **settings).held == 40
    assert harness.purged == [f"{ENDPOINT}/media/100/b.jpg*"]


def test_what_belongs_to_held_changes_waits_with_them(harness: Harness, calls: list[str]) -> None:
    """It lies in their folder, so it may share their purge. No bucket is listed for it."""
    settings = held_storm(harness)
    harness.ledger.add([harness.change("media/140/a.jpg", ago=0.0)])
    report = drain_added(harness, 1, **settings)
    assert (report.held, report.reason, harness.purged) == (41, "held", [])
    del calls[:]
    harness.clock.sleep(60)
    assert harness.drain(**settings).held == 41
    assert set(calls) == {"Query"}


def test_an_upload_elsewhere_waits_with_held_changes(harness: Harness) -> None:
    """A single change after it does not."""
    settings = held_storm(harness)
    harness.ledger.add([harness.change(f"other/{number}.jpg", ago=10.0) for number in range(10)])
    assert drain_added(harness, 10, **settings).held == 50
    harness.ledger.add([harness.change("third/place/x.jpg", ago=0.0)])
    assert drain_added(harness, 1, **settings).held == 50
    assert harness.purged == [f"{ENDPOINT}/third/place/x.jpg*"]


def test_a_purge_elsewhere_that_fails_is_tried_again(harness: Harness) -> None:
    """The held changes do not make it wait for their time."""
    settings = held_storm(harness)
    harness.ledger.add([harness.change("other/place/x.jpg", ago=0.0)])
    harness.inject("5xx", times=1)
    assert drain_added(harness, 1, **settings).held == 41
    for _ in range(3):
        harness.clock.sleep(60)
        harness.drain(**settings)
    assert harness.purged == [f"{ENDPOINT}/other/place/x.jpg*"]


@pytest.mark.parametrize("what", ["an older change", "a manual purge", "more quota"])
def test_a_hold_ends_when_it_says_nothing_any_more(harness: Harness, what: str) -> None:
    """What came since may be purged at once."""
    settings = scarce(harness)
    assert harness.drain(**settings).reason == "held"
    match what:
        case "an older change":
            harness.ledger.add([harness.change("older.jpg", ago=900)])
        case "a manual purge":
            harness.ledger.add([UrlChange(f"{ENDPOINT}/m.jpg", harness.change("-").occurred_at)], manual=True)
        case _:
            settings["monthly_quota"] = 100
    assert harness.drain(**settings).accepted


def test_a_batch_that_finds_the_lease_taken_is_drained_at_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves word, and the drain at work goes on for its changes."""
    harness.ledger.add([harness.change("a/first.jpg", ago=60)])
    page = S3Lister.page
    reports: list[Any] = []

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        if not reports:
            harness.ledger.add([harness.change("b/second.jpg", ago=60)])
            reports.append(harness.drain(owner="another"))
        return page(*arguments, **options)

    monkeypatch.setattr(S3Lister, "page", meanwhile)
    harness.drain()
    assert reports[0].busy
    assert harness.purged == [f"{ENDPOINT}/a/first.jpg*", f"{ENDPOINT}/b/second.jpg*"]
    assert harness.ledger.lease.acquire("next", harness.clock(), 60), "the lease was given back"


def test_the_lease_is_not_given_back_while_another_is_waiting(harness: Harness) -> None:
    """Taking it again takes the word away: what was pending before is seen."""
    lease, now = harness.ledger.lease, harness.clock()
    assert lease.acquire("a", now, 60)
    assert not lease.acquire("b", now, 60)
    assert not lease.finish("a")
    assert lease.acquire("a", now, 60)
    assert lease.finish("a")
    assert lease.finish("a"), "a repeated call is answered alike"
    assert lease.acquire("b", now, 60)
    assert lease.finish("a"), "another owner's lease is not given back"
    assert not lease.acquire("a", now, 60)


def test_a_lone_change_waits_only_for_company(harness: Harness) -> None:
    """A fifth of a second, in which the next objects of an upload would come."""
    harness.ledger.add([harness.change("a/x.jpg", ago=0.0)])
    began = harness.clock()
    report = harness.new_drain().run("first", lambda: 100.0, added=1)
    assert len(report.accepted) == 1
    assert harness.clock() - began == pytest.approx(SETTLE_SECONDS)


def test_a_change_in_company_is_planned_with_it(harness: Harness) -> None:
    """The drain gathers for two seconds, and plans what came meanwhile, too."""
    harness.ledger.add([harness.change(f"a/{number}.jpg", ago=0.0) for number in range(2)])
    clock, began = harness.clock, harness.clock()

    def sleep(seconds: float) -> None:
        if clock() == began:
            harness.ledger.add([harness.change(f"a/{number}.jpg", ago=0.0) for number in range(2, 5)])
        clock.sleep(seconds)

    dies_at = began + 120
    report = harness.new_drain(sleep=sleep).run("first", lambda: dies_at - clock())
    assert sorted(purge.url for purge in report.accepted) == [f"{ENDPOINT}/a/{n}.jpg*" for n in range(5)]
    assert min(purge.submitted_at for purge in report.accepted) == pytest.approx(began + 2.0, abs=0.2)


def test_two_changes_that_are_reported_late_are_gathered_like_others(harness: Harness) -> None:
    """They happened three seconds ago, and came just now: an upload may begin with them."""
    harness.ledger.add([harness.change(f"a/{number}.jpg", ago=3.0) for number in range(2)])
    clock, began = harness.clock, harness.clock()

    def sleep(seconds: float) -> None:
        if clock() == began:
            harness.ledger.add([harness.change(f"b/{number}.jpg", ago=3.0) for number in range(2)])
        clock.sleep(seconds)

    report = harness.new_drain(sleep=sleep).run("first", lambda: 100.0, added=2)
    assert len(report.accepted) == 4
    assert min(purge.submitted_at for purge in report.accepted) == pytest.approx(began + 2.0, abs=0.2)


def arrive_late(harness: Harness, batch: int) -> None:
    """Twenty more changes of an upload, ten seconds after they happened."""
    harness.ledger.add(
        [harness.change(f"a/{batch}-{number}.jpg", ago=10 + number / 20) for number in range(20)]
    )


def test_an_upload_that_is_reported_late_is_planned_as_a_whole(harness: Harness) -> None:
    """S3's events come ten seconds late. As long as they come, the upload goes on."""
    clock, began, waits = harness.clock, harness.clock(), list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.sleep(seconds)
        if len(waits) < 4:
            arrive_late(harness, len(waits))

    arrive_late(harness, 0)
    report = harness.new_drain(sleep=sleep).run("first", lambda: 100.0, added=20)
    assert len(report.accepted) == 80
    assert min(purge.submitted_at for purge in report.accepted) == pytest.approx(began + sum(waits), abs=0.1)
    assert len(waits) == 4


def test_a_change_elsewhere_does_not_end_the_gathering_of_a_late_upload(harness: Harness) -> None:
    """It is on time, so no change of the upload is later. More of them arrive all the same."""
    clock, waits = harness.clock, list[float]()

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.sleep(seconds)
        if len(waits) == 1:
            harness.ledger.add([harness.change("other/place/x.jpg", ago=0.0)])
        if len(waits) < 6:
            arrive_late(harness, len(waits))

    arrive_late(harness, 0)
    report = harness.new_drain(sleep=sleep).run("first", lambda: 100.0, added=20)
    assert len(report.accepted) == 121
    early = [purge.url for purge in report.accepted if purge.submitted_at < clock() - 0.1]
    assert early in ([], [f"{ENDPOINT}/other/place/x.jpg*"])
