"""What ImageKit refuses, and what the quota forbids: counted, held, tried again, said once."""

import json
import socket

import boto3
import pytest

from local.imagekit.faults import FaultPlan
from purging.changes import UrlChange
from purging.imagekit.client import ImageKit
from purging.imagekit.private_key import PrivateKey
from tests.integration.world import ENDPOINT, KEY, START, World

MONTH = "2030-05"
DAY = 86_400


def used(w: World) -> int:
    return w.ledger.state(MONTH).used


def test_a_quota_of_three_gives_three_purges_holds_seven_and_alerts_once(w: World) -> None:
    """ImageKit says the quota is used up, and until when; one call an hour finds out if it was raised."""
    w.set_emulator(quota=3)
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(10)])
    report = w.drain()
    assert (len(w.purged), report.held, report.reason) == (3, 7, "quota")
    (alert,) = w.alerts()
    assert alert["Subject"] == "ImageKit's monthly purge quota is used up"
    assert "7 changed objects wait" in alert["Message"]
    w.clock.sleep(60)
    w.drain()
    assert w.alerts() == []
    assert used(w) == 3, "refused calls do not count"
    w.set_emulator(quota=1000)
    w.drain()
    assert used(w) == 3, "ImageKit said when to come again"
    w.clock.sleep(3600)
    w.drain()
    assert len(set(w.purged)) == 10
    assert w.ledger.pending() == []


def test_a_dry_run_does_not_mute_the_alert_of_the_real_quota(w: World) -> None:
    """Both run out in one month: each is said, as what it is."""
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(5)])
    w.drain(dry_run=True, monthly_quota=2, reserve_percent=0)
    w.drain(monthly_quota=2, reserve_percent=0)
    assert [alert["Subject"] for alert in w.alerts()] == [
        "A dry run has used up the monthly purge quota",
        "ImageKit's monthly purge quota is used up",
    ]


def test_a_manual_purge_asks_imagekit_although_its_quota_is_known_to_be_used_up(w: World) -> None:
    """Whoever asks may have bought more: the call costs nothing. Changes wait for the reset all the same."""
    w.ledger.pause(w.clock() + DAY, exhausted=True, reason="the quota is used up")
    w.ledger.add([w.change("a/1.jpg")])
    report = w.drain()
    assert (report.held, report.reason, report.detail) == (1, "quota", "the quota is used up")
    w.ledger.add([UrlChange(f"{ENDPOINT}/m.jpg", w.change("-").occurred_at)], manual=True)
    w.drain()
    assert w.purged[0] == f"{ENDPOINT}/m.jpg"
    w.drain()
    assert len(w.purged) == 2, "ImageKit takes purges again"


@pytest.mark.parametrize("status", [429, 403])
@pytest.mark.parametrize("headers", [True, False])
def test_every_guess_at_an_exhausted_quota_is_understood(w: World, status: int, headers: bool) -> None:
    """What the call over the limit answers is not documented: rate headers of a month, or words about one."""
    w.set_emulator(quota=1, quota_answer=status, quota_headers=headers)
    w.ledger.add([w.change("a/1.jpg"), w.change("a/2.jpg")])
    assert w.drain().reason == "quota"
    (alert,) = w.alerts()
    assert alert["Subject"] == "ImageKit's monthly purge quota is used up"


def test_a_rate_limit_without_a_reset_is_no_exhausted_quota(w: World) -> None:
    """It would mail "used up", and so mute the real alert of the month."""
    w.inject("429", seconds=0)
    w.inject("429-no-headers", nth=2)
    w.ledger.add([w.change("a/1.jpg"), w.change("a/2.jpg")])
    w.drain(seconds=600)
    assert w.alerts() == []
    assert len(w.purged) == used(w) == 2


def test_the_own_count_stops_before_imagekit_does(w: World) -> None:
    """The quota is never exceeded, and the reserve is kept for people, even if ImageKit would take more."""
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(30)])
    report = w.drain(monthly_quota=20, reserve_percent=10)
    assert (len(w.purged), report.held, used(w)) == (18, 12, 18)
    w.ledger.add(
        [UrlChange(f"{ENDPOINT}/m/{n}.jpg", w.change("-").occurred_at) for n in range(5)], manual=True
    )
    report = w.drain(monthly_quota=20, reserve_percent=10)
    assert w.purged[18:] == [f"{ENDPOINT}/m/{n}.jpg" for n in range(2)]
    assert used(w) == 20


def test_held_changes_go_when_the_month_turns(w: World) -> None:
    """The quota is one of calendar months, UTC."""
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(5)])
    w.drain(monthly_quota=2, reserve_percent=0)
    assert len(w.purged) == 2
    w.clock.sleep(17 * DAY)
    w.drain(monthly_quota=3, reserve_percent=0)
    assert len(set(w.purged)) == 5


