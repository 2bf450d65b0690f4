"""How the stack is deployed: at once or gradually, within a boundary, as a published application."""

import re
import tomllib
from typing import Any

import pytest

from tests.unit.cloudformation import PROJECT, load, under
from tests.unit.deployment import Deployment

ARN = "arn:aws:lambda:us-east-1:111122223333:function:purge-SubmitPurge"
NAMES = {
    "AWS::StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/purge/guid",
    "SubmitPurge": "purge-SubmitPurge",
    "SubmitPurge.Arn": ARN,
    "SubmitPurgeLive": f"{ARN}:Live",
}
GRADUAL = {"Deployment": "Canary10Percent30Minutes", "Release": "0123abc"}
PARTS = {
    "SubmitPurgeVersion",
    "SubmitPurgeLive",
    "SubmitPurgeDeployments",
    "SubmitPurgeDeploymentGroup",
    "SubmitPurgeDeploymentRole",
}


def _invoked(deployed: Deployment) -> dict[str, Any]:
    """What each invoker of SubmitPurge invokes."""
    [tick] = deployed.properties("SubmitPurgeTickRole")["Policies"][0]["PolicyDocument"]["Statement"]
    return {
        "events": deployed.properties("SubmitPurgeChanges")["FunctionName"],
        "schedule": deployed.properties("SubmitPurgeTick")["Target"]["Arn"],
        "what the schedule may invoke": tick["Resource"],
    }


def test_by_default_nothing_of_a_gradual_deployment_is_there() -> None:
    """Events reach the function itself, and so a setting takes effect with every deployment."""
    resources = load()["Resources"]
    assert {name for name, each in resources.items() if each.get("Condition") == "Gradual"} == PARTS
    deployed = Deployment({}, NAMES)
    assert not deployed.evaluated(load()["Conditions"]["Gradual"])
    assert set(_invoked(deployed).values()) == {ARN}
    assert deployed.properties("SubmitPurgeEventInvokeConfig")["Qualifier"] == "$LATEST"
    assert deployed.properties("SubmitPurgeErrorsAlarm")["DatapointsToAlarm"] == 3


def test_in_a_gradual_deployment_every_event_reaches_the_alias() -> None:
    """Otherwise a new version would get all ticks at once. A failed tick is not tried again there either."""
    deployed = Deployment(GRADUAL, NAMES)
    assert set(_invoked(deployed).values()) == {f"{ARN}:Live"}
    assert deployed.properties("SubmitPurgeEventInvokeConfig")["Qualifier"] == "Live"
    assert deployed.properties("SubmitPurgeLive")["Name"] == "Live"
    output = load()["Outputs"]["SubmitPurgeFunction"]["Value"]
    assert deployed.evaluated(under(output, Gradual=True)) == f"{ARN}:Live"


def test_another_release_is_another_version() -> None:
    """CloudFormation replaces a version if its description changes. Lambda makes none of an unchanged
    function, so the release is in the function's description as well."""
    for release in ("one", "two"):
        deployed = Deployment(GRADUAL | {"Release": release}, NAMES)
        assert deployed.properties("SubmitPurgeVersion")["Description"] == release
        assert deployed.properties("SubmitPurge")["Description"].endswith(release)


def test_a_gradual_deployment_without_a_release_is_refused() -> None:
    """It would change nothing that runs."""
    rule = load()["Rules"]["GradualNeedsRelease"]
    [assertion] = rule["Assertions"]
    for given, fine in (({}, True), (GRADUAL, True), (GRADUAL | {"Release": ""}, False)):
        deployed = Deployment(given)
        refused = deployed.evaluated(rule["RuleCondition"]) and not deployed.evaluated(assertion["Assert"])
        assert refused != fine


def test_an_alarm_of_the_new_version_takes_it_back() -> None:
    """One failed minute is enough, as a tenth of the events may be one tick. The alarms are those that a bad
    version sets off: one that rings for another reason would stop the deployment that puts it right."""
    deployed = Deployment(GRADUAL, NAMES | {name: name for name in load()["Resources"]})
    group = deployed.properties("SubmitPurgeDeploymentGroup")
    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent30Minutes"
    names = [alarm["Name"] for alarm in group["AlarmConfiguration"]["Alarms"]]
    assert names == ["SubmitPurgeErrorsAlarm", "ChangesNotKeptAlarm"]
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
    assert deployed.properties("SubmitPurgeErrorsAlarm")["DatapointsToAlarm"] == 1
    policy = load()["Resources"]["SubmitPurgeLive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert policy == {
        "ApplicationName": {"Ref": "SubmitPurgeDeployments"},
        "DeploymentGroupName": {"Ref": "SubmitPurgeDeploymentGroup"},
    }


def test_every_way_to_deploy_is_one_that_codedeploy_has() -> None:
    """See https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html."""
    [default, *others] = load()["Parameters"]["Deployment"]["AllowedValues"]
    assert default == load()["Parameters"]["Deployment"]["Default"] == "AllAtOnce"
    minutes = r"Canary10Percent(5|10|15|30)Minutes|Linear10PercentEvery(1|2|3|10)Minutes?"
    assert all(re.fullmatch(minutes, each) for each in others)


@pytest.mark.parametrize("template", ["template.yaml", "forwarding/template.yaml"])
def test_the_boundary_bounds_every_role(template: str) -> None:
    """The template writes every role itself: one that SAM adds would have no boundary."""
    resources = load(template)["Resources"]
    roles = [each for each in resources.values() if each["Type"] == "AWS::IAM::Role"]
    assert roles
    for role in roles:
        assert role["Properties"]["PermissionsBoundary"] == {
            "Fn::If": ["Bounded", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]
        }
    for each in resources.values():
        if each["Type"].startswith("AWS::Serverless::"):
            assert "Role" in each["Properties"]
            assert "Events" not in each["Properties"]


def test_what_is_published_has_one_version() -> None:
    """That of pyproject.toml, and of the latest section of the changelog. It is semantic: https://semver.org"""
    published = load()["Metadata"]["AWS::ServerlessRepo::Application"]
    version = published["SemanticVersion"]
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    latest = re.findall(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert {version, project["version"], latest} == {version}
    assert (published["SpdxLicenseId"], published["Name"]) == (project["license"], project["name"])


def test_the_application_can_be_published() -> None:
    """The lengths and letters that the repository takes, and files that exist. See
    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-publishing-applications-metadata-properties.html
    """
    published = load()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,140}", published["Name"])
    assert 1 <= len(published["Description"]) <= 256
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", published["Author"])
    assert len(published["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in published["Labels"])
    assert all((PROJECT / published[name]).is_file() for name in ("LicenseUrl", "ReadmeUrl"))
