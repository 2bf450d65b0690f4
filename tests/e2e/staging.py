"""Puts a stack into the state that a test is about, and back."""

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from urllib3 import PoolManager

from local.environment import REGION, ROOT_KEY, ROOT_KEY_ID
from local.observer import Observer
from local.stack import Stack
from tests.e2e.waiting import until

_AT_ONCE = 4
_TIMEOUT = 60.0  # seconds, of a busy machine


@contextmanager
def emulator(stack: Stack, **settings: object) -> Iterator[None]:
    """Other settings of the emulated ImageKit, by their JSON names, for the length of a block."""
    before = Observer(stack).imagekit()["settings"]
    _set(stack, settings)
    try:
        yield
    finally:
        _set(stack, {name: before[name] for name in settings})


@contextmanager
def function_environment(stack: Stack, **variables: str) -> Iterator[None]:
    """Other settings of SubmitPurge for the length of a block, as another deployment would have them."""
    name = stack.outputs["SubmitPurgeFunction"]
    before = stack.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    _configure(stack, name, {**before, **variables})
    try:
        yield
    finally:
        _configure(stack, name, before)


@contextmanager
def notifying_nobody(stack: Stack) -> Iterator[None]:
    """What is put into the bucket in the block has always been there, as far as the functions know."""
    answer: dict[str, Any] = {**stack.s3.get_bucket_notification_configuration(Bucket=stack.bucket)}
    del answer["ResponseMetadata"]
    stack.s3.put_bucket_notification_configuration(Bucket=stack.bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        stack.s3.put_bucket_notification_configuration(
            Bucket=stack.bucket,
            NotificationConfiguration=answer,  # type: ignore[arg-type] # as it came
        )


@contextmanager
def no_ticks(stack: Stack) -> Iterator[None]:
    """The schedule invokes nothing in the block.

    What the emulated Lambda kills because its function is configured anew takes down with it whatever was
    started since: a tick at that moment would end the test's own invocation.
    """
    resource = stack.cloudformation.describe_stack_resource(
        StackName=stack.name, LogicalResourceId="SubmitPurgeTick"
    )
    scheduler = stack.client("scheduler")
    found = scheduler.get_schedule(Name=resource["StackResourceDetail"]["PhysicalResourceId"])
    wanted = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")
    schedule = {name: found[name] for name in wanted}
    scheduler.update_schedule(**schedule | {"State": "DISABLED"})
    try:
        yield
    finally:
        scheduler.update_schedule(**schedule)


def put(stack: Stack, keys: Iterable[str], body: bytes) -> None:
    """Put objects, several at once.

    Signed by botocore, but not sent by it: for thousands of objects the SDK takes most of the time.
    """
    signer = S3SigV4Auth(Credentials(ROOT_KEY_ID, ROOT_KEY), "s3", REGION)
    with (
        PoolManager(ca_certs=str(stack.certificate), maxsize=_AT_ONCE) as http,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):

        def one(key: str) -> None:
            request = AWSRequest("PUT", f"{stack.endpoint}/{stack.bucket}/{quote(key)}", data=body)
            signer.add_auth(request)
            answer = http.request("PUT", request.url, body=body, headers=dict(request.headers))
            assert answer.status == HTTPStatus.OK, answer.data

        for _ in threads.map(one, keys):
            pass


def settle(stack: Stack) -> None:
    """Have all that earlier tests left behind purged, the emulated ImageKit without faults, and no drain wait
    for a quota that is not used up any more, and no alert count as sent.

    What they left would be purged in the midst of the next test otherwise, and use its quota or its faults.
    An alert of theirs would stand for the next test's.
    """
    no_faults(stack)
    observer = Observer(stack)
    observer.ledger().resume(time.time())
    until(lambda: (tick(stack), observer.work()), "nothing under way in the stack", lambda seen: seen[1].done)
    forget_alerts(stack)


def forget_alerts(stack: Stack) -> None:
    """Have no alert count as sent."""
    table = stack.outputs["LedgerTable"]
    sent = stack.ledger.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :alert)",
        ExpressionAttributeValues={":pk": {"S": "state"}, ":alert": {"S": "alert#"}},
        ConsistentRead=True,
    )
    for item in sent["Items"]:
        stack.ledger.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def fault(stack: Stack, **order: Any) -> None:
    """Have the emulated ImageKit meet one of the next calls, whoever makes it, with a fault."""
    requests.post(f"{stack.imagekit}/_control/faults", json=order, timeout=_TIMEOUT).raise_for_status()


def no_faults(stack: Stack) -> None:
    """Have the emulated ImageKit forget the faults that no call has met yet."""
    requests.delete(f"{stack.imagekit}/_control/faults", timeout=_TIMEOUT).raise_for_status()


@contextmanager
def at_rest(stack: Stack) -> Iterator[None]:
    """Nothing is under way in the block but what the block itself starts.

    A drain that is cut off, because its function is configured anew or its role loses a permission, would
    leave its lease behind for minutes, and hide its messages for longer.
    """
    with no_ticks(stack):
        until(Observer(stack).work, "nothing under way in the stack", lambda work: work.done)
        yield


def purged(stack: Stack) -> list[str]:
    """The URLs of all purges that ImageKit has accepted."""
    return [purge.url for purge in Observer(stack).accepted()]


def invoke(stack: Stack, event: dict[str, Any]) -> dict[str, Any]:
    """SubmitPurge's answer to an event. Fails if the function does."""
    answer = stack.functions.invoke(
        FunctionName=stack.outputs["SubmitPurgeFunction"], Payload=json.dumps(event)
    )
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    return found


def tick(stack: Stack) -> dict[str, Any]:
    """What the schedule does every minute, now; the answer of a drain of its own.

    While another drain is at it, the answer is `busy`: then it says nothing about what waits and why.
    """
    return until(lambda: invoke(stack, {"tick": True}), "a drain of its own", lambda found: not found["busy"])


def dead_letters(stack: Stack) -> int:
    """How many messages the dead-letter queue has."""
    attributes = stack.sqs.get_queue_attributes(
        QueueUrl=stack.outputs["ChangeDeadLettersUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def _set(stack: Stack, settings: dict[str, object]) -> None:
    requests.post(f"{stack.imagekit}/_control/settings", json=settings, timeout=_TIMEOUT).raise_for_status()


def _configure(stack: Stack, function: str, variables: dict[str, str]) -> None:
    with at_rest(stack):
        stack.functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )
