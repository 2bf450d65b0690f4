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
from local.stack import Stack
from tests.e2e.waiting import until

_AT_ONCE = 4
LEASE = {"pk": {"S": "state"}, "sk": {"S": "lease"}}


@contextmanager
def emulator(stack: Stack, **settings: object) -> Iterator[None]:
    """Other settings of the emulated ImageKit, by their JSON names, for the length of a block."""
    before = requests.get(f"{stack.imagekit}/_control/state", timeout=5).json()["settings"]
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
    """Have all that earlier tests left behind purged, and the emulated ImageKit without faults.

    What they left would be purged in the midst of the next test otherwise, and use its quota.
    """
    no_faults(stack)
    until(lambda: not tick(stack)["held"], "a ledger where nothing waits")


def no_faults(stack: Stack) -> None:
    """Have the emulated ImageKit forget the faults that no call has met yet."""
    requests.delete(f"{stack.imagekit}/_control/faults", timeout=5).raise_for_status()


def no_drain(stack: Stack) -> None:
    """Wait until nobody drains: the emulated Lambda kills what runs when a function is configured anew."""

    def ended() -> bool:
        lease = stack.ledger.get_item(TableName=stack.outputs["LedgerTable"], Key=LEASE).get("Item")
        return lease is None or float(lease["until"]["N"]) < time.time()

    # Nobody takes a lease away from a drain that was killed.
    until(ended, "the end of the drain", 180)


def tick(stack: Stack) -> dict[str, Any]:
    """What the schedule does every minute, now; the function's answer, once no other drain is at it."""

    def ticked() -> dict[str, Any] | None:
        answer = stack.functions.invoke(
            FunctionName=stack.outputs["SubmitPurgeFunction"], Payload=json.dumps({"tick": True})
        )
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return None if found["busy"] else found

    found = until(ticked, "a drain of its own", 180)
    assert found is not None
    return found


def dead_letters(stack: Stack) -> int:
    """How many messages the dead-letter queue has."""
    attributes = stack.sqs.get_queue_attributes(
        QueueUrl=stack.outputs["ChangeDeadLettersUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def _set(stack: Stack, settings: dict[str, object]) -> None:
    requests.post(f"{stack.imagekit}/_control/settings", json=settings, timeout=5).raise_for_status()


def _configure(stack: Stack, function: str, variables: dict[str, str]) -> None:
    no_drain(stack)
    stack.functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
