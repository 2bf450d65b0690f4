"""No role has an action that it does not need: without any one of them, a step fails."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.observer import LEASE, Accepted, Observer
from local.stack import Stack
from tests.e2e.polling import until
from tests.e2e.stack_control import clear_faults, inject_fault, reset_stack, without_ticks

Grant = tuple[str, str]
"""A role, by its name in the template, and an action."""

LOGS = "Lambda writes the function's log under its role"
POLLS = "the event source mapping works under the function's role; MiniStack polls without asking IAM"
# https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
DELIVERS = "Step Functions needs it to set up its logging"
STEPS = "TrackPurges does it, see test_template_security.py; MiniStack does not ask IAM about its steps"
UNSAYS = "used only after SNS refused an alert, which a step that is denied one action cannot show"
TICKS = "the schedule invokes the function; MiniStack does not ask IAM about it"

_REASONS = {
    LOGS: [
        ("SubmitPurgeRole", "logs", "CreateLogStream PutLogEvents"),
        ("CheckPurgesRole", "logs", "CreateLogStream PutLogEvents"),
    ],
    POLLS: [("SubmitPurgeRole", "sqs", "ReceiveMessage GetQueueAttributes")],
    DELIVERS: [
        ("TrackPurgesRole", "logs", "CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery"),
        ("TrackPurgesRole", "logs", "ListLogDeliveries PutResourcePolicy DescribeResourcePolicies"),
        ("TrackPurgesRole", "logs", "DescribeLogGroups"),
    ],
    STEPS: [("TrackPurgesRole", "lambda", "InvokeFunction")],
    UNSAYS: [("CheckPurgesRole", "dynamodb", "DeleteItem")],
    TICKS: [("SubmitPurgeTickRole", "lambda", "InvokeFunction")],
}
NOT_TESTABLE: dict[Grant, str] = {
    (role, f"{service}:{verb}"): reason
    for reason, grants in _REASONS.items()
    for role, service, verbs in grants
    for verb in verbs.split()
}
"""The actions that the embedded stack cannot show to be needed, and why they are."""


def _url(stack: Stack) -> str:
    return stack.url(f"least/{uuid.uuid4()}/privilege.jpg")


def _purge(stack: Stack) -> str:
    return _answer_and_log(stack, "SubmitPurge", {"urls": [_url(stack)]})


def _purge_with_a_stale_key(stack: Stack) -> str:
    inject_fault(stack, api="purge", kind="403")
    return _purge(stack)


def _purge_what_is_refused(stack: Stack) -> str:
    inject_fault(stack, api="purge", kind="wildcard-refused")
    return _answer_and_log(stack, "SubmitPurge", {"urls": [_url(stack) + "*"]})


def _change(stack: Stack, *, versions: bool) -> str:
    """Sends two old changes, which are planned after two seconds and a listing of the keys between them.

    The function is reconfigured first, because each process logs only once that it may not list.
    """
    name = stack.outputs["SubmitPurgeFunction"]
    stack.functions.update_function_configuration(FunctionName=name, Timeout=120)
    folder = f"least/{uuid.uuid4()}"
    records = [_record(stack, f"{folder}/{name}.jpg", versions=versions) for name in ("a", "b")]
    return _answer_and_log(stack, "SubmitPurge", {"Records": records})


def _record(stack: Stack, key: str, *, versions: bool = False) -> dict[str, Any]:
    """S3's record of a change of an hour ago: a new version, or a removal."""
    return {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put" if versions else "ObjectRemoved:Delete",
        "eventTime": f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000Z}",
        "s3": {
            "bucket": {"name": stack.bucket},
            "object": {"key": key} | ({"versionId": "v1"} if versions else {}),
        },
    }


def _malformed_message(stack: Stack) -> str:
    record = {"eventSource": "aws:sqs", "messageId": "1", "receiptHandle": "none", "body": "no event"}
    return _answer_and_log(stack, "SubmitPurge", {"Records": [record]})


def _message_with_a_change(stack: Stack) -> str:
    """Its drain has work to do, so the function deletes the message by itself."""
    body = json.dumps({"Records": [_record(stack, f"least/{uuid.uuid4()}/message.jpg")]})
    record = {"eventSource": "aws:sqs", "messageId": "1", "receiptHandle": "none", "body": body}
    return _answer_and_log(stack, "SubmitPurge", {"Records": [record]})


def _check(stack: Stack) -> str:
    """Checks a purge that is Completed."""
    _purge(stack)

    def completed() -> list[Accepted]:
        return [purge for purge in Observer(stack).accepted() if purge.completed_at]

    purge = until(completed, "a completed purge")[-1]
    asked = {"request_id": purge.request_id, "url": purge.url, "submitted_at": purge.accepted_at}
    return _answer_and_log(stack, "CheckPurges", {"purges": [asked | {"sample": None}]})


def _check_with_a_stale_key(stack: Stack) -> str:
    inject_fault(stack, api="status", kind="403")
    return _check(stack)


def _give_up(stack: Stack) -> str:
    """Gives up a late purge, with a cause that was not alerted yet."""
    late = {"request_id": "a" * 24, "url": _url(stack), "cause": str(uuid.uuid4()), "reason": "Pending"}
    why = {"execution": "none", "minutes": "15"}
    return _answer_and_log(stack, "CheckPurges", {"purges": [late], "give_up": why})


