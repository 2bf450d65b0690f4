"""The embedded stack deploys what ships, and refuses what AWS would refuse."""

import json
import re
import uuid

import pytest
from botocore.exceptions import ClientError

from local.session import redeploy
from local.stack import Stack
from tests.e2e.polling import until
from tests.e2e.stack_control import purged_urls, while_idle

DENIED = "AccessDenied"


def test_a_change_is_purged_and_tracked_to_its_end(stack: Stack) -> None:
    """A change passes through S3, the queue, the function, ImageKit and the state machine."""
    key = f"way/{uuid.uuid4()}.jpg"
    for body in (b"1", b"2"):  # the first put makes a new object, which needs no purge
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=body)
    until(lambda: purged_urls(stack), "the purge", lambda urls: f"{stack.url(key)}*" in urls)

    def followed() -> list[str]:
        """Returns the inputs of the executions that succeeded."""
        pages = stack.states.get_paginator("list_executions").paginate(
            stateMachineArn=stack.outputs["TrackPurgesArn"], statusFilter="SUCCEEDED"
        )
        done = [one["executionArn"] for page in pages for one in page["executions"]]
        return [stack.states.describe_execution(executionArn=arn)["input"] for arn in done]

    until(followed, "the end of its execution", lambda inputs: any(key in text for text in inputs))


def test_a_function_cannot_do_what_its_role_does_not_allow(stack: Stack) -> None:
    """The role as deployed does not allow calls that its function does not need."""
    session = _assume_role(stack, "CheckPurges")
    table, topic = stack.outputs["LedgerTable"], stack.outputs["AlertsTopicArn"]
    with pytest.raises(ClientError, match=DENIED):
        stack.client("dynamodb", **session).scan(TableName=table)
    with pytest.raises(ClientError, match=r"(?i)authorized"):
        stack.client("sns", **session).set_topic_attributes(
            TopicArn=topic, AttributeName="DisplayName", AttributeValue="not from here"
        )
    with pytest.raises(ClientError, match=DENIED):
        stack.client("s3", **session).get_object(Bucket=stack.bucket, Key="any.jpg")


def test_a_function_fails_without_the_policy_of_its_role(stack: Stack) -> None:
    """IAM is enforced for the functions' calls, so these tests find a missing permission."""
    function = stack.outputs["SubmitPurgeFunction"]
    role = stack.functions.get_function_configuration(FunctionName=function)["Role"].rpartition("/")[2]
    policy = stack.iam.get_role_policy(RoleName=role, PolicyName="SubmitPurge")["PolicyDocument"]
    with while_idle(stack):
        stack.iam.delete_role_policy(RoleName=role, PolicyName="SubmitPurge")
        try:
            answer = stack.functions.invoke(FunctionName=function, Payload=json.dumps({"tick": True}))
        finally:
            stack.iam.put_role_policy(
                RoleName=role, PolicyName="SubmitPurge", PolicyDocument=json.dumps(policy)
            )
    assert answer["FunctionError"]
    assert DENIED in answer["Payload"].read().decode()


def test_the_emulated_aws_listens_on_its_own_port_only(stack: Stack) -> None:
    """It does not listen on 443 too. A second stack on the same machine could not use that port."""
    log = (stack.workspace.logs / "ministack.log").read_text()
    assert set(re.findall(r"Running on (\S+)", log)) == {stack.endpoint}


def test_a_request_without_tls_is_denied(stack: Stack) -> None:
    """The queue's policy applies even to the account's root. The header of a proxy tells the protocol."""
    client = stack.client("sqs")
    client.meta.events.register(
        "before-send.sqs", lambda request, **_: request.headers.__setitem__("X-Forwarded-Proto", "http")
    )
    with pytest.raises(ClientError, match=r"(?i)denied|authorized"):
        client.send_message(QueueUrl=stack.outputs["ChangeQueueUrl"], MessageBody="{}")


def test_another_bucket_may_not_send_changes(stack: Stack) -> None:
    """The queue accepts only messages of the stack's own bucket."""
    queue = stack.sqs.get_queue_attributes(
        QueueUrl=stack.outputs["ChangeQueueUrl"], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    stack.s3.create_bucket(Bucket="foreign")
    with pytest.raises(ClientError, match="validate"):
        stack.s3.put_bucket_notification_configuration(
            Bucket="foreign",
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]
            },
        )


