"""template.yaml: parameters check themselves, roles allow the least, and time-outs fit together."""

import re
from typing import Any

import pytest

from tests.chaos.queue import MAX_RECEIVES
from tests.unit.cloudformation import PROJECT, load, under
from tests.unit.deployment import Deployment

GOOD = {
    "OriginBuckets": ["", "photos", "photos,my.other-bucket"],
    "ForwardingAccounts": ["", "111122223333", "111122223333,444455556666"],
    "UrlMap": [
        "photos=https://ik.imagekit.io/demo",
        "*=http://127.0.0.1:4010/demo",
        "photos=https://ik.imagekit.io/demo/https://photos.s3.eu-central-1.amazonaws.com",
        "photos/media/2026=https://cdn.example.com, photos=https://ik.imagekit.io/demo/pattern",
        "Old_Photos=https://ik.imagekit.io/demo",
        " photos = https://ik.imagekit.io/demo , *=https://img.example.com:8443 ",
        "\n  photos=https://ik.imagekit.io/demo,\n  ,other/a b/50% ä=https://ik.imagekit.io/demo/,\n",
        "photos=https://ik.imagekit.io:65535/demo",
        "photos=http://localhost:4010/demo",
        "photos=https://ik.imagekit.io/demo/https://photos.s3.eu-central-1.amazonaws.com",
        "photos=https://ik.imagekit.io/d%C3%A9mo",
    ],
    "PathTransformations": [
        *("", "tr:n-thumb", "tr:w-300,h-300 tr:n-thumb", " tr:n-thumb", "  "),
        *("w_300,h_300", "image/upload image/upload/w_300  tr:n-thumb ", "wide-300/v1", "cdn-cgi/image/a=b"),
    ],
    "Dependents": [
        "",
        "overlays/logo.png=https://ik.imagekit.io/demo/shop/products/*",
        "  overlays/logo.png=/shop/products/*",
        "*.ttf=/a/b/*  fonts/?.ttf=https://img.example.com/a.jpg?tr=w-300,h-300 ",
    ],
    "EvictionWeights": [
        "",
        "*.mp4=50",
        " *.mp4=50",
        "*.mp4=50 *.gif=5  icons/*=1 ",
        "*=10000",
        "a?b*=1",
        "[ab]?.mp4=9999",
        "[!a-f0-9]*=5 [-_]*=2 [a-]*=2 [[]?=3 [!!]=2",
    ],
    "ImageKitSecretArn": [
        "",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:imagekit/key-AbC123",
        "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:imagekit-AbC123",
        "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:imagekit-AbC123",
    ],
    "ImageKitApiUrl": ["https://api.imagekit.io", "http://127.0.0.1:4010", "https://a.example:65535"],
    "AlertEmail": ["", "ops@example.com"],
    "SlackWorkspaceId": ["", "T0123ABCD"],
    "SlackChannelId": ["", "C0123ABCD", "G0123ABCD"],
    "Release": ["", "v1.2.0", "08c6903cd8c0fde910a37f88322edcfb5dd907a8.1"],
    "PermissionsBoundaryArn": ["", "arn:aws-cn:iam::123456789012:policy/org/boundary"],
    "KmsKeyArn": [
        "",
        "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
        "arn:aws-cn:kms:cn-north-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
        "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef",
    ],
}
BAD = {
    "OriginBuckets": ["photos, other", "ph", "photos,", "photos/a", "s3://photos", "photos-"],
    "ForwardingAccounts": ["1111", "111122223333, 444455556666", "arn:aws:iam::111122223333:root"],
    "UrlMap": [
        "",
        "photos",
        "https://ik.imagekit.io/demo",
        "photos=ik.imagekit.io/demo",
        "photos=http://ik.imagekit.io/demo",
        "photos=https://ik.imagekit.io/demo?x=1",
        "photos=https://user:key@ik.imagekit.io/demo",
        "photos=https:///demo",
        "photos=https://:443/demo",
        "photos=https://ik.imagekit.io:0/demo",
        "photos=https://ik.imagekit.io:65536/demo",
        "photos=https://ik.imagekit.io:port/demo",
        "photos=https://ik.imagekit.io:/demo",
        "photos=https://ik.imagekit.io/démo",
        "photos=https://ik.imagekit.io/de mo",
        "photos=https://ik.imagekit.io/demo*",
        "photos=https://ik.imagekit.io/demo#x",
        "photos=https://ik.imagekit.io/icon@2x",
        "photos=https://[::1]/demo",
        "photos=HTTPS://ik.imagekit.io/demo",
        "photos/a%20b=https://ik.imagekit.io/demo",
        "photos/ä%C3%A4=https://ik.imagekit.io/demo",
        "-photos=https://ik.imagekit.io/demo",
        "ph otos=https://ik.imagekit.io/demo",
        "photos /a=https://ik.imagekit.io/demo",
        "**=https://ik.imagekit.io/demo",
        " ",
        ",",
        "\u00a0photos=https://ik.imagekit.io/demo",
    ],
    "PathTransformations": [
        *("w-300", "tr:w-300/x", "tr:w-300,tr:h-300 n-thumb", "image/tr:w-300", "/w_300", "w_300/", "a//b"),
        *("w_300?x", "w_*", "a/../b", "./a", "ik-seo", "ik-seo/tr:w-300", "tr:", "tr:n-é", "a/btr:c"),
    ],
    "Dependents": [
        *("a.png", "a.png=", "=/a/b/*", "a.png=ik.imagekit.io/a/b/*", "a.png=http://ik.imagekit.io/a/b/*"),
        *("a.png=/a/*/b", "a.png=/a/b/**", "a.png=/a#b", "a,b=/a/b/*", "é.png=/a/b/*"),
    ],
    "EvictionWeights": [
        *("*.mp4", "*.mp4=", "=5", "*.mp4=0", "*.mp4=05", "*.mp4=10001", "*.mp4=1.5", "*.mp4=-1"),
        *("*.mp4=5,*.gif=5 *.png", "*.mp4 =5", "*.mp4= 5"),
        *("*.mp4=5,*.gif=3", "*.mp4=5;*.gif=3", "*.mp4=5,", "*.mp4,*.gif=5", "*.mp4==5", "a=b*=1"),
        *(
            "[=5",
            "]=5",
            "[]=5",
            "[!]=5",
            "[ab=5",
            "a]=5",
            "[a,b]=5",
            "[z-a]=5",
            "[aZ-A]=5",
            "[9-0]=5",
            "[a-Z]=5",
        ),
    ],
    "ImageKitSecretArn": ["imagekit/key", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:imagekit"],
    "ImageKitApiUrl": [
        "api.imagekit.io",
        "http://api.imagekit.io",
        "https://api.imagekit.io/v1",
        "https://",
        "https://:443",
        "https://api.imagekit.io:port",
        "https://api.imagekit.io:65536",
        "http://127.0.0.1:0",
        "http://127.0.0.1",
        "https://api.imagekit.io?x=1",
        "https://api.imagekit.io#x",
        "https://user:key@api.imagekit.io",
    ],
    "AlertEmail": ["ops", "ops@example", "a b@example.com"],
    "SlackWorkspaceId": ["my-workspace", "C0123ABCD", "T"],
    "SlackChannelId": ["#alerts", "T0123ABCD", "C0123 ABCD"],
    "Release": ["v1 2", "a,b", "ä"],
    "PermissionsBoundaryArn": ["boundary", "arn:aws:iam::123456789012:role/boundary"],
    "KmsKeyArn": ["alias/mine", "arn:aws:kms:eu-west-1:123456789012:alias/mine", "*"],
}


@pytest.fixture(scope="module")
def template() -> Any:
    """The template as CloudFormation sees it before the transform."""
    return load()


def _pairs(values: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, texts in values.items() for value in texts]


@pytest.mark.parametrize(("name", "value"), _pairs(GOOD))
def test_a_parameter_takes_a_valid_value(template: Any, name: str, value: str) -> None:
    """The pattern of the parameter matches a valid value."""
    assert re.search(template["Parameters"][name]["AllowedPattern"], value)


@pytest.mark.parametrize(("name", "value"), _pairs(BAD))
def test_a_parameter_refuses_an_invalid_value(template: Any, name: str, value: str) -> None:
    """CloudFormation stops an invalid value before it deploys anything."""
    assert not re.search(template["Parameters"][name]["AllowedPattern"], value)


def test_every_parameter_is_described_checked_and_shown_in_a_group(template: Any) -> None:
    """`sam deploy --guided` and the console say what each parameter is for."""
    grouped = [
        name
        for group in template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for name in group["Parameters"]
    ]
    assert sorted(grouped) == sorted(template["Parameters"])
    for name, parameter in template["Parameters"].items():
        assert parameter["Description"], name
        assert parameter.keys() & {"AllowedPattern", "AllowedValues", "MinValue", "MaxLength"}, name


def test_only_url_map_has_no_default(template: Any) -> None:
    """An operator can deploy without any other answer."""
    required = [name for name, parameter in template["Parameters"].items() if "Default" not in parameter]
    assert required == ["UrlMap"]


def test_every_setting_that_the_functions_read_is_set(template: Any) -> None:
    """The template sets every environment variable that settings.py reads."""
    code = (PROJECT / "functions" / "purging" / "settings.py").read_text()
    read = set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', code))
    everywhere = template["Globals"]["Function"]["Environment"]["Variables"]
    submit = template["Resources"]["SubmitPurge"]["Properties"]["Environment"]["Variables"]
    assert read <= everywhere.keys() | submit.keys()


def test_a_wildcard_resource_stands_only_where_aws_knows_no_other(template: Any) -> None:
    """Every statement names its resource, except those for traces, log delivery and states of alarms."""
    for name, resource in template["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        choice = {"OwnBucket": True, "OwnSecret": True, "OwnKey": True, "Traced": True, "Gradual": True}
        role = under(resource["Properties"], **choice, Bounded=False)
        for policy in role.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Resource"] == "*":
                    assert statement["Sid"] in {"Trace", "DeliverLogs", "SeeTheAlarms"}, name


def test_every_function_has_a_role_and_a_log_group_of_its_own(template: Any) -> None:
    """So SAM adds no managed policy, and Lambda no log group without an end."""
    functions = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert functions.keys() == {"SubmitPurge", "CheckPurges"}
    for name, function in functions.items():
        assert function["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert function["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}
        assert "RetentionInDays" in template["Resources"][f"{name}Logs"]["Properties"]


def test_a_message_stays_hidden_for_six_time_outs_and_the_longest_window(template: Any) -> None:
    """Lambda asks for that, so that SQS does not hand out a throttled batch twice.

    See https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html.
    """
    resources = template["Resources"]
    window = template["Parameters"]["CoalesceSeconds"]["MaxValue"]
    time_out = resources["SubmitPurge"]["Properties"]["Timeout"]
    assert resources["ChangeQueue"]["Properties"]["VisibilityTimeout"] >= 6 * time_out + window


def test_few_batches_are_worked_on_at_once(template: Any) -> None:
    """One invocation drains for all. The others take changes in: few are enough, and an account may have no
    more than ten.

    Lambda takes a batch of more than ten messages only with a window. One malformed message does not bring
    the good messages of its batch back.
    """
    mapping = template["Resources"]["SubmitPurgeChanges"]["Properties"]
    assert template["Conditions"]["AtOnce"] == {"Fn::Equals": [{"Ref": "CoalesceSeconds"}, "0"]}
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": {"Fn::If": ["AtOnce", 5, 2]}}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == {"Fn::If": ["AtOnce", 10, 1000]}


def test_a_batch_has_twenty_chances_before_it_is_dead(template: Any) -> None:
    """A good message survives an outage of hours. The simulation of faults counts as SQS does."""
    assert template["Resources"]["ChangeQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"] == 20
    assert MAX_RECEIVES == 20


def test_a_tick_that_fails_is_not_tried_again(template: Any) -> None:
    """Neither the schedule nor Lambda tries it again.

    The schedule invokes the function asynchronously. By default Lambda would try a failed event twice more,
    for up to six hours, under the request id of a drain that may still have the lease:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html.

    Lambda takes no less than 60 seconds, and the next tick comes after 60. Nobody invokes CheckPurges
    asynchronously: the state machine waits for its answer.
    """
    once = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    resources = template["Resources"]
    assert once.items() <= resources["SubmitPurgeEventInvokeConfig"]["Properties"].items()
    assert resources["SubmitPurgeTick"]["Properties"]["Target"]["RetryPolicy"] == once
    # The mapping of SQS also waits for the answer.
    assert not any("Events" in resources[name]["Properties"] for name in ("SubmitPurge", "CheckPurges"))


def test_the_memory_of_the_functions_can_be_chosen(template: Any) -> None:
    """Lambda has 128 MB to 10,240 MB, in steps of 1 MB.

    See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
    """
    parameter = template["Parameters"]["MemorySize"]
    assert (parameter["Default"], parameter["MinValue"], parameter["MaxValue"]) == (512, 128, 10_240)
    assert template["Globals"]["Function"]["MemorySize"] == {"Ref": "MemorySize"}
    for function in ("SubmitPurge", "CheckPurges"):
        assert "MemorySize" not in template["Resources"][function]["Properties"]


def test_the_bucket_stays_when_the_stack_goes_but_not_after_a_failed_first_deployment(template: Any) -> None:
    """A bucket with files stays, and an empty bucket of a failed first deployment goes.

    See https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html.
    """
    bucket = template["Resources"]["OriginBucket"]
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert bucket["UpdateReplacePolicy"] == "Retain"


def test_a_workspace_without_a_channel_is_refused(template: Any) -> None:
    """CloudFormation says so before it deploys anything. Both or neither are fine."""
    [assertion] = template["Rules"]["SlackNeedsWorkspaceAndChannel"]["Assertions"]
    for workspace, channel in (("", ""), ("T0123", "C0123"), ("T0123", ""), ("", "C0123")):
        given = {"SlackWorkspaceId": workspace, "SlackChannelId": channel}
        assert Deployment(given).evaluated(assertion["Assert"]) == (bool(workspace) == bool(channel))
    assert "both" in assertion["AssertDescription"]
