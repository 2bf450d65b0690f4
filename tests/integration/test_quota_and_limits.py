"""Refusals by ImageKit and the quota: what is counted, held, tried again and alerted."""

import json
import socket
from datetime import UTC, datetime

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


def test_a_quota_of_three_purges_three_holds_seven_and_alerts_once(harness: Harness) -> None:
    """ImageKit says until when the quota is used up. One call an hour finds out if it was raised."""
    harness.set_emulator(quota=3)
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(10)])
    report = harness.drain()
    assert (len(harness.purged), report.held, report.reason) == (3, 7, "quota")
    (alert,) = harness.alerts()
    assert alert["Subject"] == "ImageKit's monthly purge quota is used up"
    assert "7 changed objects are held" in alert["Message"]
    harness.clock.sleep(60)
    harness.drain()
    assert harness.alerts() == []
    assert used(harness) == 3, "refused calls do not count"
    harness.set_emulator(quota=1000)
    harness.drain()
    assert used(harness) == 3, "ImageKit said when the quota is reset"
    harness.clock.sleep(3600)
    harness.drain()
    assert len(set(harness.purged)) == 10
    assert harness.ledger.pending() == []


def test_a_dry_run_does_not_suppress_the_alert_of_the_real_quota(harness: Harness) -> None:
    """Both quotas are used up in one month, and each has an alert of its own."""
    harness.ledger.add([harness.change(f"a/{n}.jpg", ago=900) for n in range(5)])
    harness.drain(dry_run=True, monthly_quota=2, reserve_percent=0)
    harness.drain(monthly_quota=2, reserve_percent=0)
    assert [alert["Subject"] for alert in harness.alerts()] == [
        "A dry run has used up the monthly purge quota",
        "ImageKit's monthly purge quota is used up",
    ]


def test_a_manual_purge_is_tried_although_the_quota_is_used_up(harness: Harness) -> None:
    """The quota may have been raised, and the call costs nothing. Changes are held until the reset."""
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
def test_every_possible_answer_to_an_exhausted_quota_is_understood(
    harness: Harness, status: int, headers: bool
) -> None:
    """ImageKit does not document the answer: it may have rate headers of a month, or only a message."""
    harness.set_emulator(quota=1, quota_answer=status, quota_headers=headers)
    harness.ledger.add([harness.change("a/1.jpg"), harness.change("a/2.jpg")])
    assert harness.drain().reason == "quota"
    (alert,) = harness.alerts()
    assert alert["Subject"] == "ImageKit's monthly purge quota is used up"


def test_a_rate_limit_without_a_reset_is_no_exhausted_quota(harness: Harness) -> None:
    """Otherwise it would send a false alert, and so suppress the real alert of the month."""
    harness.inject("429", seconds=0)
    harness.inject("429-no-headers", nth=2)
    harness.ledger.add([harness.change("a/1.jpg"), harness.change("a/2.jpg")])
    harness.drain(seconds=600)
    assert harness.alerts() == []
    assert len(harness.purged) == used(harness) == 2


def test_the_ledgers_count_limits_purges_before_imagekit_does(harness: Harness) -> None:
    """The quota is not exceeded, and the reserve is left for manual purges, even if ImageKit allows more."""
    # The last minutes of a month: nothing is kept.
    harness.clock.now = datetime(2030, 5, 31, 23, 57, tzinfo=UTC).timestamp()
    harness.ledger.add([harness.change(f"{n}/a.jpg", ago=900) for n in range(30)])
    report = harness.drain(monthly_quota=20, reserve_percent=10)
    assert (len(harness.purged), report.held, used(harness)) == (18, 12, 18)
    harness.ledger.add(
        [UrlChange(f"{ENDPOINT}/m/{n}.jpg", harness.change("-").occurred_at) for n in range(5)], manual=True
    )
    report = harness.drain(monthly_quota=20, reserve_percent=10)
    assert harness.purged[18:] == [f"{ENDPOINT}/m/{n}.jpg" for n in range(2)]
    assert used(harness) == 20


