"""The drain with moto's AWS and the emulator: each pending change is purged once."""

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from purging.aws.tracking import Tracker
from purging.changes import UrlChange
from purging.urls import UrlMap
from tests.integration.harness import ENDPOINT, Harness


def test_a_change_becomes_one_purge_and_one_execution(harness: Harness) -> None:
    """The purge is accepted and tracked, and nothing stays pending."""
    harness.ledger.add([harness.change("a/photo 1.jpg")])
    report = harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/photo%201.jpg*"]
    assert [purge.url for purge in report.accepted] == harness.purged
    (execution,) = harness.executions()
    assert execution["purges"][0]["url"] == harness.purged[0]
    assert harness.ledger.pending() == []
    assert harness.drain().accepted == []


def test_the_first_check_waits_as_long_as_recent_purges_took(harness: Harness) -> None:
    """Nine tenths of the shortest time of the last day; 5 seconds as long as too few purges are known."""
    for number in range(21):
        harness.ledger.add([harness.change(f"{number}/x.jpg")])
        (accepted,) = harness.drain().accepted
        harness.clock.sleep(200 - number)
        harness.ledger.complete(accepted.request_id, accepted.submitted_at, harness.clock())
    harness.ledger.add([harness.change("late/x.jpg")])
    harness.drain()
    waits = [execution["first_wait_seconds"] for execution in harness.executions()]
    assert waits == [5] * 20 + [163, 162]  # 0.9 times 181 and 180 seconds


def test_ten_changes_of_one_key_cost_one_purge(harness: Harness) -> None:
    """A bug of a similar system made one purge for each event."""
    for ago in range(10):
        harness.ledger.add([harness.change("a/hot.jpg", ago=ago)])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/hot.jpg*"]


