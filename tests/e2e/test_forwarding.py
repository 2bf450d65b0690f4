"""docs/forwarding.md, followed on the embedded stack: a bucket in another region, and the stack here.

MiniStack drops what a rule sends to a bus of another region, and nobody but S3 may put events of S3 on a
bus. So the test carries the events over that one hop: a second target of the forwarder's rule, in the
bucket's region, gets what its first one would send; the stack's rule is asked whether it takes that, and its
queue gets it. MiniStack leaves the version's id out of these events, so the test writes it in, as S3 told it.
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
from local.connect import connect
from local.observer import Observer
from local.session import redeploy
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e.polling import until

ELSEWHERE = "us-west-2"
DOCUMENT = (PROJECT / "docs" / "forwarding.md").read_text()
_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+[A-Z]\b")


@pytest.fixture(scope="module")
def bucket(stack: Stack) -> str:
    """An existing bucket of another region, which keeps versions."""
    name = f"elsewhere-{uuid.uuid4()}"
    s3 = stack.client("s3", region=ELSEWHERE)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": ELSEWHERE})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture(scope="module")
def main(stack: Stack, bucket: str) -> Stack:
    """Step 1: a stack that is told of the bucket. MiniStack makes no policy of a bus, so no other account."""
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
    """Step 2, by the real SAM CLI: the outputs of the forwarder, deployed where the bucket is."""
    words = _words(
        "sam deploy --template-file",
        BUCKET_REGION=ELSEWHERE,
        BUCKET=bucket,
        STACK_REGION=environment.REGION,
    )
    env = environment.bare(stack.workspace.scratch) | environment.sam()
    env |= environment.aws(stack.endpoint, stack.certificate)
    done = subprocess.run(  # noqa: S603 - the document's own words
        [environment.tool("sam"), *words[1:]],
        env=env,
        cwd=PROJECT,
        input="y\n",  # it asks before it deploys
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    client = stack.client("cloudformation", region=ELSEWHERE)
    [found] = client.describe_stacks(StackName="imagekit-s3-purge-forwarding")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


def test_its_target_is_the_bus_of_the_stack(stack: Stack, forwarder: Mapping[str, str]) -> None:
    """With a role, which may send there, and a queue for what could not be sent."""
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
    """An overwritten object is purged, and a new one is not: the function lists the bucket where it is."""
    assert forwarder
    for name, value in environment.aws(stack.endpoint, stack.certificate).items():
        monkeypatch.setenv(name, value)
    assert "connect BUCKET --region BUCKET_REGION" in DOCUMENT
    connect(bucket, profile=None, region=ELSEWHERE, dry_run=False)
    caught, began = _catch(stack), time.time()
    s3 = stack.client("s3", region=ELSEWHERE)
    events = []
    for key in ("old+ä.jpg", "new.jpg", "old+ä.jpg"):
        version = s3.put_object(Bucket=bucket, Key=key, Body=key.encode())["VersionId"]
        event = _received(stack, caught)
        assert event["detail"]["object"]["key"] == key
        event["detail"]["object"]["version-id"] = version
        events.append(event)
    assert {event["region"] for event in events} == {ELSEWHERE}
    pattern = _rule(main)["EventPattern"]
    bus = main.client("events")
    for event in events:
        assert bus.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]
        main.sqs.send_message(QueueUrl=main.outputs["ChangeQueueUrl"], MessageBody=json.dumps(event))
    until(lambda: f"{main.url_endpoint}/old+%C3%A4.jpg*" in _purged(main), "the purge")

    def nothing_waits() -> bool:
        attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        queue = main.outputs["ChangeQueueUrl"]
        counts = main.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
        answer = main.functions.invoke(
            FunctionName=main.outputs["SubmitPurgeFunction"], Payload=b'{"tick": true}'
        )
        report = json.load(answer["Payload"])
        idle = all(counts[name] == "0" for name in attributes)
        return idle and not report["busy"] and not report["held"]

    until(nothing_waits, "the end of all changes")
    log = "\n".join(map(str, Observer(main).lines("SubmitPurge", began)))
    assert "bucket not listed" not in log, log
    assert not [url for url in _purged(main) if "new.jpg" in url]


def _words(start: str, **values: str) -> list[str]:
    """The words of the document's command that starts so, filled in."""
    [command] = [line.strip() for line in DOCUMENT.splitlines() if line.strip().startswith(start)]
    return shlex.split(_PLACEHOLDER.sub(lambda word: values[word[0]], command))


def _rule(main: Stack) -> Any:
    found = main.cloudformation.describe_stack_resource(
        StackName=main.name, LogicalResourceId="OriginBucketsRule"
    )["StackResourceDetail"]["PhysicalResourceId"]
    return main.client("events").describe_rule(Name=found.rpartition("|")[2])


def _forwarding_rule(stack: Stack) -> str:
    [rule] = stack.client("events", region=ELSEWHERE).list_rules()["Rules"]
    name: str = rule["Name"]
    return name


def _targets(stack: Stack) -> list[Any]:
    events = stack.client("events", region=ELSEWHERE)
    found: list[Any] = events.list_targets_by_rule(Rule=_forwarding_rule(stack))["Targets"]
    return [target for target in found if target["Id"] == "StackEventBus"]


def _catch(stack: Stack) -> str:
    """URL of a queue, in the bucket's region, that gets what the forwarder's rule sends."""
    sqs = stack.client("sqs", region=ELSEWHERE)
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
    stack.client("events", region=ELSEWHERE).put_targets(
        Rule=_forwarding_rule(stack), Targets=[{"Id": "Caught", "Arn": arn}]
    )
    return url


def _received(stack: Stack, queue: str) -> Any:
    """The next event that was caught."""
    sqs = stack.client("sqs", region=ELSEWHERE)
    found = until(
        lambda: sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages"), "an event"
    )
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=found[0]["ReceiptHandle"])
    return json.loads(found[0]["Body"])


def _purged(stack: Stack) -> list[str]:
    return [purge["url"] for purge in requests.get(f"{stack.imagekit}/_control/purges", timeout=5).json()]
