"""The drain against moto's AWS and the emulator: what is pending becomes purges, each once."""

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from purging.aws.tracking import Tracker
from purging.changes import UrlChange
from purging.urls import UrlMap
from tests.integration.harness import ENDPOINT, Harness


def test_a_change_becomes_one_purge_and_one_execution(harness: Harness) -> None:
    """The main path: accepted, followed, and nothing left pending."""
    harness.ledger.add([harness.change("a/photo 1.jpg")])
    report = harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/photo%201.jpg*"]
    assert [purge.url for purge in report.accepted] == harness.purged
    (execution,) = harness.executions()
    assert execution["purges"][0]["url"] == harness.purged[0]
    assert harness.ledger.pending() == []
    assert harness.drain().accepted == []


def test_ten_changes_of_one_key_cost_one_purge(harness: Harness) -> None:
    """A peer's bug: one purge an event."""
    for ago in range(10):
        harness.ledger.add([harness.change("a/hot.jpg", ago=ago)])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/hot.jpg*"]


def test_a_redelivered_change_is_not_purged_again_however_soon(harness: Harness) -> None:
    """Delivery is at least once; a purge knows the changes it was made for, whatever the clocks say."""
    change = harness.change("a/x.jpg", ago=-3)  # S3's clock is ahead
    harness.ledger.add([change])
    harness.drain()
    harness.ledger.add([change, harness.change("a/y.jpg")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*", f"{ENDPOINT}/a/y.jpg*"]


def test_a_late_event_of_a_change_before_the_purge_is_covered(harness: Harness) -> None:
    """Unordered delivery: an older change of the key arrives after the newer one was purged."""
    harness.ledger.add([harness.change("a/x.jpg", ago=10)])
    harness.drain()
    harness.ledger.add([harness.change("a/x.jpg", ago=60)])
    report = harness.drain()
    assert len(harness.purged) == 1
    assert report.settled == 1


def test_a_change_just_before_or_after_a_purge_is_purged_again(harness: Harness) -> None:
    """Within the clocks' margin nobody knows which came first: purging twice is right, not at all is not."""
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain()
    harness.ledger.add([harness.change("a/x.jpg", ago=4)])
    harness.drain()
    harness.clock.sleep(60)
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*"] * 3


def test_every_endpoint_and_path_transformation_is_purged(harness: Harness) -> None:
    """A wildcard does not cover a path transformation, nor one host another."""
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
    """`QueryVariants` decides whether ?tr= and ?v= variants go as well."""
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(query_variants=False)
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg"]


def test_a_key_that_allows_no_wildcard_is_purged_exactly(harness: Harness) -> None:
    """Short, one level deep, no extension: ImageKit would refuse the wildcard."""
    harness.ledger.add([harness.change("logo")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/logo"]


def test_a_refused_wildcard_falls_back_to_the_exact_url_and_is_remembered(harness: Harness) -> None:
    """400 on a wildcard is never repeated: not in this drain, not in the next."""
    harness.inject("wildcard-refused")
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg"]
    harness.clock.sleep(60)
    harness.ledger.add([harness.change("a/x.jpg"), harness.change("a/y.jpg")])
    harness.drain()
    assert sorted(harness.purged[1:]) == [f"{ENDPOINT}/a/x.jpg", f"{ENDPOINT}/a/y.jpg*"]
    assert harness.ledger.state("2030-05").used == 3, "a refused call does not count"


def test_a_url_that_imagekit_never_purges_is_alerted_and_not_tried_for_ever(harness: Harness) -> None:
    """Here the emulator does not know the endpoint; the other change of the batch is not held up."""
    url_map = UrlMap.parse(f"*=https://images.example.com,origin={ENDPOINT}")
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(url_map=url_map)
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg*"]
    assert harness.ledger.pending() == []
    (alert,) = harness.alerts()
    assert "https://images.example.com/a/x.jpg" in alert["Message"]


def test_what_arrives_while_another_drains_does_not_wait_for_the_tick(harness: Harness) -> None:
    """After the release the drainer looks once more."""
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


def test_the_lease_of_a_drainer_that_died_expires(harness: Harness) -> None:
    """It outlives its function, and not much longer."""
    assert harness.ledger.acquire("dead", harness.clock(), 130)
    harness.ledger.add([harness.change("a/x.jpg")])
    assert harness.drain().busy
    harness.clock.sleep(131)
    assert not harness.drain().busy
    assert len(harness.purged) == 1


def test_a_drain_that_runs_out_of_time_leaves_the_rest_to_the_next(harness: Harness) -> None:
    """What was done is committed before the function's time-out; nothing is purged twice."""
    harness.set_emulator(write_rate=1.0, write_burst=1)
    harness.ledger.add([harness.change(f"a/{n}.jpg", ago=n) for n in range(60)])
    report = harness.drain(seconds=50)
    assert 0 < len(report.accepted) < 60
    assert report.held == 60 - len(report.accepted)
    harness.drain()
    assert len(harness.purged) == len(set(harness.purged)) == 60


def test_a_crash_after_acceptance_does_not_repeat_what_was_kept(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the change sets were taken out: the purges that were kept say what is covered."""
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(30)])

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(harness.ledger, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            harness.drain()
    assert harness.drain().settled == 30
    assert len(harness.purged) == 30
    assert harness.ledger.pending() == []


def test_purges_that_cannot_be_tracked_are_kept_and_tracked_later(harness: Harness) -> None:
    """StartExecution fails for ever: purging again each minute would burn the quota."""
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


def test_what_was_accepted_is_known_before_anything_else_can_hang(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while Step Functions does not answer: nothing is purged again, and all is followed later."""

    def hangs(_tracker: Tracker, _purges: object) -> None:
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


def test_a_refused_manual_wildcard_leaves_the_change_under_it_its_own_purge(harness: Harness) -> None:
    """It serves two needs: split once, alert what was asked for, and do not plan the same again for ever."""
    harness.inject("wildcard-refused", times=1000)
    harness.ledger.add([harness.change("photos/2024/x.jpg")])
    moment = harness.change("-").occurred_at
    harness.ledger.add([UrlChange(f"{ENDPOINT}/photos/2024/*", moment)], manual=True)
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/photos/2024/x.jpg"]
    assert harness.ledger.pending() == []
    (alert,) = harness.alerts()
    assert "photos/2024/*" in alert["Message"]


def test_a_refused_url_of_two_buckets_is_settled_and_alerted(harness: Harness) -> None:
    """Two objects, one exact URL, no other one to try."""
    url_map = UrlMap.parse("one=https://x.example.com,two=https://x.example.com")
    harness.ledger.add([harness.change("a/x.jpg", bucket="one"), harness.change("a/x.jpg", bucket="two")])
    harness.drain(url_map=url_map)
    assert harness.ledger.pending() == []
    assert len(harness.alerts()) == 1


def test_a_wrong_endpoint_is_alerted_once(harness: Harness) -> None:
    """A deploy of 200 files is one mail, and the right endpoint is purged."""
    url_map = UrlMap.parse(f"origin={ENDPOINT},origin=https://images.example.com")
    harness.ledger.add([harness.change(f"a/{n}.jpg") for n in range(200)])
    harness.drain(url_map=url_map, monthly_quota=10_000)
    assert len(harness.alerts()) == 1
    assert harness.ledger.pending() == []


def test_a_refusal_that_could_not_be_told_is_told_later(harness: Harness) -> None:
    """The topic is gone: what ImageKit refuses stays pending until people know of it."""
    url_map = UrlMap.parse("origin=https://images.example.com")
    harness.ledger.add([harness.change("a/x.jpg")])
    harness.drain(url_map=url_map, alerts_topic_arn=harness.settings.alerts_topic_arn + "-gone")
    assert len(harness.ledger.pending()) == 1
    harness.drain(url_map=url_map)
    assert harness.ledger.pending() == []
    assert len(harness.alerts()) == 1


def test_a_purge_keeps_the_identities_that_its_time_does_not_tell(harness: Harness) -> None:
    """51,000 of 8 bytes each pass the 400 KB of an item; an old change needs none."""
    harness.ledger.add([harness.change("a/old.jpg", ago=60), harness.change("b/new.jpg", ago=1)])
    harness.drain()
    kept = {purge.url.rpartition("/")[2]: purge.identities for purge in harness.ledger.accepted_since(0)}
    assert (len(kept["old.jpg*"]), len(kept["new.jpg*"])) == (0, 8)


def test_more_changes_than_a_window_are_drained_at_once(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Window by window, in one invocation."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 10)
    for n in range(45):
        harness.ledger.add([harness.change(f"{n}/x.jpg", ago=2000 + n / 100)])
    report = harness.drain(skip_new_objects=False)
    assert (report.settled, report.held) == (45, 0)
    assert len(set(harness.purged)) == 45
    assert harness.ledger.pending() == []


def test_a_window_leaves_the_quota_to_those_behind_it(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of many is not to spend the month: its share is a tenth of what is left."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 50)
    for n in range(200):
        harness.ledger.add([harness.change(f"{n:03}/{n}/x.jpg", ago=5000 - n)])
    harness.drain(monthly_quota=100, reserve_percent=0, max_hold_seconds=0, seconds=200.0)
    spent = [int(url.removeprefix(f"{ENDPOINT}/")[:3]) for url in harness.purged]
    assert {number // 50 for number in spent} == {0, 1, 2, 3}


def test_a_window_that_cannot_be_purged_does_not_block_those_behind_it(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest changes fail again and again; the next drain goes on where this one came to its end."""
    monkeypatch.setattr("purging.ledger.store.WINDOW", 2)
    harness.ledger.add([harness.change("bad/1.jpg", ago=9)])
    harness.ledger.add([harness.change("bad/2.jpg", ago=8)])
    harness.inject("5xx", times=2)
    for n in range(6):
        harness.ledger.add([harness.change(f"{n}/x.jpg", ago=5 + n / 100)])
    report = harness.drain()
    assert (len(harness.purged), report.held) == (6, 2)


def test_a_redelivered_change_whose_clock_is_hours_ahead_is_not_purged_again(harness: Harness) -> None:
    """A purge was made for it, whatever it says of its time."""
    change = harness.change("a/x.jpg", ago=-5 * 3600)
    for _ in range(10):
        harness.ledger.add([change])
        harness.drain()
        harness.clock.sleep(3600)
    assert len(harness.purged) == 1


def test_a_broken_connection_to_step_functions_is_no_reason_to_purge_again(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no answer at all, unlike a refusal; what was accepted is kept all the same."""

    def broken(_tracker: Tracker, _purges: object) -> None:
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
    """256 KiB between two states: long URLs are split over several executions."""
    harness.ledger.add([harness.change(f"{n:03}/{'ü' * 500}.jpg") for n in range(60)])
    harness.drain()
    inputs = harness.executions()
    assert sum(len(each["purges"]) for each in inputs) == 60
    assert max(len(str(each)) for each in inputs) < 128 * 1024


def test_a_dry_run_plans_and_counts_and_purges_nothing(harness: Harness) -> None:
    """`DryRun`: what would be purged is logged, and counted apart from the real quota."""
    harness.ledger.add([harness.change("a/x.jpg")])
    report = harness.drain(dry_run=True)
    assert (harness.purged, report.accepted, report.settled) == ([], [], 1)
    assert harness.ledger.pending() == []
    assert harness.ledger.state("2030-05").used == 0
    assert harness.ledger.state("2030-05#dry-run").used == 1


def test_manual_urls_are_purged_as_they_are(harness: Harness) -> None:
    """A manual purge means what it says: no query variants unless asked for."""
    harness.ledger.add([UrlChange(f"{ENDPOINT}/a/x.jpg", harness.change("-").occurred_at)], manual=True)
    harness.drain()
    assert harness.purged == [f"{ENDPOINT}/a/x.jpg"]


def test_a_key_that_no_mapping_serves_any_more_is_taken_out(harness: Harness) -> None:
    """The mapping changed while a change was pending: there is nothing left to purge."""
    harness.ledger.add([harness.change("a/x.jpg", bucket="elsewhere")])
    harness.drain()
    assert harness.purged == []
    assert harness.ledger.pending() == []


def test_a_failing_aws_service_loses_nothing(harness: Harness) -> None:
    """The secret is gone: the drain fails loudly, the change stays, the reserved quota is given back."""
    harness.ledger.add([harness.change("a/x.jpg")])
    boto3.client("secretsmanager").delete_secret(
        SecretId=harness.settings.secret_arn, ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        harness.drain()
    assert len(harness.ledger.pending()) == 1
    assert harness.ledger.state("2030-05").used == 0
