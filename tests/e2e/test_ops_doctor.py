"""`python -m ops doctor` on the embedded stack, by a user who has only the permissions of docs/doctor.md."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local import environment
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.stack_control import empty_edge


@pytest.fixture
def user(stack: Stack) -> Iterator[str]:
    """A user without permissions; the doctor runs with its access key."""
    name = f"doctor-{uuid.uuid4()}"
    stack.iam.create_user(UserName=name)
    yield name
    for policy in stack.iam.list_user_policies(UserName=name)["PolicyNames"]:
        stack.iam.delete_user_policy(UserName=name, PolicyName=policy)
    for key in stack.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        stack.iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    stack.iam.delete_user(UserName=name)


def _policy(stack: Stack) -> dict[str, Any]:
    """The policy of the document, for this stack."""
    [text] = re.findall(r"```json\n(.*?)```", (PROJECT / "docs" / "doctor.md").read_text(), re.DOTALL)
    values = {
        "REGION": environment.REGION,
        "ACCOUNT": "000000000000",
        "STACK": stack.name,
        "SECRET_ARN": stack.outputs["ImageKitSecretArn"],
        "BUCKET": stack.bucket,
    }
    policy: dict[str, Any] = json.loads(re.sub("|".join(values), lambda word: values[word[0]], text))
    return policy


def _doctor(stack: Stack, key: dict[str, str], *words: str) -> tuple[int, str, str]:
    """Returns exit status, output and errors."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and words of this file
        [sys.executable, "-m", "ops", "doctor", "--stack-name", stack.name, *words],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"]} | environment.aws(stack.endpoint, stack.certificate) | key,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def _key(stack: Stack, user: str) -> dict[str, str]:
    made = stack.iam.create_access_key(UserName=user)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}


def test_the_documented_policy_is_enough_and_each_action_is_needed(stack: Stack, user: str) -> None:
    """With it, all is well but for the stack's key, which is a standard one. Without one of its actions, the
    doctor says so, and names the action."""
    empty_edge(stack)  # the account's analytics show no 404 of other tests
    policy, key = _policy(stack), _key(stack, user)

    def allowed(statements: list[dict[str, Any]]) -> tuple[int, str]:
        document = json.dumps(policy | {"Statement": statements})
        stack.iam.put_user_policy(UserName=user, PolicyName="doctor", PolicyDocument=document)
        status, output, errors = _doctor(stack, key)
        return status, output + errors

    status, output = allowed(policy["Statement"])
    assert (status, f"UrlMap=*={stack.url_endpoint}" in output) == (0, True), output
    assert f"shows s3://{stack.bucket}/" in output
    assert "sends its events to a queue" in output
    assert "0 to mend, 0 unseen, 1 piece of advice" in output
    for number, statement in enumerate(policy["Statement"]):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            others = [each for each in actions if each != action]
            less = [*policy["Statement"]]
            less[number : number + 1] = [statement | {"Action": others}] if others else []
            status, output = allowed(less)
            assert (status, action in output) == (2 if "DescribeStacks" in action else 1, True), output


def test_the_usage_of_the_edge_is_seen(stack: Stack) -> None:
    """404s that the CDN answered, as the root user of the emulated account sees them. The stack's own
    freshness check never asks so often for one URL."""
    missing = stack.url(f"gone/{uuid.uuid4()}.jpg")
    for _ in range(6):
        assert requests.get(missing, timeout=60).status_code == 404
    status, output, errors = _doctor(stack, {}, "--json")
    assert status == 0, output + errors
    assert any("404" in each["what"] for each in json.loads(output)["findings"])