def test_a_change_redelivered_at_once_is_not_purged_again(harness: Harness) -> None:
    """Delivery is at least once. A purge knows the changes it was made for, whatever the clocks say."""
    change = harness.change("a/x.jpg", ago=-3)  # S3's clock is ahead
    harness.ledger.add([change])
    harness.drain()
    harness.ledger.add([change, harness.change("a/y.jpg")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*", f"{ENDPOINT}/a/y.jpg*"]


def test_a_late_event_of_a_change_before_the_purge_is_covered(harness: Harness) -> None:
    """Delivery is not ordered: an older change of the key arrives after the newer one was purged."""
    harness.ledger.add([harness.change("a/x.jpg", ago=10)])
    harness.drain()
    harness.ledger.add([harness.change("a/x.jpg", ago=60)])
    report = harness.drain()
    assert len(harness.purged) == 1
    assert report.settled == 1


def test_a_change_just_before_or_after_a_purge_is_purged_again(harness: Harness) -> None:
    """Within the clock margin nobody knows which came first, so the change is purged again to be safe."""
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain()
    harness.ledger.add([harness.change("a/x.jpg", ago=4)])
    harness.drain()
    harness.clock.sleep(60)
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*"] * 3


def test_every_endpoint_and_path_transformation_is_purged(harness: Harness) -> None:
    """A wildcard covers neither a path transformation nor another host."""
    url_map = UrlMap.parse(
        f"origin={ENDPOINT},origin/a=https://ik.imagekit.io/demo/short", ["tr:w-300,h-300", "tr:n-thumb"]
    )
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(url_map=url_map)
    assert sorted(harness.purged) == sorted(
        f"{ENDPOINT}/{path}*"
        for path in (
            "a/x.jpg",
            "tr:w-300,h-300/a/x.jpg",
            "tr:n-thumb/a/x.jpg",
            "short/x.jpg",
            "short/tr:w-300,h-300/x.jpg",
            "short/tr:n-thumb/x.jpg",
        )
    )


def test_without_query_variants_urls_are_exact(harness: Harness) -> None:
    """`QueryVariants` decides whether ?tr= and ?v= variants are purged too."""
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(query_variants=False)
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg"]


def test_a_key_that_allows_no_wildcard_is_purged_exactly(harness: Harness) -> None:
    """ImageKit refuses a wildcard for a short key with one level and no extension:

    https://imagekit.io/docs/api-reference/caching/purge-cache
    """
    harness.ledger.add([harness.change("logo")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/logo"]


def test_a_refused_wildcard_falls_back_to_the_exact_url_and_is_remembered(harness: Harness) -> None:
    """After a 400, the wildcard is not tried again, neither in this drain nor in the next."""
    harness.inject("wildcard-refused")
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg"]
    harness.clock.sleep(60)
    harness.ledger.add([harness.change("a/x.jpg"), harness.change("a/y.jpg")])
    harness.drain()
    assert sorted(harness.purged[1:]) == [f"{ENDPOINT}/a/x.jpg", f"{ENDPOINT}/a/y.jpg*"]
    assert harness.ledger.state("2030-05").used == 3, "a refused call does not count"


def test_a_refused_url_is_alerted_and_not_tried_again(harness: Harness) -> None:
    """The emulator does not know the endpoint. The other change of the batch is purged."""
    url_map = UrlMap.parse(f"*=https://images.example.com,origin={ENDPOINT}")
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(url_map=url_map)
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*"]
    assert harness.ledger.pending() == []
    (alert,) = harness.alerts()
    assert "https://images.example.com/a/x.jpg" in alert["Message"]


def test_each_dependent_that_is_given_up_is_alerted_by_name(harness: Harness) -> None:
    """Its alert says which entry to correct, is not muted by that of another one, and shows no signature."""
    map_text = f"origin={ENDPOINT},origin=https://images.example.com"
    one, other = (
        f"https://images.example.com/{page}.jpg?ik-s=secret&tr=l-image" for page in ("banner", "card")
    )
    url_map = UrlMap.parse(map_text, dependent=f"over/logo.png={one} over/star.png={other}")
    harness.ledger.add([harness.change("over/logo.png")])
    harness.drain(url_map=url_map)
    alerts = "\n".join(each["Message"] for each in harness.alerts())
    assert "Dependents names https://images.example.com/banner.jpg?*** for 'over/logo.png'" in alerts
    assert "secret" not in alerts
    harness.ledger.add([harness.change("over/logo.png"), harness.change("over/star.png")])
    harness.drain(url_map=url_map)
    (second,) = harness.alerts()
    assert "Dependents names https://images.example.com/card.jpg?*** for 'over/star.png'" in second["Message"]
    assert harness.ledger.pending() == []


def test_an_alert_names_more_than_one_url_of_an_endpoint(harness: Harness) -> None:
    """But no hundreds: a wrong endpoint refuses all of its URLs."""
    url_map = UrlMap.parse(f"origin={ENDPOINT},origin=https://images.example.com")
    harness.ledger.add([harness.change(f"a/{n:03}.jpg") for n in range(0, 300, 3)])
    harness.drain(url_map=url_map, query_variants=False)
    (alert,) = harness.alerts()
    assert 2 <= alert["Message"].count("https://images.example.com/a/") <= 11


def test_a_change_that_arrives_during_a_drain_is_purged_by_it(harness: Harness) -> None:
    """After it released the lease, the drain checks for changes once more."""
    late = harness.change("a/late.jpg")

    def sleep(seconds: float) -> None:
        harness.clock.now += seconds
        harness.ledger.add([late])
        assert harness.drain(owner="someone else").busy

    harness.inject("429", seconds=1)
    harness.ledger.add([harness.change("a/early.jpg")])
    dies_at = harness.clock() + 120
    harness.new_drain(sleep=sleep).run("first", lambda: dies_at - harness.clock())
    assert harness.purged == [f"{ENDPOINT}/a/early.jpg*", f"{ENDPOINT}/a/late.jpg*"]


def test_the_lease_of_a_killed_drain_expires(harness: Harness) -> None:
    """The lease lasts a little longer than its function can run."""
    assert harness.ledger.lease.acquire("dead", harness.clock(), 130)
    harness.ledger.add([harness.change("a/x.jpg")])
    assert harness.drain().busy
    harness.clock.sleep(131)
    assert not harness.drain().busy
    assert len(harness.purged) == 1


def test_a_drain_that_runs_out_of_time_leaves_the_rest_to_the_next(harness: Harness) -> None:
    """Its purges are recorded before the function's time-out, and no purge is made twice."""
    harness.set_emulator(write_rate=1.0, write_burst=1)
    harness.ledger.add([harness.change(f"a/{n}.jpg", ago=n) for n in range(60)])
    report = harness.drain(seconds=50)
    assert 0 < len(report.accepted) < 60
    assert report.held == 60 - len(report.accepted)
    harness.drain()
    assert len(harness.purged) == len(set(harness.purged)) == 60


def test_a_crash_after_acceptance_does_not_repeat_recorded_purges(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drain is killed before it deletes the change sets. The recorded purges cover the changes."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(30)])

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(harness.ledger, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            harness.drain()
    assert harness.drain().settled == 30
    assert len(harness.purged) == 30
    assert harness.ledger.pending() == []


def test_purges_that_cannot_be_tracked_are_kept_and_tracked_later(harness: Harness) -> None:
    """StartExecution always fails. To purge again every minute would use up the quota."""
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(track_purges_arn=harness.settings.track_purges_arn + "-gone")
    harness.drain(track_purges_arn=harness.settings.track_purges_arn + "-gone")
    assert len(harness.purged) == 1
    assert harness.executions() == []
    harness.drain()
    harness.drain()
    assert len(harness.purged) == 1
    (execution,) = harness.executions()
    assert execution["purges"][0]["url"] == harness.purged[0]


def test_accepted_purges_are_recorded_before_they_are_tracked(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drain is killed while Step Functions hangs. No purge is repeated, and all are tracked later."""

    def hangs(_tracker: Tracker, _purges: object, _first_wait: int) -> None:
        raise KeyboardInterrupt

    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(30)])
    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "start", hangs)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                harness.drain()
            harness.clock.sleep(150)
    harness.drain()
    assert len(harness.purged) == 30
    assert sum(len(each["purges"]) for each in harness.executions()) == 30


def test_a_change_under_a_refused_manual_wildcard_gets_a_purge_of_its_own(harness: Harness) -> None:
    """The wildcard serves the request and the change. After the refusal, only the request is alerted."""
    harness.inject("wildcard-refused", times=1000)
    harness.ledger.add([harness.change("photos/2024/x.jpg")])
    moment = harness.change("-").occurred_at
    harness.ledger.add([UrlChange(f"{ENDPOINT}/photos/2024/*", moment)], manual=True)
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/photos/2024/x.jpg"]
    assert harness.ledger.pending() == []
    (alert,) = harness.alerts()
    assert "photos/2024/*" in alert["Message"]


def test_a_refused_url_of_two_buckets_is_given_up_and_alerted_once(harness: Harness) -> None:
    """Two objects have the same exact URL, and there is no other URL to try."""
    url_map = UrlMap.parse("one=https://x.example.com,two=https://x.example.com")
    harness.ledger.add([harness.change("a/x.jpg", bucket="one"), harness.change("a/x.jpg", bucket="two")])
    harness.drain(url_map=url_map)
    assert harness.ledger.pending() == []
    assert len(harness.alerts()) == 1


def test_a_wrong_endpoint_is_alerted_once(harness: Harness) -> None:
    """A deployment of 200 files sends one alert, and the correct endpoint is purged."""
    url_map = UrlMap.parse(f"origin={ENDPOINT},origin=https://images.example.com")
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(200)])
    harness.drain(url_map=url_map, monthly_quota=10_000)
    assert len(harness.alerts()) == 1
    assert harness.ledger.pending() == []


def test_a_refusal_that_could_not_be_alerted_is_alerted_later(harness: Harness) -> None:
    """The topic is gone: the refused change stays pending until an alert is sent."""
    url_map = UrlMap.parse("origin=https://images.example.com")
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(url_map=url_map, alerts_topic_arn=harness.settings.alerts_topic_arn + "-gone")
    assert len(harness.ledger.pending()) == 1
    harness.drain(url_map=url_map)
    assert harness.ledger.pending() == []
    assert len(harness.alerts()) == 1


def test_a_purge_records_only_the_identities_of_recent_changes(harness: Harness) -> None:
    """8 bytes for each of 51,000 changes exceed the 400 KB of an item. An old change is covered by time."""
    harness.ledger.add([harness.change("a/old.jpg", ago=60), harness.change("b/new.jpg", ago=1)])
    harness.drain()
    kept = {purge.url.rpartition("/")[2]: purge.identities for purge in harness.ledger.accepted_since(0)}
    assert (len(kept["old.jpg*"]), len(kept["new.jpg*"])) == (0, 8)


def test_more_changes_than_a_window_are_drained_by_one_invocation(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drain loads them window by window."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 10)
    for n in range(45):
        harness.ledger.add([harness.change(f"{n}/x.jpg", ago=2000 + n / 100)])
    report = harness.drain(skip_new_objects=False)
    assert (report.settled, report.held) == (45, 0)
    assert len(set(harness.purged)) == 45
    assert harness.ledger.pending() == []


def test_a_window_leaves_quota_for_the_windows_behind_it(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first window must not use up the month: it gets a tenth of the remaining quota."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 50)
    for n in range(200):
        harness.ledger.add([harness.change(f"{n:03}/{n}/x.jpg", ago=5000 - n)])
    harness.drain(monthly_quota=100, reserve_percent=0, max_hold_seconds=0, seconds=200.0)
    spent = [int(url.removeprefix(f"{ENDPOINT}/")[:3]) for url in harness.purged]
    assert {number // 50 for number in spent} == {0, 1, 2, 3}


def test_a_window_leaves_no_more_than_those_behind_it_need(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten elevenths of the changes are in the first window, and the quota suffices for all."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 40)
    for n in range(44):
        harness.ledger.add([harness.change(f"{n:03}/{n}/x.jpg", ago=50 - n / 10)])
    report = harness.drain(monthly_quota=150, reserve_percent=0)
    assert (report.settled, report.held) == (44, 0)
    assert sorted(harness.purged) == [f"{ENDPOINT}/{n:03}/{n}/x.jpg*" for n in range(44)]


def test_a_window_that_cannot_be_purged_does_not_block_those_behind_it(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest changes always fail. The drain goes on with the next windows."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 2)
    harness.ledger.add([harness.change("bad/1.jpg", ago=9)])
    harness.ledger.add([harness.change("bad/2.jpg", ago=8)])
    harness.inject("5xx", times=2)
    for n in range(6):
        harness.ledger.add([harness.change(f"{n}/x.jpg", ago=5 + n / 100)])
    report = harness.drain()
    assert (len(harness.purged), report.held) == (6, 2)


def test_a_redelivered_change_with_a_clock_hours_ahead_is_not_purged_again(harness: Harness) -> None:
    """A purge was made for the change, whatever the time of its event."""
    change = harness.change("a/x.jpg", ago=-5 * 3600)
    for _ in range(10):
        harness.ledger.add([change])
        harness.drain()
        harness.clock.sleep(3600)
    assert len(harness.purged) == 1


def test_a_broken_connection_to_step_functions_repeats_no_purge(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no answer, unlike a refusal. The accepted purge is recorded and tracked later."""

    def broken(_tracker: Tracker, _purges: object, _first_wait: int) -> None:
        raise EndpointConnectionError(endpoint_url="https://states")

    harness.ledger.add([harness.change("a/x.jpg")])
    with monkeypatch.context() as patch:
        patch.setattr(Tracker, "start", broken)
        assert harness.drain().settled == 1
    harness.drain()
    assert len(harness.purged) == 1
    (execution,) = harness.executions()
    assert execution["purges"][0]["url"] == harness.purged[0]


def test_executions_stay_under_the_payload_limit(harness: Harness) -> None:
    """Long URLs are split over several executions, because the payload between states is limited to 256 KiB:

    https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    """
    harness.ledger.add([harness.change(f"{n:03}/{'ü' * 500}.jpg") for n in range(60)])
    harness.drain()
    inputs = harness.executions()
    assert sum(len(each["purges"]) for each in inputs) == 60
    assert max(len(str(each)) for each in inputs) < 128 * 1024


def test_a_dry_run_plans_and_counts_and_purges_nothing(harness: Harness) -> None:
    """With `DryRun`, purges are logged and counted apart from the real quota."""
    harness.ledger.add([harness.change("a/x.jpg")])
    report = harness.drain(dry_run=True)
    assert (harness.purged, report.accepted, report.settled) == ([], [], 1)
    assert harness.ledger.pending() == []
    assert harness.ledger.state("2030-05").used == 0
    assert harness.ledger.state("2030-05#dry-run").used == 1


def test_manual_urls_are_purged_as_they_are(harness: Harness) -> None:
    """A manual purge of a URL includes no query variants."""
    harness.ledger.add([UrlChange(f"{ENDPOINT}/a/x.jpg", harness.change("-").occurred_at)], manual=True)
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg"]


def test_a_pending_change_without_a_mapping_is_deleted(harness: Harness) -> None:
    """UrlMap changed while the change was pending, so there is nothing to purge."""
    harness.ledger.add([harness.change("a/x.jpg", bucket="elsewhere")])
    harness.drain()
    assert harness.purged == []
    assert harness.ledger.pending() == []


def test_a_failing_aws_service_loses_nothing(harness: Harness) -> None:
    """The secret is gone: the drain fails, the change stays pending, the reserved quota is given back."""
    harness.ledger.add([harness.change("a/x.jpg")])
    boto3.client("secretsmanager").delete_secret(
        SecretId=harness.settings.secret_arn, ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        harness.drain()
    assert len(harness.ledger.pending()) == 1
    assert harness.ledger.state("2030-05").used == 0