STEPS_BY_GRANT: dict[Grant, Callable[[Stack], str]] = {
    ("SubmitPurgeRole", "dynamodb:Query"): _purge,
    ("SubmitPurgeRole", "dynamodb:PutItem"): _purge,
    ("SubmitPurgeRole", "dynamodb:UpdateItem"): _purge,
    ("SubmitPurgeRole", "dynamodb:DeleteItem"): _purge,
    ("SubmitPurgeRole", "states:StartExecution"): _purge,
    ("SubmitPurgeRole", "secretsmanager:GetSecretValue"): _purge_with_a_stale_key,
    ("SubmitPurgeRole", "sns:Publish"): _purge_what_is_refused,
    ("SubmitPurgeRole", "sqs:ChangeMessageVisibility"): _malformed_message,
    ("SubmitPurgeRole", "sqs:DeleteMessage"): _message_with_a_change,
    ("SubmitPurgeRole", "s3:ListBucket"): lambda stack: _change(stack, versions=False),
    ("SubmitPurgeRole", "s3:ListBucketVersions"): lambda stack: _change(stack, versions=True),
    ("CheckPurgesRole", "dynamodb:UpdateItem"): _check,
    ("CheckPurgesRole", "dynamodb:PutItem"): _give_up,
    ("CheckPurgesRole", "sns:Publish"): _give_up,
    ("CheckPurgesRole", "secretsmanager:GetSecretValue"): _check_with_a_stale_key,
}
"""The actions that the embedded stack shows to be needed, each with a step that fails without it."""


@pytest.fixture(scope="module", autouse=True)
def undisturbed(stack: Stack) -> Iterator[None]:
    """Nothing else invokes the functions, because some steps reconfigure them."""
    with without_ticks(stack):
        reset_stack(stack)
        yield


@pytest.fixture(scope="module")
def roles(stack: Stack) -> dict[str, str]:
    """The name in IAM of every role of the deployed stack, by its name in the template."""
    resources = stack.cloudformation.list_stack_resources(StackName=stack.name)["StackResourceSummaries"]
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::IAM::Role"
    }


def test_every_action_of_every_role_is_needed(stack: Stack, roles: dict[str, str]) -> None:
    """Every granted action is needed by a step below, or has a reason above."""
    granted = {
        (role, action)
        for role, name in roles.items()
        for statement in _statements(stack, name)
        for action in _as_list(statement["Action"])
    }
    table = "\n".join(f"{role:<22}{action}" for role, action in sorted(granted))
    assert granted == STEPS_BY_GRANT.keys() | NOT_TESTABLE.keys(), table
    assert not STEPS_BY_GRANT.keys() & NOT_TESTABLE.keys()


def test_no_role_has_more_than_its_own_statements(stack: Stack, roles: dict[str, str]) -> None:
    """No role has a managed policy or a wildcard action, or a wildcard resource unless IAM needs it."""
    for role, name in roles.items():
        assert stack.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        for statement in _statements(stack, name):
            actions = _as_list(statement["Action"])
            assert not any("*" in action for action in actions), role
            for resource in _as_list(statement["Resource"]):
                if resource == "*":
                    assert all(NOT_TESTABLE.get((role, action)) == DELIVERS for action in actions), role
                else:
                    # Only the streams of one log group may be a wildcard.
                    assert "*" not in resource.removesuffix(":*" if "log-group" in resource else ""), role


@pytest.mark.parametrize(("role", "action"), STEPS_BY_GRANT, ids=lambda text: text)
def test_a_step_is_denied_the_action_that_its_role_lacks(
    stack: Stack, roles: dict[str, str], role: str, action: str
) -> None:
    """The step is denied exactly this action. So the action is needed, and IAM is enforced."""

    def denied() -> set[str]:
        clear_faults(stack)
        # A function or a tick that may not delete cannot release its lease either.
        stack.ledger.delete_item(TableName=stack.outputs["LedgerTable"], Key=LEASE)
        return _denied(STEPS_BY_GRANT[role, action](stack))

    with _without(stack, roles[role], action):
        until(denied, f"{action} denied", lambda actions: actions == {action})


def test_no_step_is_denied_anything_with_complete_roles(stack: Stack) -> None:
    """The same steps pass with the roles as deployed."""
    reset_stack(stack)
    for step in set(STEPS_BY_GRANT.values()):
        assert _denied(step(stack)) == set()


def _statements(stack: Stack, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for policy in stack.iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document: Any = stack.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        found += document["Statement"]
    return found


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@contextmanager
def _without(stack: Stack, role: str, action: str) -> Iterator[None]:
    [policy] = stack.iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole: Any = stack.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    stripped = [
        statement | {"Action": [each for each in _as_list(statement["Action"]) if each != action]}
        for statement in whole["Statement"]
        if _as_list(statement["Action"]) != [action]
    ]
    document = json.dumps(whole | {"Statement": stripped})
    stack.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=document)
    try:
        yield
    finally:
        stack.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))


def _answer_and_log(stack: Stack, function: str, event: dict[str, Any]) -> str:
    """Invokes a function. Returns its answer and its log."""
    name = stack.outputs[f"{function}Function"]
    answer = stack.functions.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode(errors="replace")
    return answer["Payload"].read().decode() + log


def _denied(text: str) -> set[str]:
    """Returns the actions that IAM denied."""
    return {part.split(maxsplit=1)[0] for part in text.split("is not authorized to perform: ")[1:]}