def test_held_changes_are_purged_in_the_next_month(harness: Harness) -> None:
    """The quota is per calendar month in UTC. Its rest is spent when no change can be held longer."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(5)])
    assert harness.drain(monthly_quota=2, reserve_percent=0).reason == "held"
    harness.clock.sleep(900)
    harness.drain(monthly_quota=2, reserve_percent=0)
    assert len(harness.purged) == 2
    harness.clock.sleep(17 * DAY)
    harness.drain(monthly_quota=3, reserve_percent=0)
    assert len(set(harness.purged)) == 5


def test_a_drain_waits_for_a_short_throttle(harness: Harness) -> None:
    """A 429 says how many milliseconds to wait. The official SDKs ignore it and retry too early."""
    harness.set_emulator(write_rate=5.0, write_burst=20)
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(100)])
    began = harness.clock()
    harness.drain()
    assert len(harness.purged) == used(harness) == 100
    assert 15 <= harness.clock() - began <= 20
    assert harness.emulator.state.calls["purge"]["rate-limited"] == 80


def test_a_long_throttle_is_remembered_by_every_drain_until_it_ends(harness: Harness) -> None:
    """A limit may last minutes. No drain calls before the reset; then purging goes on."""
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
    """The key changes at ImageKit and in Secrets Manager while the client has the old one in memory."""
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
def test_changes_are_held_and_alerted_once_while_the_key_is_wrong_or_missing(
    harness: Harness, secret: str
) -> None:
    """Nothing is lost or counted. The alert has the remedy, but not the key."""
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
    """ImageKit may have counted it, so it counts here. The other changes do not wait for it."""
    harness.inject("5xx")
    harness.ledger.add([harness.change("a/1.jpg", ago=2), harness.change("a/2.jpg")])
    report = harness.drain()
    assert (harness.purged, report.held, used(harness)) == ([f"{ENDPOINT}/a/2.jpg*"], 1, 2)
    assert "500" in report.detail
    again = harness.drain()
    assert (again.held, again.reason) == (1, "failing"), "it is not tried again at once"
    assert again.detail
    harness.clock.sleep(60)
    harness.drain()
    assert harness.purged[1:] == [f"{ENDPOINT}/a/1.jpg*"]
    assert harness.ledger.state(MONTH).failing == {}


def test_a_connection_reset_after_acceptance_is_purged_again(harness: Harness) -> None:
    """The client cannot know that it was accepted, so it purges again, and both are counted."""
    harness.inject("reset-after")
    harness.ledger.add([harness.change("a/1.jpg")])
    harness.drain()
    harness.clock.sleep(60)
    harness.drain()
    assert len(harness.purged) == used(harness) == 2
    assert harness.ledger.pending() == []


def test_a_url_that_always_fails_is_given_up_after_a_day_and_alerted(harness: Harness) -> None:
    """Each failed call may use a purge, so one bad URL must not be tried for ever."""
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


def test_changes_pending_for_too_long_are_alerted_whatever_the_reason(harness: Harness) -> None:
    """Without a connection for ten days, an alert is sent within hours and then daily. Nothing is counted."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(10)])
    for _ in range(10 * 24):
        harness.drain(api_url="http://127.0.0.1:9")
        harness.clock.sleep(3600)
        if harness.clock() - START < 4 * 3600:
            alerts = harness.alerts()
    found = [*alerts, *harness.alerts()]
    assert found[0]["Subject"] == "Changed objects are held for too long"
    assert "127.0.0.1" in found[0]["Message"]
    assert len(harness.ledger.pending()) == 1
    assert used(harness) == 0


