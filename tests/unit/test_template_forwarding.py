"""forwarding/template.yaml: events of buckets elsewhere reach the stack's event bus, or an alarm rings."""

import re
from typing import Any

import pytest

from tests.unit.cloudformation import load, under

HERE, ELSEWHERE = "111122223333", "444455556666"


@pytest.fixture(scope="module")
def template() -> Any:
    """The template of the forwarder as CloudFormation sees it."""
    return load("forwarding/template.yaml")


def _properties(template: Any, name: str, **choice: bool) -> Any:
    """The properties of a resource. By default there is no operator's key, and one account for all."""
    conditions = {"SameAccount": True, "SendEmail": False, "OwnKey": False, "Bounded": False} | choice
    assert conditions.keys() == template["Conditions"].keys()
    return under(template["Resources"][name]["Properties"], **conditions)


def test_the_main_stack_takes_every_event_that_is_forwarded(template: Any) -> None:
    """Both rules match the same events of the same buckets. The main rule matches them from any place."""
    forwarded = _properties(template, "ForwardingRule")["EventPattern"]
    taken = dict(load()["Resources"]["OriginBucketsRule"]["Properties"]["EventPattern"])
    assert {name: forwarded[name] for name in taken} == taken


def test_what_was_forwarded_to_here_is_not_forwarded_on(template: Any) -> None:
    """A forwarded event keeps its account and region, so two forwarders never send it back and forth."""
    pattern = _properties(template, "ForwardingRule")["EventPattern"]
    assert pattern["account"] == [{"Ref": "AWS::AccountId"}]
    assert pattern["region"] == [{"Ref": "AWS::Region"}]


@pytest.mark.parametrize(
    ("region", "account", "allowed"),
    [
        ("eu-west-1", "", False),
        ("eu-west-1", HERE, False),
        ("eu-west-1", ELSEWHERE, True),
        ("us-east-1", "", True),
        ("us-east-1", HERE, True),
        ("us-east-1", ELSEWHERE, True),
    ],
)
def test_it_is_refused_beside_the_stack(template: Any, region: str, account: str, *, allowed: bool) -> None:
    """In the stack's region and account, the rule would match again what it forwarded, without end."""
    [rule] = template["Rules"].values()
    [assertion] = rule["Assertions"]
    values = {"StackRegion": region, "StackAccount": account}
    places = {"AWS::Region": "eu-west-1", "AWS::AccountId": HERE}
    assert _decided(assertion["Assert"], values | places) is allowed


@pytest.mark.parametrize("same_account", [True, False])
def test_the_role_may_send_to_that_bus_and_do_nothing_else(template: Any, *, same_account: bool) -> None:
    """EventBridge wants a role for an event bus of another region or account.

    See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html.
    """
    [target] = _properties(template, "ForwardingRule", SameAccount=same_account)["Targets"]
    account = {"Ref": "AWS::AccountId"} if same_account else {"Ref": "StackAccount"}
    bus = "arn:${AWS::Partition}:events:${StackRegion}:${Account}:event-bus/default"
    assert target["Arn"] == {"Fn::Sub": [bus, {"Account": account}]}
    assert target["RoleArn"] == {"Fn::GetAtt": ["ForwardingRole", "Arn"]}
    role = _properties(template, "ForwardingRole", SameAccount=same_account)
    [policy] = role["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", target["Arn"])
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_an_event_that_cannot_be_sent_is_kept_and_alerted(template: Any) -> None:
    """EventBridge tries as long as in the main stack, then the rule's own queue keeps the event.

    Another alarm rings if the event does not even reach that queue.
    """
    [target] = _properties(template, "ForwardingRule")["Targets"]
    [main] = load()["Resources"]["OriginBucketsRule"]["Properties"]["Targets"]
    assert target["RetryPolicy"] == main["RetryPolicy"]
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}}
    sends, deny = _properties(template, "UndeliveredEventsPolicy")["PolicyDocument"]["Statement"]
    assert sends["Condition"]["ArnEquals"] == {"aws:SourceArn": {"Fn::GetAtt": ["ForwardingRule", "Arn"]}}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    watched = {
        _properties(template, name)["MetricName"]: _properties(template, name)["AlarmActions"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert watched == {
        "ApproximateNumberOfMessagesVisible": [{"Ref": "Alerts"}],
        "InvocationsFailedToBeSentToDlq": [{"Ref": "Alerts"}],
    }


def test_an_operators_key_encrypts_queue_and_topic(template: Any) -> None:
    """Without such a key, SQS encrypts the queue itself."""
    key = {"Ref": "KmsKeyArn"}
    assert _properties(template, "UndeliveredEvents", OwnKey=True)["KmsMasterKeyId"] == key
    assert _properties(template, "Alerts", OwnKey=True)["KmsMasterKeyId"] == key
    assert _properties(template, "UndeliveredEvents")["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("OriginBuckets", ["photos", "photos,my.other-bucket", "Old_Photos"], ["", "photos,", "a/b"]),
        (
            "StackRegion",
            ["eu-west-1", "us-gov-west-1", "eusc-de-east-1"],
            ["", "eu", "eu-west-1a", "Ireland"],
        ),
        ("StackAccount", ["", HERE], ["1234", "arn:aws:iam::111122223333:root"]),
    ],
)
def test_parameters_check_themselves(template: Any, name: str, good: list[str], bad: list[str]) -> None:
    """CloudFormation stops a wrong value before it deploys anything."""
    pattern = template["Parameters"][name]["AllowedPattern"]
    assert all(re.search(pattern, value) for value in good)
    assert not any(re.search(pattern, value) for value in bad)


def test_every_parameter_is_described_and_shown_in_a_group(template: Any) -> None:
    """`sam deploy --guided` and the console say what each parameter is for."""
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])
    assert all(parameter["Description"] for parameter in template["Parameters"].values())


def _decided(condition: Any, values: dict[str, str]) -> bool:
    """Whether the condition of a rule holds for these parameters and pseudo parameters."""
    [(function, parts)] = condition.items()
    if function == "Fn::Equals":
        left, right = (values[part["Ref"]] if isinstance(part, dict) else part for part in parts)
        return bool(left == right)
    decided = [_decided(part, values) for part in parts]
    return {"Fn::Not": not decided[0], "Fn::And": all(decided), "Fn::Or": any(decided)}[function]
