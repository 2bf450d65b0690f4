"""What ImageKit refuses, and what the quota forbids: counted, held, tried again, said once."""

import json
import socket

import boto3
import pytest

from local.imagekit.faults import FaultPlan
from purging.changes import UrlChange
from purging.imagekit.client import ImageKit
from purging.imagekit.private_key import PrivateKey
from tests.integration.harness import ENDPOINT, KEY, START, Harness

MONTH = "2030-05"
DAY = 86_400


def used(harness: Harness) -> int:
    return harness.ledger.state(MONTH).used


def test_a_quota_of_three_gives_three_purges_holds_seven_and_alerts_once(harness: Harness) -> None:
    """ImageKit says the quota is used up, and until when; one call an hour finds out if it was raised."""
    harness.set_emulator(quota=3)
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(10)])
    report = harness.drain()
    assert (len(harness.purged), report.held, report.reason) == (3, 7, "quota")
    (alert,) = harness.alerts()
    assert alert["Subject"] == "ImageKit's monthly purge quota is used up"
    assert "7 changed objects wait" in alert["Message"]
    harness.clock.sleep(60)
    harness.drain()
    assert harness.alerts() == []
    assert used(harness) == 3, "refused calls do not count"
    harness.set_emulator(quota=1000)
    harness.drain()
    assert used(harness) == 3, "ImageKit said when to come again"
    harness.clock.sleep(3600)
    harness.drain()
    assert len(set(harness.purged)) == 10
    assert harness.ledger.pending() == []


def test_a_dry_run_does_not_mute_the_alert_of_the_real_quota(harness: Harness) -> None:
    """Both run out in one month: each is said, as what it is."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(5)])
    harness.drain(dry_run=True, monthly_quota=2, reserve_percent=0)
    harness.drain(monthly_quota=2, reserve_percent=0)
    assert [alert["Subject"] for alert in harness.alerts()] == [
        "A dry run has used up the monthly purge quota",
        "ImageKit's monthly purge quota is used up",
    ]


def test_a_manual_purge_asks_imagekit_although_its_quota_is_known_to_be_used_up(harness: Harness) -> None:
    """Whoever asks may have bought more: the call costs nothing. Changes wait for the reset all the same."""
    harness.ledger.pause(harness.clock() + DAY, exhausted=True, reason="the quota is used up")
    harness.ledger.add([harness.change("a/1.jpg")])
    report = harness.drain()
    assert (report.held, report.reason, report.detail) == (1, "quota", "the quota is used up")
    harness.ledger.add([UrlChange(f"{ENDPOINT}/m.jpg", harness.change("-").occurred_at)], manual=True)
    harness.drain()
    assert harness.purged[0] == f"{ENDPOINT}/m.jpg"
    harness.drain()
    assert len(harness.purged) == 2, "ImageKit takes purges again"


@pytest.mark.parametrize("status", [429, 403])
@pytest.mark.parametrize("headers", [True, False])
def test_every_guess_at_an_exhausted_quota_is_understood(
    harness: Harness, status: int, headers: bool
) -> None:
    """What the call over the limit answers is not documented: rate headers of a month, or words about one."""
    harness.set_emulator(quota=1, quota_answer=status, quota_headers=headers)
    harness.ledger.add([harness.change("a/1.jpg"), harness.change("a/2.jpg")])
    assert harness.drain().reason == "quota"
    (alert,) = harness.alerts()
    assert alert["Subject"] == "ImageKit's monthly purge quota is used up"


def test_a_rate_limit_without_a_reset_is_no_exhausted_quota(harness: Harness) -> None:
    """It would mail "used up", and so mute the real alert of the month."""
    harness.inject("429", seconds=0)
    harness.inject("429-no-headers", nth=2)
    harness.ledger.add([harness.change("a/1.jpg"), harness.change("a/2.jpg")])
    harness.drain(seconds=600)
    assert harness.alerts() == []
    assert len(harness.purged) == used(harness) == 2


def test_the_own_count_stops_before_imagekit_does(harness: Harness) -> None:
    """The quota is never exceeded, and the reserve is kept for people, even if ImageKit would take more."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(30)])
    report = harness.drain(monthly_quota=20, reserve_percent=10)
    assert (len(harness.purged), report.held, used(harness)) == (18, 12, 18)
    harness.ledger.add(
        [UrlChange(f"{ENDPOINT}/m/{n}.jpg", harness.change("-").occurred_at) for n in range(5)], manual=True
    )
    report = harness.drain(monthly_quota=20, reserve_percent=10)
    assert harness.purged[18:] == [f"{ENDPOINT}/m/{n}.jpg" for n in range(2)]
    assert used(harness) == 20


