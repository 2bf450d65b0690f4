"""The alarms: each one watches a metric that exists, and each stack watches its own metrics."""

import re
from typing import Any

import pytest

from tests.unit.cloudformation import PROJECT, load
from tests.unit.deployment import Deployment

DAY = 86_400


def _alarms() -> dict[str, Any]:
    return {
        name: resource
        for name, resource in load()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def _watched(name: str) -> tuple[str, str, list[dict[str, Any]]]:
    properties = _alarms()[name]["Properties"]
    return properties["Namespace"], properties["MetricName"], properties["Dimensions"]


def test_every_alarm_reaches_somebody_and_says_what_to_do() -> None:
    """Each alarm publishes to the topic. Without data it is quiet, because an idle stack has none."""
    for name, alarm in _alarms().items():
        properties = alarm["Properties"]
        assert properties["AlarmActions"] == [{"Ref": "Alerts"}], name
        assert len(properties["AlarmDescription"]) > 50, name
        assert properties["TreatMissingData"] == "notBreaching", name


@pytest.mark.parametrize("template", ["template.yaml", "forwarding/template.yaml"])
def test_every_alarm_names_the_section_that_says_what_to_do(template: str) -> None:
    """Whoever gets the mail finds the section by its heading. CloudWatch takes 1,024 characters.

    See https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html.
    """
    for name, resource in load(template)["Resources"].items():
        if resource["Type"] != "AWS::CloudWatch::Alarm":
            continue
        description = resource["Properties"]["AlarmDescription"]
        assert len(description) <= 1024, name
        found = re.search(r" See (docs/\w+\.md)#([a-z-]+)$", description)
        assert found, name
        headings = re.findall(r"^#+ (.+)$", (PROJECT / found[1]).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
        assert found[2] in anchors, name


def test_the_operations_page_explains_every_alarm() -> None:
    """The table of alarms has each of them, and no other one."""
    page = (PROJECT / "docs" / "operations.md").read_text()
    table = page.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+Alarm)` \|", table, re.MULTILINE)) == _alarms().keys()


@pytest.mark.parametrize(
    ("name", "metric"),
    [("RuleFailsAlarm", "FailedInvocations"), ("RuleLosesAlarm", "InvocationsFailedToBeSentToDlq")],
)
def test_an_event_that_the_rule_cannot_deliver_is_alarmed(name: str, metric: str) -> None:
    """The alarm watches a metric of the rule itself.

    See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html. The second metric counts
    events that did not even reach the dead-letter queue. Only existing buckets have a rule, because the
    stack's own bucket sends to the queue itself.
    """
    assert _alarms()[name]["Condition"] == load()["Resources"]["OriginBucketsRule"]["Condition"]
    rule = {"Name": "RuleName", "Value": {"Ref": "OriginBucketsRule"}}
    assert _watched(name) == ("AWS/Events", metric, [rule])
    properties = _alarms()[name]["Properties"]
    assert (properties["Statistic"], properties["Threshold"]) == ("Sum", 0)


def test_a_change_that_is_pending_for_more_than_a_day_is_alarmed() -> None:
    """Each drain measures the age of the oldest change. `MaxHoldSeconds` holds no change for longer."""
    alarm = Deployment(names={"AWS::StackName": "purge-prod"}).properties("OldestChangeAlarm")
    environment = Deployment(names={"AWS::StackName": "purge-prod"}).environment()
    assert alarm["MetricName"] == "OldestPendingSeconds"
    assert alarm["Namespace"] == environment["POWERTOOLS_METRICS_NAMESPACE"]
    assert alarm["Dimensions"] == [{"Name": "service", "Value": environment["POWERTOOLS_SERVICE_NAME"]}]
    assert (alarm["Statistic"], alarm["Unit"]) == ("Maximum", "Seconds")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", DAY)
    assert load()["Parameters"]["MaxHoldSeconds"]["MaxValue"] <= DAY


def test_two_stacks_do_not_mix_their_metrics() -> None:
    """Each stack logs and counts under its own name, so neither dev nor prod sets off the other's alarms."""
    services = {
        Deployment(names={"AWS::StackName": name}).environment()["POWERTOOLS_SERVICE_NAME"]
        for name in ("purge-dev", "purge-prod")
    }
    assert services == {"purge-dev", "purge-prod"}
