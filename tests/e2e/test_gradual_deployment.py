"""A stack whose deployments are gradual. MiniStack has no CodeDeploy, so its alias moves at once."""

import json
import uuid
from typing import Any

from local.session import redeploy
from local.stack import Stack
from tests.e2e.polling import until
from tests.e2e.stack_control import purged_urls


def _deploy(stack: Stack, release: str, **parameters: str) -> Stack:
    given = {
        "UrlMap": f"*={stack.url_endpoint}",
        "ImageKitApiUrl": stack.imagekit,
        "ImageKitSecretArn": stack.outputs["ImageKitSecretArn"],
        "Deployment": "Canary10Percent30Minutes",
        "Release": release,
    }
    return redeploy(stack, given | parameters, name="gradual")


def _live(stack: Stack, function: str) -> dict[str, Any]:
    """The configuration of the version that events reach."""
    return {**stack.functions.get_function_configuration(FunctionName=function)}


def test_events_reach_the_released_version(stack: Stack) -> None:
    """The queue and the schedule invoke the alias. A change passes through to its purge. A setting takes
    effect with another release, though the code is the same. Without alias, all reach the function again."""
    beside = _deploy(stack, "one")
    alias = beside.outputs["SubmitPurgeFunction"]
    assert alias.endswith(":Live")
    first = _live(stack, alias)
    assert first["Version"] != "$LATEST"

    [mapping] = stack.functions.list_event_source_mappings(FunctionName=alias)["EventSourceMappings"]
    assert mapping["FunctionArn"] == alias
    tick = stack.cloudformation.describe_stack_resource(
        StackName=beside.name, LogicalResourceId="SubmitPurgeTick"
    )["StackResourceDetail"]["PhysicalResourceId"]
    assert stack.client("scheduler").get_schedule(Name=tick)["Target"]["Arn"] == alias
    function, _, name = alias.rpartition(":")
    invoked = stack.functions.get_function_event_invoke_config(FunctionName=function, Qualifier=name)
    assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (0, 60)

    bucket, key = beside.outputs["OriginBucketName"], f"gradual/{uuid.uuid4()}.jpg"
    for body in (b"1", b"2"):
        stack.s3.put_object(Bucket=bucket, Key=key, Body=body)
    until(lambda: purged_urls(stack), "the purge", lambda urls: f"{stack.url(key)}*" in urls)

    _deploy(stack, "one", MonthlyPurgeQuota="500")
    assert _live(stack, alias)["Environment"]["Variables"]["MONTHLY_PURGE_QUOTA"] == "1000"
    _deploy(stack, "two", MonthlyPurgeQuota="500")
    second = _live(stack, alias)
    assert second["Environment"]["Variables"]["MONTHLY_PURGE_QUOTA"] == "500"
    assert second["Version"] != first["Version"]
    answer = stack.functions.invoke(FunctionName=alias, Payload=json.dumps({"status": True}))
    assert json.loads(answer["Payload"].read())["quota"]["monthly"] == 500

    back = _deploy(stack, "two", Deployment="AllAtOnce")
    assert back.outputs["SubmitPurgeFunction"] == function.rpartition(":")[2]
    [mapping] = stack.functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    assert mapping["FunctionArn"] == function
    assert stack.client("scheduler").get_schedule(Name=tick)["Target"]["Arn"] == function
    assert stack.functions.list_aliases(FunctionName=function)["Aliases"] == []