def test_a_short_throttle_is_waited_for(w: World) -> None:
    """429 names the milliseconds to wait; the official SDKs ignore that and come back too early."""
    w.set_emulator(write_rate=5.0, write_burst=20)
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(100)])
    began = w.clock()
    w.drain()
    assert len(w.purged) == used(w) == 100
    assert 15 <= w.clock() - began <= 20
    assert w.emulator.state.calls["purge"]["rate-limited"] == 80


def test_a_long_throttle_is_remembered_by_every_drain_until_it_ends(w: World) -> None:
    """Limits that last minutes: no call before the reset, then all goes on."""
    w.inject("429", seconds=600)
    w.ledger.add([w.change("a/x.jpg")])
    assert w.drain().reason == "throttled"
    w.clock.sleep(300)
    assert w.drain().reason == "paused"
    assert sum(w.emulator.state.calls["purge"].values()) == 1
    w.clock.sleep(300)
    w.drain()
    assert len(w.purged) == used(w) == 1


def test_a_rotated_key_is_read_again_and_costs_one_refused_call(w: World) -> None:
    """The key changes at ImageKit and in Secrets Manager; the functions had cached the old one."""
    secrets = boto3.client("secretsmanager")
    key = PrivateKey(w.settings.secret_arn, secrets)
    client = ImageKit(w.url, key)
    client.purge(f"{ENDPOINT}/a/1.jpg")
    w.set_emulator(private_key="private_new")
    secrets.put_secret_value(SecretId=w.settings.secret_arn, SecretString="private_new")
    client.purge(f"{ENDPOINT}/a/2.jpg")
    client.purge(f"{ENDPOINT}/a/3.jpg")
    assert len(w.purged) == 3
    assert sum(w.emulator.state.calls["purge"].values()) == 4


@pytest.mark.parametrize("secret", ["wrong", json.dumps({"private_key": "", "placeholder": "x"}), "{}"])
def test_a_key_that_is_wrong_or_not_filled_in_holds_everything_and_alerts_once(w: World, secret: str) -> None:
    """Nothing is lost or counted; the remedy stands in the alert, the key does not."""
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId=w.settings.secret_arn, SecretString=secret)
    w.ledger.add([w.change("a/1.jpg"), w.change("a/2.jpg")])
    assert w.drain().reason == "key refused"
    assert w.drain().reason == "key refused"
    (alert,) = w.alerts()
    assert "secret" in alert["Message"]
    assert "wrong" not in alert["Message"]
    assert used(w) == 0
    secrets.put_secret_value(SecretId=w.settings.secret_arn, SecretString=json.dumps({"private_key": KEY}))
    w.drain()
    assert len(w.purged) == used(w) == 2


def test_a_5xx_is_counted_and_tried_again_later(w: World) -> None:
    """It may have counted at ImageKit: so it counts here. The other changes do not wait for it."""
    w.inject("5xx")
    w.ledger.add([w.change("a/1.jpg", ago=2), w.change("a/2.jpg")])
    report = w.drain()
    assert (w.purged, report.held, used(w)) == ([f"{ENDPOINT}/a/2.jpg*"], 1, 2)
    assert "500" in report.detail
    again = w.drain()
    assert (again.held, again.reason) == (1, "failing"), "not at once"
    assert again.detail
    w.clock.sleep(60)
    w.drain()
    assert w.purged[1:] == [f"{ENDPOINT}/a/1.jpg*"]
    assert w.ledger.state(MONTH).failing == {}


def test_a_connection_reset_after_acceptance_is_purged_again(w: World) -> None:
    """Nobody knows that it was accepted: once more is the price, and both are counted."""
    w.inject("reset-after")
    w.ledger.add([w.change("a/1.jpg")])
    w.drain()
    w.clock.sleep(60)
    w.drain()
    assert len(w.purged) == used(w) == 2
    assert w.ledger.pending() == []


def test_a_url_that_always_fails_is_given_up_after_a_day_and_alerted(w: World) -> None:
    """Each failed call may use a purge: one bad URL must not eat the month, nor wait unheard for ever."""
    w.inject("5xx", times=10**6)
    w.ledger.add([w.change("a/bad.jpg")])
    began = w.clock()
    while w.ledger.pending():
        w.drain()
        w.clock.sleep(1800)
    assert 20 * 3600 < w.clock() - began < 40 * 3600
    assert used(w) <= 12
    given_up = w.alerts()[-1]
    assert "a/bad.jpg" in given_up["Message"]
    assert "given up after 12 attempts" in given_up["Message"]


def test_what_waits_for_too_long_is_alerted_whatever_the_reason(w: World) -> None:
    """Ten days without a connection: people hear of it within hours, and once a day; nothing is counted."""
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(10)])
    for _ in range(10 * 24):
        w.drain(api_url="http://127.0.0.1:9")
        w.clock.sleep(3600)
        if w.clock() - START < 4 * 3600:
            alerts = w.alerts()
    found = [*alerts, *w.alerts()]
    assert found[0]["Subject"] == "Changed objects wait for their purge for too long"
    assert "127.0.0.1" in found[0]["Message"]
    assert len(w.ledger.pending()) == 1
    assert used(w) == 0


