"""What each role may do, and that none of it is too much: a role stripped of one action fails."""

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
TRACES = "Lambda and Step Functions write traces under the role; the embedded stack has no X-Ray"
POLLS = "the event source mapping works under the function's role; MiniStack polls without asking IAM"
DELIVERS = "Step Functions asks for it when logging is set up (developer guide, CloudWatch Logs)"
STEPS = "TrackPurges does it, see test_template_security.py; MiniStack does not ask IAM about its steps"
UNSAYS = "only after SNS refused an alert, which a step that is denied one action cannot show"
TICKS = "the schedule invokes the function; MiniStack does not ask IAM about it"

_REASONS = {
    LOGS: [
        ("SubmitPurgeRole", "logs", "CreateLogStream PutLogEvents"),
        ("CheckPurgesRole", "logs", "CreateLogStream PutLogEvents"),
    ],
    TRACES: [
        ("SubmitPurgeRole", "xray", "PutTraceSegments PutTelemetryRecords"),
        ("CheckPurgesRole", "xray", "PutTraceSegments PutTelemetryRecords"),
        (
            *("TrackPurgesRole", "xray"),
            "PutTraceSegments PutTelemetryRecords GetSamplingRules GetSamplingTargets",
        ),
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
UNASKED: dict[Grant, str] = {
    (role, f"{service}:{verb}"): reason
    for reason, grants in _REASONS.items()
    for role, service, verbs in grants
    for verb in verbs.split()
}
"""What the embedded stack cannot show to be needed, and why it is."""


def _url(stack: Stack) -> str:
    return stack.url(f"least/{uuid.uuid4()}/privilege.jpg")


def _purge(stack: Stack) -> str:
    return _said(stack, "SubmitPurge", {"urls": [_url(stack)]})


def _purge_with_a_stale_key(stack: Stack) -> str:
    inject_fault(stack, api="purge", kind="403")
    return _purge(stack)


def _purge_what_is_refused(stack: Stack) -> str:
    inject_fault(stack, api="purge", kind="wildcard-refused")
    return _said(stack, "SubmitPurge", {"urls": [_url(stack) + "*"]})


def _change(stack: Stack, *, versions: bool) -> str:
    """Two changes of old: nothing to gather, so they are planned at once, with a look at what lies between.

    By a new process: each says but once that it may not look.
    """
    name = stack.outputs["SubmitPurgeFunction"]
    stack.functions.update_function_configuration(FunctionName=name, Timeout=120)
    at = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%S.000Z}"
    folder = f"least/{uuid.uuid4()}"
    event = "ObjectCreated:Put" if versions else "ObjectRemoved:Delete"
    records = [
        {
            "eventSource": "aws:s3",
            "eventName": event,
            "eventTime": at,
            "s3": {
                "bucket": {"name": stack.bucket},
                "object": {"key": f"{folder}/{name}.jpg"} | ({"versionId": "v1"} if versions else {}),
            },
        }
        for name in ("a", "b")
    ]
    return _said(stack, "SubmitPurge", {"Records": records})


def _malformed_message(stack: Stack) -> str:
    record = {"eventSource": "aws:sqs", "messageId": "1", "receiptHandle": "none", "body": "no event"}
    return _said(stack, "SubmitPurge", {"Records": [record]})


def _understood_message(stack: Stack) -> str:
    test = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": stack.bucket})
    record = {"eventSource": "aws:sqs", "messageId": "1", "receiptHandle": "none", "body": test}
    return _said(stack, "SubmitPurge", {"Records": [record]})


def _check(stack: Stack) -> str:
    """Ask for a purge that is Completed."""
    _purge(stack)

    def completed() -> list[Accepted]:
        return [purge for purge in Observer(stack).accepted() if purge.completed_at]

    purge = until(completed, "a completed purge")[-1]
    asked = {"request_id": purge.request_id, "url": purge.url, "submitted_at": purge.accepted_at}
    return _said(stack, "CheckPurges", {"purges": [asked | {"sample": None}]})


def _check_with_a_stale_key(stack: Stack) -> str:
    inject_fault(stack, api="status", kind="403")
    return _check(stack)


def _give_up(stack: Stack) -> str:
    """Alert a purge that is late for a cause that nobody alerted yet."""
    late = {"request_id": "a" * 24, "url": _url(stack), "cause": str(uuid.uuid4()), "reason": "Pending"}
    why = {"execution": "none", "minutes": "15"}
    return _said(stack, "CheckPurges", {"purges": [late], "give_up": why})


SHOWN: dict[Grant, Callable[[Stack], str]] = {
    ("SubmitPurgeRole", "dynamodb:Query"): _purge,
    ("SubmitPurgeRole", "dynamodb:PutItem"): _purge,
    ("SubmitPurgeRole", "dynamodb:UpdateItem"): _purge,
    ("SubmitPurgeRole", "dynamodb:DeleteItem"): _purge,
    ("SubmitPurgeRole", "states:StartExecution"): _purge,
    ("SubmitPurgeRole", "secretsmanager:GetSecretValue"): _purge_with_a_stale_key,
    ("SubmitPurgeRole", "sns:Publish"): _purge_what_is_refused,
    ("SubmitPurgeRole", "sqs:ChangeMessageVisibility"): _malformed_message,
    ("SubmitPurgeRole", "sqs:DeleteMessage"): _understood_message,
    ("SubmitPurgeRole", "s3:ListBucket"): lambda stack: _change(stack, versions=False),
    ("SubmitPurgeRole", "s3:ListBucketVersions"): lambda stack: _change(stack, versions=True),
    ("CheckPurgesRole", "dynamodb:UpdateItem"): _check,
    ("CheckPurgesRole", "dynamodb:PutItem"): _give_up,
    ("CheckPurgesRole", "sns:Publish"): _give_up,
    ("CheckPurgesRole", "secretsmanager:GetSecretValue"): _check_with_a_stale_key,
}
"""What the embedded stack shows to be needed: the step that fails without it."""


@pytest.fixture(scope="module", autouse=True)
def by_ourselves(stack: Stack) -> Iterator[None]:
    """Nobody else invokes the functions, which some steps need anew."""
    with without_ticks(stack):
        reset_stack(stack)
        yield


@pytest.fixture(scope="module")
def roles(stack: Stack) -> dict[str, str]:
    """Every role of the deployed stack: its name in the template, and its name in IAM."""
    resources = stack.cloudformation.list_stack_resources(StackName=stack.name)["StackResourceSummaries"]
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == "AWS::IAM::Role"
    }


