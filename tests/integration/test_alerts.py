"""Alerts: each goes out once, and none is muted by what was not sent."""

import boto3
import pytest

from purging.aws.alerts import Alerts
from tests.integration.harness import Harness

DAY = 86_400.0


@pytest.fixture
def alerts(harness: Harness) -> Alerts:
    return Alerts(harness.settings.alerts_topic_arn, boto3.client("sns"), harness.ledger, harness.clock)


def test_an_alert_is_sent_once_in_its_time(harness: Harness, alerts: Alerts) -> None:
    """Every minute for a day is one mail; the day after is another."""
    for _ in range(3):
        assert alerts.send("quota", "Subject", "message", every=DAY)
        harness.clock.sleep(60)
    assert len(harness.alerts()) == 1
    harness.clock.sleep(DAY)
    assert alerts.send("quota", "Subject", "message", every=DAY)
    assert len(harness.alerts()) == 1


def test_a_function_killed_before_it_published_mutes_nothing_for_long(
    harness: Harness, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For minutes another may be sending it; whoever asks then is not told that it went out."""

    def killed(**_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(boto3.client("sns"), "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            alerts.send("quota", "Subject", "message", every=31 * DAY)
    assert not alerts.send("quota", "Subject", "message", every=31 * DAY)
    harness.clock.sleep(180)
    assert alerts.send("quota", "Subject", "message", every=31 * DAY)
    assert len(harness.alerts()) == 1


def test_what_sns_does_not_take_is_tried_again(harness: Harness, alerts: Alerts) -> None:
    """At once, by whoever comes next."""
    lost = Alerts(
        harness.settings.alerts_topic_arn + "-gone", boto3.client("sns"), harness.ledger, harness.clock
    )
    assert not lost.send("key", "Subject", "message", every=DAY)
    assert alerts.send("key", "Subject", "message", every=DAY)
    assert len(harness.alerts()) == 1