def test_changes_of_existing_buckets_come_by_an_event_rule(stack: Stack) -> None:
    """EventBridge delivers unencoded keys, here of one of two buckets, whose objects have URLs of many forms.

    The function may list the buckets of OriginBuckets, and no other one.
    """
    stack.s3.create_bucket(Bucket="existing-photos")
    stack.s3.put_bucket_notification_configuration(
        Bucket="existing-photos", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    beside = redeploy(
        stack,
        {
            "OriginBuckets": "more-photos,existing-photos",
            "UrlMap": f"existing-photos={stack.url_endpoint}",
            "ImageKitApiUrl": stack.imagekit,
            "ImageKitSecretArn": stack.outputs["ImageKitSecretArn"],
            "PathTransformations": "tr:w-300,h-300 image/upload/w_300",
            "SeoUrls": "true",
            "Dependents": "a?b*.jpg=/shop/all/*",
        },
        name="existing-buckets",
    )
    assert "OriginBucketName" not in beside.outputs
    function = stack.functions.get_function_configuration(FunctionName=beside.outputs["SubmitPurgeFunction"])
    assert function["Environment"]["Variables"]["SECOND_BUCKET"] == "existing-photos"
    stack.s3.put_object(Bucket="existing-photos", Key="a+b c.jpg", Body=b"1")
    plain = [f"{part}a+b%20c.jpg*" for part in ("", "tr:w-300,h-300/", "image/upload/w_300/")]
    seo = [f"ik-seo/{part}a+b%20c/*" for part in ("", "tr:w-300,h-300/")]
    wanted = {f"{stack.url_endpoint}/{path}" for path in (*plain, *seo, "shop/all/*")}
    until(lambda: purged_urls(stack), "the purges of every form", wanted.issubset)
    session = _assume_role(beside, "SubmitPurge")
    s3 = stack.client("s3", **session)
    assert s3.list_objects_v2(Bucket="existing-photos")["KeyCount"] == 1
    assert s3.list_object_versions(Bucket="existing-photos")["Versions"]
    with pytest.raises(ClientError, match=DENIED):
        s3.list_objects_v2(Bucket=stack.bucket)


OPTIONAL_PARTS = {
    "off": {"Dashboard": "false"},
    "on": {
        "Dashboard": "true",
        "AlertEmail": "ops@example.com",
        "SlackWorkspaceId": "T0123ABCD",
        "SlackChannelId": "C0123ABCD",
        "OriginBuckets": "existing-photos",
        "ForwardingAccounts": "111122223333",
        "Tracing": "Active",
        "KmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/01234567-89ab-cdef-0123-456789abcdef",
        "Deployment": "Linear10PercentEvery1Minute",
        "Release": "first",
        "PermissionsBoundaryArn": "arn:aws:iam::aws:policy/AdministratorAccess",
        "DryRun": "true",
    },
}


@pytest.mark.parametrize("parts", OPTIONAL_PARTS)
def test_the_template_deploys_with_every_optional_part_on_and_off(stack: Stack, parts: str) -> None:
    """The dashboard names the alarms that exist, by their ARNs.

    CloudFormation of MiniStack only notes the saved queries, the channel of Slack and what CodeDeploy has
    (local/aws/app.py), so this shows their conditions and references, but no query, no chat and no shift. It
    takes a permissions boundary and ignores it.
    """
    parameters = {"UrlMap": f"*={stack.url_endpoint}", "ImageKitApiUrl": stack.imagekit}
    beside = redeploy(stack, parameters | OPTIONAL_PARTS[parts], name=f"parts-{parts}")
    resources = stack.cloudformation.describe_stack_resources(StackName=beside.name)["StackResources"]
    types = {resource["ResourceType"] for resource in resources}
    assert "AWS::Logs::QueryDefinition" in types
    for optional in (
        "AWS::CloudWatch::Dashboard",
        "AWS::Chatbot::SlackChannelConfiguration",
        "AWS::Events::Rule",
        "AWS::SNS::Subscription",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Version",
    ):
        assert (optional in types) == (parts == "on"), optional
    cloudwatch = stack.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"{beside.name}-")["MetricAlarms"]
    assert len(alarms) == (10 if parts == "on" else 8)
    roles = {each["LogicalResourceId"] for each in resources if each["ResourceType"] == "AWS::IAM::Role"}
    assert ({"SubmitPurgeDeploymentRole", "AlertsInSlackRole"} <= roles) == (parts == "on")
    if parts == "on":
        body = json.loads(
            cloudwatch.get_dashboard(DashboardName=beside.outputs["DashboardName"])["DashboardBody"]
        )
        [shown] = [widget for widget in body["widgets"] if widget["type"] == "alarm"]
        assert set(shown["properties"]["alarms"]) == {alarm["AlarmArn"] for alarm in alarms}


def test_lambda_does_not_retry_a_failed_tick(stack: Stack) -> None:
    """The setting applies to the function version that the schedule invokes."""
    name = stack.outputs["SubmitPurgeFunction"]
    deployed = stack.functions.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    assert (deployed["MaximumRetryAttempts"], deployed["MaximumEventAgeInSeconds"]) == (0, 60)


def _assume_role(stack: Stack, function: str) -> dict[str, str]:
    """Returns credentials of a function's role. Only Lambda may assume it, so its trust policy is widened."""
    name = stack.outputs[f"{function}Function"]
    arn = stack.functions.get_function_configuration(FunctionName=name)["Role"]
    role = stack.iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    anyone = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    stack.iam.update_assume_role_policy(
        RoleName=role["RoleName"], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [anyone]})
    )
    got = stack.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": got["AccessKeyId"],
        "aws_secret_access_key": got["SecretAccessKey"],
        "aws_session_token": got["SessionToken"],
    }
