"""Alerts: each is sent once in its time, and a failed one suppresses no later one."""

import json

import boto3
import pytest

from purging.aws.alerts import Alerts
from tests.integration.harness import Harness

DAY = 86_400.0


@pytest.fixture
def alerts(harness: Harness) -> Alerts:
    return Alerts(harness.settings.alerts_topic_arn, boto3.client("sns"), harness.ledger, harness.clock)


def test_an_alert_is_sent_once_a_day(harness: Harness, alerts: Alerts) -> None:
    """Several calls within a day send one alert. A call on the next day sends another one."""
    for _ in range(3):
        assert alerts.send("quota", "Subject", "message", every=DAY)
        harness.clock.sleep(60)
    assert len(harness.alerts()) == 1
    harness.clock.sleep(DAY)
    assert alerts.send("quota", "Subject", "message", every=DAY)
    assert len(harness.alerts()) == 1


def test_an_alert_of_a_killed_function_is_sent_again_after_minutes(
    harness: Harness, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then another function may be sending it, so `send` does not report it as sent."""

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


def test_an_alert_that_sns_refuses_is_tried_again(harness: Harness, alerts: Alerts) -> None:
    """The next caller tries again at once."""
    lost = Alerts(
        harness.settings.alerts_topic_arn + "-gone", boto3.client("sns"), harness.ledger, harness.clock
    )
    assert not lost.send("key", "Subject", "message", every=DAY)
    assert alerts.send("key", "Subject", "message", every=DAY)
    assert len(harness.alerts()) == 1


def test_a_chat_gets_an_alert_in_its_own_form(
    harness: Harness, alerts: Alerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Amazon Q Developer drops other texts. Mail and queues get the plain text, which may be longer.

    See https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html.
    """
    sns, sent = boto3.client("sns"), []
    publish = sns.publish

    def noted(**arguments: str) -> object:
        sent.append(arguments)
        return publish(**arguments)

    monkeypatch.setattr(sns, "publish", noted)
    alerts.send("late", "Subject", 'lines\nwith "quotes" ' + "x" * 9000, every=DAY)
    [arguments] = sent
    assert arguments["MessageStructure"] == "json"
    chat = json.loads(json.loads(arguments["Message"])["https"])
    assert (chat["version"], chat["source"]) == ("1.0", "custom")
    assert chat["content"]["title"] == "Subject"
    assert chat["content"]["description"].startswith('lines\nwith "quotes" x')
    assert len(chat["content"]["description"]) == 2000
    [received] = harness.alerts()
    assert received["Message"].startswith('lines\nwith "quotes" x')
    assert len(received["Message"]) > 9000
