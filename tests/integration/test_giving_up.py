"""The alerts for purges that TrackPurges gives up: one a day for each cause, with all details."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.integration.harness import ENDPOINT, Functions, running_functions, running_harness

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

DAY = 86_400
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:TrackPurges:purge-1"


@pytest.fixture
def functions() -> Iterator[Functions]:
    with running_harness() as harness, running_functions(harness) as running:
        yield running


def late(number: int, cause: str = "pending", reason: str = "Pending") -> dict[str, Any]:
    return {
        "request_id": f"{number:024x}",
        "url": f"{ENDPOINT}/a/{number}.jpg*",
        "submitted_at": 0,
        "sample": None,
        "cause": cause,
        "reason": reason,
    }


def test_a_late_purge_is_alerted_with_its_id_its_url_and_its_reason(functions: Functions) -> None:
    """The alert also has the execution, the deadline and the remedy."""
    assert functions.give_up([late(1), late(2)], execution=EXECUTION, minutes="15") == {}
    (alert,) = functions.harness.alerts()
    assert alert["Subject"] == "ImageKit: 2 purge(s) not Completed in time (pending)"
    lines = alert["Message"].splitlines()
    for purge in (late(1), late(2)):
        assert f"{purge['request_id']}  {purge['url']}  Pending" in lines
    for part in (EXECUTION, "15 minutes", "support@imagekit.io"):
        assert part in alert["Message"]


def test_a_cause_is_alerted_once_a_day(functions: Functions) -> None:
    """In an outage an execution fails every minute. The log has their purges."""
    for number in range(20):
        functions.give_up([late(number)], execution=f"{EXECUTION}{number}", minutes="15")
    assert len(functions.harness.alerts()) == 1
    assert [line["purge"]["url"] for line in functions.logged("purge given up")] == [
        late(number)["url"] for number in range(20)
    ]
    functions.harness.clock.sleep(DAY + 1)
    functions.give_up([late(21)], execution=EXECUTION, minutes="15")
    (again,) = functions.harness.alerts()
    assert late(21)["url"] in again["Message"]


def test_each_cause_has_an_alert_of_its_own(functions: Functions) -> None:
    """A new cause is alerted even if another one was alerted today."""
    functions.give_up([late(1)], execution=EXECUTION, minutes="15")
    functions.harness.alerts()
    stale = late(3, "stale", "Completed, but a.jpg is still stale: its Age is 110 s")
    functions.give_up([late(2), stale], execution=EXECUTION, minutes="15")
    (alert,) = functions.harness.alerts()
    assert "(stale)" in alert["Subject"]
    assert stale["reason"] in alert["Message"]
    assert late(2)["url"] not in alert["Message"]


def test_each_error_of_a_check_is_alerted_once_a_day(functions: Functions) -> None:
    """Malformed purges are alerted too: they may be the cause of the error."""
    for number in range(3):
        functions.give_up(
            [{"url": "no purge at all"}],
            execution=f"{EXECUTION}{number}",
            error="KeyError",
            details="x" * 9999,
        )
    (alert,) = functions.harness.alerts()
    assert alert["Subject"] == "ImageKit: the status of 1 purge(s) is unknown"
    for part in ("no purge at all", "KeyError", f"{EXECUTION}0"):
        assert part in alert["Message"]
    functions.give_up([late(1)], execution=EXECUTION, error="Sandbox.Timedout", details="")
    assert len(functions.harness.alerts()) == 1


def test_an_alert_fits_into_sns(functions: Functions) -> None:
    """The subject has at most 100 characters and the message 256 KB. It names as many purges as fit.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    purges = [late(number) | {"url": f"https://x/{'ü' * 1000}{number}"} for number in range(300)]
    functions.give_up(purges, execution=EXECUTION, minutes="15")
    (alert,) = functions.harness.alerts()
    assert len(alert["Subject"]) <= 100
    assert 50_000 < len(alert["Message"].encode()) < 256 * 1024
    assert purges[0]["request_id"] in alert["Message"]


def test_an_alert_that_could_not_be_published_is_sent_by_the_next_execution(functions: Functions) -> None:
    """A failed alert does not count as sent."""
    sns = boto3.client("sns")
    topic = functions.harness.settings.alerts_topic_arn
    subscription = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0]
    sns.delete_topic(TopicArn=topic)
    functions.give_up([late(1)], execution=EXECUTION, minutes="15")
    assert sns.create_topic(Name="alerts")["TopicArn"] == topic
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=subscription["Endpoint"])
    functions.give_up([late(2)], execution=EXECUTION, minutes="15")
    (alert,) = functions.harness.alerts()
    assert late(2)["url"] in alert["Message"]