def test_a_thousand_failures_do_not_stop_the_drain(w: World) -> None:
    """2.0 ** 1024 is no float: an outage of days must not end in an error of every later drain."""
    w.ledger.pause(w.clock(), failures=5000)
    w.inject("5xx", times=1)
    w.ledger.add([w.change("a/1.jpg")])
    assert w.drain().reason == "unavailable"
    w.clock.sleep(901)
    assert w.drain().settled == 1


def test_an_outage_stops_the_drain_and_is_probed_ever_more_rarely(w: World) -> None:
    """100 changes wait through six hours of 5xx for a few dozen purges, and then all go."""
    w.inject("5xx", times=10**6)
    w.ledger.add([w.change(f"a/{n}.jpg") for n in range(100)])
    assert w.drain().reason == "unavailable"
    assert used(w) == 3
    for _ in range(6 * 6):
        w.drain()
        w.clock.sleep(600)
    assert used(w) < 50
    w.emulator.state.faults = FaultPlan()
    for _ in range(4):
        w.drain()
        w.clock.sleep(900)
    assert len(set(w.purged)) == 100
    assert w.ledger.pending() == []


def test_a_refused_connection_counts_nothing(w: World) -> None:
    """Nothing was sent, so the reserved purge is given back."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    w.ledger.add([w.change("a/1.jpg")])
    report = w.drain(api_url=address)
    assert (report.held, used(w)) == (1, 0)


def test_a_change_after_a_url_was_given_up_has_attempts_of_its_own(w: World) -> None:
    """What is known of a URL concerns the changes that waited then: a later one is not given up with them."""
    w.inject("5xx", times=10**6)
    w.ledger.add([w.change("a/1.jpg")])
    while w.ledger.pending():
        w.drain()
        w.clock.sleep(1800)
    w.emulator.state.faults = FaultPlan()
    w.inject("5xx")
    w.ledger.add([w.change("a/1.jpg")])
    assert w.drain().held == 1
    w.clock.sleep(60)
    assert w.drain().settled == 1
    assert w.purged == [f"{ENDPOINT}/a/1.jpg*"]


@pytest.fixture
def outage(w: World) -> World:
    """Four hours of 5xx, met by a single change; then ImageKit is well again."""
    w.inject("5xx", times=10**6)
    w.ledger.add([w.change("a/1.jpg")])
    for _ in range(4 * 60):
        w.drain()
        w.clock.sleep(60)
    w.emulator.state.faults = FaultPlan()
    assert w.drain().reason == "failing", "its next attempt is far off"
    return w


def test_what_failed_is_tried_again_as_soon_as_imagekit_has_recovered(outage: World) -> None:
    """The purge of another URL tells so."""
    outage.ledger.add([outage.change("b/2.jpg")])
    outage.drain()
    outage.clock.sleep(60)
    outage.drain()
    assert outage.purged == [f"{ENDPOINT}/b/2.jpg*", f"{ENDPOINT}/a/1.jpg*"]


def test_a_person_does_not_wait_for_the_next_attempt(outage: World) -> None:
    """Whoever asks for a purge may know that ImageKit is well again."""
    outage.ledger.add([outage.change("a/1.jpg", ago=0)], manual=True)
    outage.drain()
    assert outage.purged == [f"{ENDPOINT}/a/1.jpg*"]


def test_a_limit_that_ends_at_once_is_not_asked_in_a_loop(w: World) -> None:
    """429 for ever, each with a reset of a millisecond: waits that double, not thousands of calls."""
    w.inject("429", times=10**6, seconds=0.001)
    w.ledger.add([w.change("a/1.jpg")])
    assert w.drain().reason == "throttled"
    (fault,) = w.emulator.state.faults.waiting()
    assert 10**6 - fault["times"] < 50  # type: ignore[operator] # a JSON value


def test_a_drain_without_time_says_so(w: World) -> None:
    """It is not the work of another drain that whoever asks would wait for."""
    w.ledger.add([w.change("a/1.jpg")])
    report = w.drain(seconds=1.0)
    assert (report.busy, report.reason) == (False, "time")


def test_a_bad_url_that_an_outage_left_behind_is_given_up(w: World) -> None:
    """Nothing else waits that could show the end of the outage: it must not wait for ever as if in one."""
    w.ledger.pause(w.clock(), failures=5)
    w.inject("5xx", times=10**6)
    w.ledger.add([w.change("a/bad.jpg")])
    began = w.clock()
    while w.ledger.pending() and w.clock() - began < 48 * 3600:
        w.drain()
        w.clock.sleep(1800)
    assert w.ledger.pending() == []
    assert used(w) <= 12
