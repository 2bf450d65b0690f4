"""Who may reach which part of the stack, and which key encrypts it: the embedded stack enforces neither."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.unit.cloudformation import PROJECT, load, under
from tests.unit.deployment import Deployment

KEY = {"Ref": "KmsKeyArn"}
SERVICES = {
    "SubmitPurgeRole": "lambda.amazonaws.com",
    "CheckPurgesRole": "lambda.amazonaws.com",
    "TrackPurgesRole": "states.amazonaws.com",
    "AlertsInSlackRole": "chatbot.amazonaws.com",
    "SubmitPurgeTickRole": "scheduler.amazonaws.com",
    "SubmitPurgeDeploymentRole": "codedeploy.amazonaws.com",
}
TLS = {"Bool": {"aws:SecureTransport": "false"}}


def _resources(kind: str, *, own_bucket: bool = True, own_key: bool = False) -> dict[str, Any]:
    """The properties of all resources of a kind, if the operator chooses these options."""
    template = load()
    choice = {
        "OwnBucket": own_bucket,
        "ExistingBuckets": not own_bucket,
        "OtherAccounts": True,
        "OwnSecret": True,
        "OwnKey": own_key,
        "Traced": True,
        "SendEmail": False,
        "SendChat": True,
        "ShowDashboard": True,
        "AtOnce": True,
        "Gradual": True,
        "Bounded": False,
        "OnlyPlans": False,
    }
    assert choice.keys() == template["Conditions"].keys()
    return {
        name: under(resource["Properties"], **choice)
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind and choice.get(resource.get("Condition"), True)
    }


def _statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = resource["PolicyDocument"]["Statement"]
    return found


def _granted(role: dict[str, Any]) -> dict[str, tuple[list[str], Any]]:
    """Actions and resource of each statement of a role, under the name of the statement."""
    return {
        statement["Sid"]: (_listed(statement["Action"]), statement["Resource"])
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_an_operators_key_encrypts_everything_at_rest() -> None:
    """One parameter sets the key of every resource."""
    for queue in _resources("AWS::SQS::Queue", own_key=True).values():
        assert queue["KmsMasterKeyId"] == KEY
        assert "SqsManagedSseEnabled" not in queue  # SQS refuses both settings together
    table = _resources("AWS::DynamoDB::Table", own_key=True)["Ledger"]
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert _resources("AWS::SNS::Topic", own_key=True)["Alerts"]["KmsMasterKeyId"] == KEY
    assert _resources("AWS::SecretsManager::Secret", own_key=True)["ImageKitSecret"]["KmsKeyId"] == KEY
    logs = _resources("AWS::Logs::LogGroup", own_key=True)
    assert len(logs) == 3
    assert all(group["KmsKeyId"] == KEY for group in logs.values())
    assert under(load()["Globals"]["Function"], OwnKey=True, OwnSecret=True)["KmsKeyArn"] == KEY


def test_without_an_operators_key_everything_is_encrypted_too() -> None:
    """SQS encrypts the queues, AWS's managed key the table, and S3's own key the bucket."""
    queues = _resources("AWS::SQS::Queue")
    assert len(queues) == 2
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    table = _resources("AWS::DynamoDB::Table")["Ledger"]
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    [rule] = _resources("AWS::S3::Bucket")["OriginBucket"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


@pytest.mark.parametrize("role", ["SubmitPurgeRole", "CheckPurgesRole"])
def test_roles_may_use_the_operators_key_only_if_there_is_one(role: str) -> None:
    """The roles may use that key for the two actions that the services need, and no other key."""
    assert "UseTheKey" not in _granted(_resources("AWS::IAM::Role")[role])
    actions, resource = _granted(_resources("AWS::IAM::Role", own_key=True)[role])["UseTheKey"]
    assert set(actions) <= {"kms:Decrypt", "kms:GenerateDataKey"}
    assert resource == KEY


@pytest.mark.parametrize("own_bucket", [True, False])
@pytest.mark.parametrize("policy", ["ChangeQueuePolicy", "ChangeDeadLettersPolicy"])
def test_a_queue_takes_messages_of_the_stacks_own_source_only(policy: str, *, own_bucket: bool) -> None:
    """One service may send, for one bucket or rule of this account. A bucket of another account cannot."""
    statements = _statements(_resources("AWS::SQS::QueuePolicy", own_bucket=own_bucket)[policy])
    senders = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert len(senders) == (policy == "ChangeQueuePolicy" or not own_bucket)
    for sender in senders:
        assert sender["Action"] == "sqs:SendMessage"
        assert sender["Principal"] == {
            "Service": "s3.amazonaws.com" if own_bucket else "events.amazonaws.com"
        }
        assert sender["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        source = sender["Condition"]["ArnEquals"]["aws:SourceArn"]
        if own_bucket:
            name = _resources("AWS::S3::Bucket")["OriginBucket"]["BucketName"]["Fn::Sub"]
            assert source == {"Fn::Sub": ["arn:${AWS::Partition}:s3:::" + name[0], name[1]]}
        else:
            assert source == {"Fn::GetAtt": ["OriginBucketsRule", "Arn"]}


def test_other_accounts_may_send_what_s3_says_of_objects_and_nothing_else() -> None:
    """All rules share the bus, and a forwarding account cannot send events of other services to it."""
    policies = _resources("AWS::Events::EventBusPolicy")
    [statement] = [policy["Statement"] for policy in policies.values()]
    assert load()["Resources"]["ForwardingAccountsPolicy"]["Condition"] == "OtherAccounts"
    assert statement["Principal"] == {"AWS": {"Fn::Split": [",", {"Ref": "ForwardingAccounts"}]}}
    assert statement["Action"] == "events:PutEvents"
    pattern = _resources("AWS::Events::Rule", own_bucket=False)["OriginBucketsRule"]["EventPattern"]
    assert [statement["Condition"]["StringEquals"]["events:source"]] == pattern["source"]
    assert statement["Condition"]["StringEquals"]["events:detail-type"] == pattern["detail-type"]


@pytest.mark.parametrize(
    ("kind", "count"),
    [("AWS::SQS::QueuePolicy", 2), ("AWS::SNS::TopicPolicy", 1), ("AWS::S3::BucketPolicy", 1)],
)
def test_requests_without_tls_are_denied(kind: str, count: int) -> None:
    """The policies deny them to everybody, even to the root of the account."""
    policies = _resources(kind)
    assert len(policies) == count
    for policy in policies.values():
        [deny] = [statement for statement in _statements(policy) if statement["Effect"] == "Deny"]
        assert (deny["Principal"], deny["Condition"]) == ("*", TLS)


def test_the_own_bucket_is_closed_to_the_public() -> None:
    """No policy and no access list can open it."""
    block = _resources("AWS::S3::Bucket")["OriginBucket"]["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    assert len(block) == 4


def test_every_log_group_forgets() -> None:
    """The parameter says how long the logs of both functions and of the state machine are kept."""
    logs = _resources("AWS::Logs::LogGroup")
    assert logs.keys() == {"SubmitPurgeLogs", "CheckPurgesLogs", "TrackPurgesLogs"}
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in logs.values())


@pytest.mark.parametrize(("role", "service"), SERVICES.items())
def test_a_role_is_for_its_service_alone(role: str, service: str) -> None:
    """No other service and no user can assume it."""
    properties = _resources("AWS::IAM::Role")[role]
    [trust] = properties["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": service}, "sts:AssumeRole")
    assert "ManagedPolicyArns" not in properties


def test_track_purges_may_do_what_its_tasks_do() -> None:
    """Each task makes one call on one resource. The rest of the role is for logs and traces."""
    machine = json.loads((PROJECT / "statemachine" / "track_purges.asl.json").read_text())
    tasks = {
        state["Resource"].rpartition(":::")[2]
        for state in machine["States"].values()
        if state["Type"] == "Task"
    }
    assert tasks == {"lambda:invoke"}
    granted = _granted(_resources("AWS::IAM::Role")["TrackPurgesRole"])
    assert granted.keys() == {"Check", "DeliverLogs", "Trace"}
    assert granted["Check"] == (["lambda:InvokeFunction"], {"Fn::GetAtt": ["CheckPurges", "Arn"]})


def test_nobody_can_do_anything_from_the_chat() -> None:
    """Its role has no policy, and the guardrail is not the default, which is AdministratorAccess."""
    [channel] = _resources("AWS::Chatbot::SlackChannelConfiguration").values()
    assert channel["IamRoleArn"] == {"Fn::GetAtt": ["AlertsInSlackRole", "Arn"]}
    assert channel["SnsTopicArns"] == [{"Ref": "Alerts"}]
    [guardrail] = channel["GuardrailPolicies"]
    assert guardrail["Fn::Sub"].endswith(":policy/CloudWatchReadOnlyAccess")
    role = _resources("AWS::IAM::Role")["AlertsInSlackRole"]
    assert role.keys() == {"AssumeRolePolicyDocument"}


def test_submit_purge_may_delete_and_return_messages_itself() -> None:
    """It deletes messages whose changes are in the ledger, and returns the others within seconds.

    It may do so for no other queue.
    """
    actions, resource = _granted(_resources("AWS::IAM::Role")["SubmitPurgeRole"])["TakeChanges"]
    assert {"sqs:DeleteMessage", "sqs:ChangeMessageVisibility"} <= set(actions)
    assert resource == {"Fn::GetAtt": ["ChangeQueue", "Arn"]}


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov", "aws-eusc"])
def test_existing_buckets_may_be_listed_in_any_partition(partition: str) -> None:
    """Each bucket has its own ARN, which also holds in China and GovCloud, and no other bucket matches it."""
    deployed = Deployment({"OriginBuckets": "photos,my.other-bucket"}, {"AWS::Partition": partition})
    actions, allowed = _granted(deployed.properties("SubmitPurgeRole"))["SeeTheNeighbours"]
    assert set(actions) == {"s3:ListBucket", "s3:ListBucketVersions"}
    buckets = ["photos", "my.other-bucket", "photos2", "my-other-bucket", "my.other-bucket/key"]
    assert [
        bucket
        for bucket in buckets
        if any(fnmatchcase(f"arn:{partition}:s3:::{bucket}", pattern) for pattern in allowed)
    ] == ["photos", "my.other-bucket"]


def test_no_arn_names_a_partition() -> None:
    """IAM refuses an ARN of another partition, and a state machine would not find its task."""
    for path in ("template.yaml", "statemachine/track_purges.asl.json"):
        assert not re.findall(r"arn:aws(?!\[a-z-\]\*)[^\s]*", (PROJECT / path).read_text()), path


def test_the_documented_boundary_allows_what_the_roles_do() -> None:
    """Within it the stack works, whatever it is deployed with."""
    section = (PROJECT / "docs" / "security.md").read_text().partition("## A permissions boundary")[2]
    [statement] = json.loads(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0])["Statement"]
    needed = {
        action
        for role in _resources("AWS::IAM::Role", own_key=True).values()
        for actions, _ in (_granted(role).values() if "Policies" in role else ())
        for action in actions
    }
    assert set(statement["Action"]) == needed


def _documented_key_policy() -> list[dict[str, Any]]:
    """The statements of the key policy in docs/operations.md."""
    section = (PROJECT / "docs" / "operations.md").read_text().partition("## A key of your own")[2]
    statements: list[dict[str, Any]] = json.loads(re.findall(r"```json\n(.*?)```", section, re.DOTALL)[0])
    return statements


def test_the_documented_key_policy_promises_what_aws_does() -> None:
    """EventBridge may use the key without a condition, because AWS promises no source account or ARN there.

    See "My events are not delivered to the target Amazon SQS queue":
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html#eb-sqs-encrypted. Every
    other service may use the key only for this account.
    """
    by_service = {
        service: statement
        for statement in _documented_key_policy()
        for service in _listed(statement["Principal"]["Service"])
    }
    assert by_service.keys() == {
        "events.amazonaws.com",
        "s3.amazonaws.com",
        "cloudwatch.amazonaws.com",
        "logs.REGION.amazonaws.com",
    }
    rule = by_service.pop("events.amazonaws.com")
    assert rule["Principal"] == {"Service": "events.amazonaws.com"}
    assert set(rule["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert "Condition" not in rule
    assert all("ACCOUNT" in str(statement["Condition"]) for statement in by_service.values())
    assert "arn:aws:" not in str(by_service)


def test_every_finding_that_stays_has_its_reason_beside_it() -> None:
    """Only the template tells Checkov to skip a check, and it says why."""
    skips = [
        skip
        for resource in load()["Resources"].values()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    assert skips
    assert all(len(skip["comment"]) > 20 for skip in skips)
    assert not list(PROJECT.glob(".checkov*"))