def test_held_changes_go_when_the_month_turns(harness: Harness) -> None:
    """The quota is one of calendar months, UTC."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(5)])
    harness.drain(monthly_quota=2, reserve_percent=0)
    assert len(harness.purged) == 2
    harness.clock.sleep(17 * DAY)
    harness.drain(monthly_quota=3, reserve_percent=0)
    assert len(set(harness.purged)) == 5


def test_a_short_throttle_is_waited_for(harness: Harness) -> None:
    """429 names the milliseconds to wait; the official SDKs ignore that and come back too early."""
    harness.set_emulator(write_rate=5.0, write_burst=20)
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(100)])
    began = harness.clock()
    harness.drain()
    assert len(harness.purged) == used(harness) == 100
    assert 15 <= harness.clock() - began <= 20
    assert harness.emulator.state.calls["purge"]["rate-limited"] == 80


def test_a_long_throttle_is_remembered_by_every_drain_until_it_ends(harness: Harness) -> None:
    """Limits that last minutes: no call before the reset, then all goes on."""
    harness.inject("429", seconds=600)
    harness.ledger.add([harness.change("a/x.jpg")])
    assert harness.drain().reason == "throttled"
    harness.clock.sleep(300)
    assert harness.drain().reason == "paused"
    assert sum(harness.emulator.state.calls["purge"].values()) == 1
    harness.clock.sleep(300)
    harness.drain()
    assert len(harness.purged) == used(harness) == 1


def test_a_rotated_key_is_read_again_and_costs_one_refused_call(harness: Harness) -> None:
    """The key changes at ImageKit and in Secrets Manager; the functions had cached the old one."""
    secrets = boto3.client("secretsmanager")
    key = PrivateKey(harness.settings.secret_arn, secrets)
    client = ImageKit(harness.url, key)
    client.purge(f"{ENDPOINT}/a/1.jpg")
    harness.set_emulator(private_key="private_new")
    secrets.put_secret_value(SecretId=harness.settings.secret_arn, SecretString="private_new")
    client.purge(f"{ENDPOINT}/a/2.jpg")
    client.purge(f"{ENDPOINT}/a/3.jpg")
    assert len(harness.purged) == 3
    assert sum(harness.emulator.state.calls["purge"].values()) == 4


@pytest.mark.parametrize("secret", ["wrong", json.dumps({"private_key": "", "placeholder": "x"}), "{}"])
def test_a_key_that_is_wrong_or_not_filled_in_holds_everything_and_alerts_once(
    harness: Harness, secret: str
) -> None:
    """Nothing is lost or counted; the remedy stands in the alert, the key does not."""
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId=harness.settings.secret_arn, SecretString=secret)
    harness.ledger.add([harness.change("a/1.jpg"), harness.change("a/2.jpg")])
    assert harness.drain().reason == "key refused"
    assert harness.drain().reason == "key refused"
    (alert,) = harness.alerts()
    assert "secret" in alert["Message"]
    assert "wrong" not in alert["Message"]
    assert used(harness) == 0
    secrets.put_secret_value(
        SecretId=harness.settings.secret_arn, SecretString=json.dumps({"private_key": KEY})
    )
    harness.drain()
    assert len(harness.purged) == used(harness) == 2


def test_a_5xx_is_counted_and_tried_again_later(harness: Harness) -> None:
    """It may have counted at ImageKit: so it counts here. The other changes do not wait for it."""
    harness.inject("5xx")
    harness.ledger.add([harness.change("a/1.jpg", ago=2), harness.change("a/2.jpg")])
    report = harness.drain()
    assert (harness.purged, report.held, used(harness)) == ([f"{ENDPOINT}/a/2.jpg*"], 1, 2)
    assert "500" in report.detail
    again = harness.drain()
    assert (again.held, again.reason) == (1, "failing"), "not at once"
    assert again.detail
    harness.clock.sleep(60)
    harness.drain()
    assert harness.purged[1:] == [f"{ENDPOINT}/a/1.jpg*"]
    assert harness.ledger.state(MONTH).failing == {}


def test_a_connection_reset_after_acceptance_is_purged_again(harness: Harness) -> None:
    """Nobody knows that it was accepted: once more is the price, and both are counted."""
    harness.inject("reset-after")
    harness.ledger.add([harness.change("a/1.jpg")])
    harness.drain()
    harness.clock.sleep(60)
    harness.drain()
    assert len(harness.purged) == used(harness) == 2
    assert harness.ledger.pending() == []


def test_a_url_that_always_fails_is_given_up_after_a_day_and_alerted(harness: Harness) -> None:
    """Each failed call may use a purge: one bad URL must not eat the month, nor wait unheard for ever."""
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change("a/bad.jpg")])
    began = harness.clock()
    while harness.ledger.pending():
        harness.drain()
        harness.clock.sleep(1800)
    assert 20 * 3600 < harness.clock() - began < 40 * 3600
    assert used(harness) <= 12
    given_up = harness.alerts()[-1]
    assert "a/bad.jpg" in given_up["Message"]
    assert "given up after 12 attempts" in given_up["Message"]


def test_what_waits_for_too_long_is_alerted_whatever_the_reason(harness: Harness) -> None:
    """Ten days without a connection: people hear of it within hours, and once a day; nothing is counted."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(10)])
    for _ in range(10 * 24):
        harness.drain(api_url="http://127.0.0.1:9")
        harness.clock.sleep(3600)
        if harness.clock() - START < 4 * 3600:
            alerts = harness.alerts()
    found = [*alerts, *harness.alerts()]
    assert found[0]["Subject"] == "Changed objects wait for their purge for too long"
    assert "127.0.0.1" in found[0]["Message"]
    assert len(harness.ledger.pending()) == 1
    assert used(harness) == 0


