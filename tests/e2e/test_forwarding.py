"""The steps of docs/forwarding.md on the embedded stack, with a bucket in another region.

MiniStack drops events that a rule sends to a bus of another region, and only S3 may put its events on a bus.
So the test carries the events across regions itself. A second target of the forwarder's rule, in the bucket's
region, receives the events. The test checks that the stack's rule matches them, and sends them to the stack's
queue. MiniStack leaves out the version id of these events, so the test adds the id that S3 returned.
"""

import json
import re
import shlex
import subprocess
import time
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from local import environment
from local.observer import Observer
from local.session import redeploy
from local.stack import Stack
from local.workspace import PROJECT
from ops.connect import connect
from tests.e2e.polling import until

BUCKET_REGION = "us-west-2"
DOCUMENT = (PROJECT / "docs" / "forwarding.md").read_text()
_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+[A-Z]\b")


@pytest.fixture(scope="module")
def bucket(stack: Stack) -> str:
    """An existing bucket with versions in another region."""
    name = f"elsewhere-{uuid.uuid4()}"
    s3 = stack.client("s3", region=BUCKET_REGION)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": BUCKET_REGION})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture(scope="module")
def main(stack: Stack, bucket: str) -> Stack:
    """Step 1: a stack with this bucket. No other account is named: MiniStack has no policies of buses."""
    given = _words("sam deploy --parameter-overrides", BUCKETS=bucket, ACCOUNT="")
    overrides = dict(word.split("=", 1) for word in given[3:])
    parameters = {
        "UrlMap": f"{bucket}={stack.url_endpoint}",
        "ImageKitApiUrl": stack.imagekit,
        "ImageKitSecretArn": stack.outputs["ImageKitSecretArn"],
        "VerifyFreshness": "false",  # the emulated CDN shows another bucket
    }
    return redeploy(stack, parameters | overrides, name="forwarded")


@pytest.fixture(scope="module")
def forwarder(stack: Stack, bucket: str) -> Mapping[str, str]:
    """Step 2: the outputs of the forwarder, which the real SAM CLI deploys in the bucket's region."""
    words = _words(
        "sam deploy --template-file",
        BUCKET_REGION=BUCKET_REGION,
        BUCKET=bucket,
        STACK_REGION=environment.REGION,
    )
    env = environment.bare(stack.workspace.scratch) | environment.sam()
    env |= environment.aws(stack.endpoint, stack.certificate)
    done = subprocess.run(  # noqa: S603 - the document's own words
        [environment.tool("sam"), *words[1:]],
        env=env,
        cwd=PROJECT,
        input="y\n",  # confirms the deployment
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    client = stack.client("cloudformation", region=BUCKET_REGION)
    [found] = client.describe_stacks(StackName="imagekit-s3-purge-forwarding")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def test_the_forwarder_sends_to_the_bus_of_the_stack(stack: Stack, forwarder: Mapping[str, str]) -> None:
    """Its role may put events there, and a queue keeps the events that could not be sent."""
    [target] = _targets(stack)
    account = stack.client("sts").get_caller_identity()["Account"]
    bus = f"arn:aws:events:{environment.REGION}:{account}:event-bus/default"
    assert target["Arn"] == bus
    queue = target["DeadLetterConfig"]["Arn"].rpartition(":")[2]
    assert forwarder["UndeliveredEventsUrl"].endswith(f"/{queue}")
    name = target["RoleArn"].rpartition("/")[2]
    policy = stack.iam.get_role_policy(RoleName=name, PolicyName="Forward")["PolicyDocument"]
    [statement] = policy["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", bus)


def test_a_change_in_another_region_is_purged(
    stack: Stack,
    main: Stack,
    forwarder: Mapping[str, str],
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An overwritten object is purged and a new one is not: the function lists the bucket in its region."""
    assert forwarder
    for name, value in environment.aws(stack.endpoint, stack.certificate).items():
        monkeypatch.setenv(name, value)
    assert "connect BUCKET --region BUCKET_REGION" in DOCUMENT
    connect(bucket, profile=None, region=BUCKET_REGION, dry_run=False)
    queue, began = _add_queue_target(stack), time.time()
    s3 = stack.client("s3", region=BUCKET_REGION)
    events = []
    for key in ("old+ä.jpg", "new.jpg", "old+ä.jpg"):
        version = s3.put_object(Bucket=bucket, Key=key, Body=key.encode())["VersionId"]
        event = _receive(stack, queue)
        assert event["detail"]["object"]["key"] == key
        event["detail"]["object"]["version-id"] = version
        events.append(event)
    assert {event["region"] for event in events} == {BUCKET_REGION}
    pattern = _rule(main)["EventPattern"]
    bus = main.client("events")
    for event in events:
        assert bus.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]
        main.sqs.send_message(QueueUrl=main.outputs["ChangeQueueUrl"], MessageBody=json.dumps(event))
    until(lambda: f"{main.url_endpoint}/old+%C3%A4.jpg*" in _purged(main), "the purge")

    def idle() -> bool:
        attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = main.outputs["ChangeQueueUrl"]
        counts = main.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        answer = main.functions.invoke(
            FunctionName=main.outputs["SubmitPurgeFunction"], Payload=b'{"tick": true}'
        )
        report = json.load(answer["Payload"])
        empty = all(counts[name] == "0" for name in attributes)
        return empty and not report["busy"] and not report["held"]

    until(idle, "the end of all changes")
    log = "\n".join(map(str, Observer(main).lines("SubmitPurge", began)))
    assert "bucket not listed" not in log, log
    assert not [url for url in _purged(main) if "new.jpg" in url]


def _words(start: str, **values: str) -> list[str]:
    """Returns the words of the document's command that begins with `start`, with the values filled in."""
    [command] = [line.strip() for line in DOCUMENT.splitlines() if line.strip().startswith(start)]
    return shlex.split(_PLACEHOLDER.sub(lambda word: values[word[0]], command))


def _rule(main: Stack) -> Any:
    found = main.cloudformation.describe_stack_resource(
        StackName=main.name, LogicalResourceId="OriginBucketsRule"
    )["StackResourceDetail"]["PhysicalResourceId"]
    return main.client("events").describe_rule(Name=found.rpartition("|")[2])


def _forwarding_rule(stack: Stack) -> str:
    [rule] = stack.client("events", region=BUCKET_REGION).list_rules()["Rules"]
    name: str = rule["Name"]
    return name


def _targets(stack: Stack) -> list[Any]:
    events = stack.client("events", region=BUCKET_REGION)
    found: list[Any] = events.list_targets_by_rule(Rule=_forwarding_rule(stack))["Targets"]
    return [target for target in found if target["Id"] == "StackEventBus"]


def _add_queue_target(stack: Stack) -> str:
    """Returns the URL of a queue in the bucket's region that gets what the forwarder's rule sends."""
    sqs = stack.client("sqs", region=BUCKET_REGION)
    url: str = sqs.create_queue(QueueName="caught")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stack.client("events", region=BUCKET_REGION).put_targets(
        Rule=_forwarding_rule(stack), Targets=[{"Id": "Caught", "Arn": arn}]
    )
    return url


def _receive(stack: Stack, queue: str) -> Any:
    """Returns the next event in the queue."""
    sqs = stack.client("sqs", region=BUCKET_REGION)
    found = until(
        lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages"), "an event"
    )
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    return json.loads(found[0]["Body"])


def _purged(stack: Stack) -> list[str]:
    return [purge["url"] for purge in requests.get(f"{stack.imagekit}/_control/purges", timeout=5).json()]