def test_every_action_of_every_role_is_needed(stack: Stack, roles: dict[str, str]) -> None:
    """A permission that no step below asks for, and that has no reason either, is one too many."""
    granted = {
        (role, action)
        for role, name in roles.items()
        for statement in _statements(stack, name)
        for action in _listed(statement["Action"])
    }
    table = "\n".join(f"{role:<22}{action}" for role, action in sorted(granted))
    assert granted == SHOWN.keys() | UNASKED.keys(), table
    assert not SHOWN.keys() & UNASKED.keys()


def test_no_role_has_more_than_its_own_statements(stack: Stack, roles: dict[str, str]) -> None:
    """No managed policy, no wildcard among the actions; among the resources only where IAM knows no other."""
    for role, name in roles.items():
        assert stack.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        for statement in _statements(stack, name):
            actions = _listed(statement["Action"])
            assert not any("*" in action for action in actions), role
            for resource in _listed(statement["Resource"]):
                if resource == "*":
                    assert all(UNASKED.get((role, action)) in {TRACES, DELIVERS} for action in actions), role
                else:
                    # The streams of one log group are all that may stand open.
                    assert "*" not in resource.removesuffix(":*" if "log-group" in resource else ""), role


@pytest.mark.parametrize(("role", "action"), SHOWN, ids=lambda text: text)
def test_a_role_stripped_of_one_action_fails_where_it_should(
    stack: Stack, roles: dict[str, str], role: str, action: str
) -> None:
    """Without it the step is denied just this action; so it is needed, and IAM was asked."""

    def denied() -> set[str]:
        clear_faults(stack)
        # A function, or a tick, that may not delete could not give its lease back either.
        stack.ledger.delete_item(TableName=stack.outputs["LedgerTable"], Key=LEASE)
        return _denied(SHOWN[role, action](stack))

    with _without(stack, roles[role], action):
        until(denied, f"{action} denied", lambda actions: actions == {action})


def test_whole_roles_are_denied_nothing(stack: Stack) -> None:
    """The same steps, with the roles as deployed."""
    reset_stack(stack)
    for step in set(SHOWN.values()):
        assert _denied(step(stack)) == set()


def _statements(stack: Stack, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for policy in stack.iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document: Any = stack.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        found += document["Statement"]
    return found


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@contextmanager
def _without(stack: Stack, role: str, action: str) -> Iterator[None]:
    [policy] = stack.iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole: Any = stack.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    stripped = [
        statement | {"Action": [each for each in _listed(statement["Action"]) if each != action]}
        for statement in whole["Statement"]
        if _listed(statement["Action"]) != [action]
    ]
    document = json.dumps(whole | {"Statement": stripped})
    stack.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=document)
    try:
        yield
    finally:
        stack.iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))


def _said(stack: Stack, function: str, event: dict[str, Any]) -> str:
    """What a function answered and logged."""
    name = stack.outputs[f"{function}Function"]
    answer = stack.functions.invoke(FunctionName=name, Payload=json.dumps(event), LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode(errors="replace")
    return answer["Payload"].read().decode() + log


def _denied(text: str) -> set[str]:
    """The actions that IAM refused."""
    return {part.split(maxsplit=1)[0] for part in text.split("is not authorized to perform: ")[1:]}