def test_a_thousand_failures_do_not_stop_the_drain(harness: Harness) -> None:
    """2.0 ** 1024 is no float: an outage of days must not end in an error of every later drain."""
    harness.ledger.pause(harness.clock(), failures=5000)
    harness.inject("5xx", times=1)
    harness.ledger.add([harness.change("a/1.jpg")])
    assert harness.drain().reason == "unavailable"
    harness.clock.sleep(901)
    assert harness.drain().settled == 1


def test_an_outage_stops_the_drain_and_is_probed_ever_more_rarely(harness: Harness) -> None:
    """100 changes wait through six hours of 5xx for a few dozen purges, and then all go."""
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(100)])
    assert harness.drain().reason == "unavailable"
    assert used(harness) == 3
    for _ in range(6 * 6):
        harness.drain()
        harness.clock.sleep(600)
    assert used(harness) < 50
    harness.emulator.state.faults = FaultPlan()
    for _ in range(4):
        harness.drain()
        harness.clock.sleep(900)
    assert len(set(harness.purged)) == 100
    assert harness.ledger.pending() == []


def test_a_refused_connection_counts_nothing(harness: Harness) -> None:
    """Nothing was sent, so the reserved purge is given back."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    harness.ledger.add([harness.change("a/1.jpg")])
    report = harness.drain(api_url=address)
    assert (report.held, used(harness)) == (1, 0)


def test_a_change_after_a_url_was_given_up_has_attempts_of_its_own(harness: Harness) -> None:
    """What is known of a URL concerns the changes that waited then: a later one is not given up with them."""
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change("a/1.jpg")])
    while harness.ledger.pending():
        harness.drain()
        harness.clock.sleep(1800)
    harness.emulator.state.faults = FaultPlan()
    harness.inject("5xx")
    harness.ledger.add([harness.change("a/1.jpg")])
    assert harness.drain().held == 1
    harness.clock.sleep(60)
    assert harness.drain().settled == 1
    assert harness.purged == [f"{ENDPOINT}/a/1.jpg*"]


@pytest.fixture
def outage(harness: Harness) -> Harness:
    """Four hours of 5xx, met by a single change; then ImageKit is well again."""
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change("a/1.jpg")])
    for _ in range(4 * 60):
        harness.drain()
        harness.clock.sleep(60)
    harness.emulator.state.faults = FaultPlan()
    assert harness.drain().reason == "failing", "its next attempt is far off"
    return harness


def test_what_failed_is_tried_again_as_soon_as_imagekit_has_recovered(outage: Harness) -> None:
    """The purge of another URL tells so."""
    outage.ledger.add([outage.change("b/2.jpg")])
    outage.drain()
    outage.clock.sleep(60)
    outage.drain()
    assert outage.purged == [f"{ENDPOINT}/b/2.jpg*", f"{ENDPOINT}/a/1.jpg*"]


def test_a_person_does_not_wait_for_the_next_attempt(outage: Harness) -> None:
    """Whoever asks for a purge may know that ImageKit is well again."""
    outage.ledger.add([outage.change("a/1.jpg", ago=0)], manual=True)
    outage.drain()
    assert outage.purged == [f"{ENDPOINT}/a/1.jpg*"]


def test_a_limit_that_ends_at_once_is_not_asked_in_a_loop(harness: Harness) -> None:
    """429 for ever, each with a reset of a millisecond: waits that double, not thousands of calls."""
    harness.inject("429", times=10**6, seconds=0.001)
    harness.ledger.add([harness.change("a/1.jpg")])
    assert harness.drain().reason == "throttled"
    (fault,) = harness.emulator.state.faults.waiting()
    assert 10**6 - fault["times"] < 50  # type: ignore[operator] # a JSON value


def test_a_drain_without_time_says_so(harness: Harness) -> None:
    """It is not the work of another drain that whoever asks would wait for."""
    harness.ledger.add([harness.change("a/1.jpg")])
    report = harness.drain(seconds=1.0)
    assert (report.busy, report.reason) == (False, "time")


def test_a_bad_url_that_an_outage_left_behind_is_given_up(harness: Harness) -> None:
    """Nothing else waits that could show the end of the outage: it must not wait for ever as if in one."""
    harness.ledger.pause(harness.clock(), failures=5)
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change("a/bad.jpg")])
    began = harness.clock()
    while harness.ledger.pending() and harness.clock() - began < 48 * 3600:
        harness.drain()
        harness.clock.sleep(1800)
    assert harness.ledger.pending() == []
    assert used(harness) <= 12
