"""The limits of AWS: the longest parameters that template.yaml permits can be deployed."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.cloudformation import load
from tests.unit.deployment import Deployment

PARAMETERS = load()["Parameters"]
WIDE = "語"  # it has three bytes of UTF-8, the most that one character of JavaScript or Java can have
ACCOUNT = "123456789012"

# Each function writes a value of `length` characters, and `wide` of them are WIDE.
TEXTS: dict[str, Callable[[int, int], str]] = {
    "UrlMap": lambda length, wide: (
        f"*/{WIDE * wide}".ljust(length - 28, "x") + "=https://ik.imagekit.io/demo"
    ),
    "PathTransformations": lambda length, wide: f"tr:{WIDE * wide}".ljust(length, "x"),
    "Dependents": lambda length, wide: f"{WIDE * wide}a=/".ljust(length, "x"),
    "IgnoreKeys": lambda length, wide: (WIDE * wide).ljust(length, "x"),
    "EvictionWeights": lambda length, wide: (WIDE * wide).ljust(length - 6, "x") + "=10000",
    "ImageKitSecretArn": lambda length, wide: (
        f"arn:aws-us-gov:secretsmanager:us-gov-west-1:{ACCOUNT}:secret:{WIDE * wide}".ljust(length - 7, "x")
        + "-AbC123"
    ),
    "ImageKitApiUrl": lambda length, wide: f"https://{WIDE * wide}".ljust(length, "x"),
}


def _permitted(parameter: str, text: str) -> bool:
    definition = PARAMETERS[parameter]
    pattern = definition.get("AllowedPattern", "")
    # CloudFormation uses Java's matches(), which matches the whole text. So do our patterns.
    return len(text) <= definition["MaxLength"] and re.search(pattern, text) is not None


def _longest(parameter: str) -> str:
    """The permitted value that takes the most bytes."""
    definition = PARAMETERS[parameter]
    if "AllowedValues" in definition:
        return max(map(str, definition["AllowedValues"]), key=len)
    if definition["Type"] == "Number":
        return str(definition["MaxValue"])
    length = definition["MaxLength"]
    most = max(wide for wide in range(length) if _permitted(parameter, TEXTS[parameter](length, wide)))
    return TEXTS[parameter](length, most)


def _names(partition: str, region: str, suffix: str) -> dict[str, str]:
    """The names of a stack with the longest name (128 characters), and of its resources.

    CloudFormation names a resource STACK-RESOURCE-SUFFIX, and cuts the name to what the service takes: 80
    characters for queues and state machines, 255 for tables, 256 for topics.
    """
    stack = "s" * 128
    arn = f"arn:{partition}:{{}}:{region}:{ACCOUNT}:"
    queue = f"{stack}-ChangeQueue-0123456789ab"[-80:]
    machine = f"{stack}-TrackPurges-0123456789ab"[-80:]
    return {
        "AWS::StackName": stack,
        "AWS::Partition": partition,
        "Ledger": f"{stack}-Ledger-0123456789abc",
        "ChangeQueue": f"https://sqs.{region}.{suffix}/{ACCOUNT}/{queue}",
        "TrackPurges": f"{arn.format('states')}stateMachine:{machine}",
        "Alerts": f"{arn.format('sns')}{stack}-Alerts-0123456789ab",
        "Ledger.Arn": f"{arn.format('dynamodb')}table/{stack}-Ledger-0123456789abc",
        "ChangeQueue.Arn": f"{arn.format('sqs')}{queue}",
        "SubmitPurgeLogs.Arn": f"{arn.format('logs')}log-group:/aws/lambda/{stack}-SubmitPurge:*",
    }


PLACES = [
    ("aws", "ap-southeast-1", "amazonaws.com"),
    ("aws-cn", "cn-northwest-1", "amazonaws.com.cn"),
    ("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    ("aws-eusc", "eusc-de-east-1", "amazonaws.eu"),
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[0])
def test_the_longest_environment_fits_into_lambda(place: tuple[str, str, str]) -> None:
    """Lambda has 4 KB for environment variables, and measures them as JSON.

    See https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
    """
    texts = {"UrlMap", "PathTransformations", "Dependents", "IgnoreKeys", "EvictionWeights"}
    used = texts | {"ImageKitSecretArn", "ImageKitApiUrl", "LogLevel"}
    numbers = {"MonthlyPurgeQuota", "QuotaReservePercent", "MaxHoldSeconds"}
    choices = {"SeoUrls", "QueryVariants", "SkipNewObjects", "VerifyFreshness", "DryRun"}
    longest = {name: _longest(name) for name in used | numbers | choices}
    buckets = {"OriginBuckets": ",".join("b" * 61 + str(n) for n in range(10, 35))}
    environment = Deployment(longest | buckets, _names(*place)).environment()
    assert longest.items() <= {**_by_parameter(environment)}.items(), "a parameter is missing here"
    assert all(environment.values())
    text = json.dumps(environment, ensure_ascii=False, separators=(",", ":"))
    assert len(text.encode()) <= 4096


def _by_parameter(environment: dict[str, str]) -> dict[str, str]:
    """The values of the environment variables, each under the parameter that it refers to."""
    template = load()
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables |= template["Resources"]["SubmitPurge"]["Properties"]["Environment"]["Variables"]
    found = {}
    for variable, part in variables.items():
        for parameter in re.findall(r"'Ref': '(\w+)'", str(part)):
            if parameter in PARAMETERS:
                found[parameter] = environment[variable]
    return found


@pytest.mark.parametrize("length", [3, 4, 15, 31, 63])
def test_the_longest_list_of_buckets_fits_into_an_event_pattern(length: int) -> None:
    """An event pattern has 2,048 characters, and this test counts blanks after commas and colons.

    See https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html. Names of three characters need
    the most quotes, and names of 63 the most characters.
    """
    rule = Deployment({"OriginBuckets": _buckets(length)}).properties("OriginBucketsRule")
    assert len(rule["EventPattern"]["detail"]["bucket"]["name"]) > 1
    assert len(json.dumps(rule["EventPattern"])) <= 2048


@pytest.mark.parametrize("length", [3, 63])
def test_one_bucket_more_is_refused_with_the_reason(length: int) -> None:
    """CloudFormation refuses it at once. Otherwise EventBridge would, in the midst of a deployment."""
    assert not _permitted("OriginBuckets", f"{_buckets(length)},{'x' * length}")
    said = PARAMETERS["OriginBuckets"]["ConstraintDescription"]
    assert "1600 characters" in said
    assert "100" in said


@pytest.mark.parametrize("length", [3, 63])
def test_the_longest_role_fits_into_iam(length: int) -> None:
    """The inline policies of a role have 10,240 characters together, and blanks do not count.

    See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
    """
    key = f"arn:aws-us-gov:kms:us-gov-west-1:{ACCOUNT}:key/mrk-{'0' * 32}"
    given = {
        "OriginBuckets": _buckets(length),
        "KmsKeyArn": key,
        "ImageKitSecretArn": _longest("ImageKitSecretArn"),
    }
    names = _names("aws-us-gov", "us-gov-west-1", "amazonaws.com")
    policies = Deployment(given, names).properties("SubmitPurgeRole")["Policies"]
    text = "".join(json.dumps(policy["PolicyDocument"], separators=(",", ":")) for policy in policies)
    assert len(text) <= 10_240


def _buckets(length: int) -> str:
    """The longest list of buckets that the parameter takes, with names of this length."""
    names: list[str] = []
    while _permitted("OriginBuckets", ",".join([*names, f"{len(names):x<{length}}"])):
        names.append(f"{len(names):x<{length}}")
    return ",".join(names)


def test_letters_beyond_ascii_do_not_use_the_environment_up() -> None:
    """URLs are ASCII. Folders and patterns of keys may have some letters of any script."""
    assert not _permitted("PathTransformations", "tr:l-text,i-語")
    assert not _permitted("ImageKitApiUrl", "https://api.語.io")
    assert not _permitted("EvictionWeights", "語/*=5")
    assert not _permitted("Dependents", "語/*=/a/b/*")
    assert _permitted("UrlMap", "photos/фото=https://ik.imagekit.io/demo")
    assert _permitted("IgnoreKeys", "черновики/*")


def _refs(part: Any) -> set[str]:
    return set(re.findall(r"'Ref': '(\w+)'", str(part)))


def test_every_text_in_the_environment_has_a_longest_length() -> None:
    """So the test of the longest environment covers every text."""
    template = load()
    variables = template["Globals"]["Function"]["Environment"]["Variables"]
    variables |= template["Resources"]["SubmitPurge"]["Properties"]["Environment"]["Variables"]
    for name in _refs(variables) & PARAMETERS.keys():
        assert PARAMETERS[name].keys() & {"MaxLength", "MaxValue", "AllowedValues"}, name