def test_a_thousand_failures_do_not_stop_the_drain(harness: Harness) -> None:
    """2.0 ** 1024 overflows a float, so many failures must not make every later drain fail."""
    harness.ledger.pause(harness.clock(), failures=5000)
    harness.inject("5xx", times=1)
    harness.ledger.add([harness.change("a/1.jpg")])
    assert harness.drain().reason == "unavailable"
    harness.clock.sleep(901)
    assert harness.drain().settled == 1


def test_an_outage_stops_the_drain_and_is_probed_ever_more_rarely(harness: Harness) -> None:
    """100 changes are pending during six hours of 5xx, which cost a few dozen purges. Then all are purged."""
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
    """Earlier failures of the URL concern the earlier changes only."""
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
    """Four hours of 5xx with one pending change. Then ImageKit works again."""
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change("a/1.jpg")])
    for _ in range(4 * 60):
        harness.drain()
        harness.clock.sleep(60)
    harness.emulator.state.faults = FaultPlan()
    assert harness.drain().reason == "failing", "the next attempt is hours later"
    return harness


def test_a_failed_purge_is_tried_again_as_soon_as_imagekit_recovers(outage: Harness) -> None:
    """An accepted purge of another URL shows that ImageKit has recovered."""
    outage.ledger.add([outage.change("b/2.jpg")])
    outage.drain()
    outage.clock.sleep(60)
    outage.drain()
    assert outage.purged == [f"{ENDPOINT}/b/2.jpg*", f"{ENDPOINT}/a/1.jpg*"]


def test_a_manual_purge_does_not_wait_for_the_next_attempt(outage: Harness) -> None:
    """The person may know that ImageKit has recovered."""
    outage.ledger.add([outage.change("a/1.jpg", ago=0)], manual=True)
    outage.drain()
    assert outage.purged == [f"{ENDPOINT}/a/1.jpg*"]


def test_a_limit_that_ends_at_once_causes_no_busy_loop(harness: Harness) -> None:
    """ImageKit answers 429 with a reset of a millisecond every time. The waits double."""
    harness.inject("429", times=10**6, seconds=0.001)
    harness.ledger.add([harness.change("a/1.jpg")])
    assert harness.drain().reason == "throttled"
    (fault,) = harness.emulator.state.faults.waiting()
    assert 10**6 - fault["times"] < 50  # type: ignore[operator] # a JSON value


def test_a_drain_without_time_says_so(harness: Harness) -> None:
    """The reason is not `busy`, which would mean that another drain does the work."""
    harness.ledger.add([harness.change("a/1.jpg")])
    report = harness.drain(seconds=1.0)
    assert (report.busy, report.reason) == (False, "time")


def test_a_bad_url_that_an_outage_left_behind_is_given_up(harness: Harness) -> None:
    """No other change can show that the outage is over, but the URL must not stay pending for ever."""
    harness.ledger.pause(harness.clock(), failures=5)
    harness.inject("5xx", times=10**6)
    harness.ledger.add([harness.change("a/bad.jpg")])
    began = harness.clock()
    while harness.ledger.pending() and harness.clock() - began < 48 * 3600:
        harness.drain()
        harness.clock.sleep(1800)
    assert harness.ledger.pending() == []
    assert used(harness) <= 12


def test_people_hear_days_before_the_quota_ends(harness: Harness) -> None:
    """A change in a folder of its own each half hour: no wildcard helps, and the date is in the alert."""
    harness.clock.now = datetime(2030, 5, 3, tzinfo=UTC).timestamp()
    for number in range(60):
        harness.ledger.add([harness.change(f"{number}/a.jpg", ago=5)])
        harness.drain(monthly_quota=200, reserve_percent=0)
        harness.clock.sleep(900)
        harness.drain(monthly_quota=200, reserve_percent=0)
        harness.clock.sleep(900)
    (alert,) = [each for each in harness.alerts() if "will not last" in each["Subject"]]
    assert "used up on 2030-05-" in alert["Message"]
    assert len(harness.purged) == 60
