"""Controls an embedded stack: brings it into the state that a test needs, and back."""

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
from tests.e2e.polling import until

_AT_ONCE = 4
_TIMEOUT = 60.0  # seconds, enough for a busy machine


@contextmanager
def emulator_settings(stack: Stack, **settings: object) -> Iterator[None]:
    """Changes settings of the ImageKit emulator, by their JSON names, within a block."""
    before = Observer(stack).imagekit()["settings"]
    _set_emulator(stack, settings)
    try:
        yield
    finally:
        _set_emulator(stack, {name: before[name] for name in settings})


@contextmanager
def function_environment(stack: Stack, **variables: str) -> Iterator[None]:
    """Changes environment variables of SubmitPurge within a block, as another deployment would set them."""
    name = stack.outputs["SubmitPurgeFunction"]
    before = stack.functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    _set_environment(stack, name, {**before, **variables})
    try:
        yield
    finally:
        _set_environment(stack, name, before)


@contextmanager
def without_notifications(stack: Stack) -> Iterator[None]:
    """Turns off the bucket's notifications within a block: the functions get no event of its objects."""
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
def without_ticks(stack: Stack) -> Iterator[None]:
    """Disables the schedule within a block.

    When a function is reconfigured, the emulated Lambda kills its running invocations, and with them those
    that started since. A tick at this moment would end the test's own invocation.
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


def put_objects(stack: Stack, keys: Iterable[str], body: bytes) -> None:
    """Puts objects, several at once.

    botocore signs the requests, but does not send them: for thousands of objects the SDK is slow.
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


def reset_stack(stack: Stack) -> None:
    """Removes faults, a pause for an exhausted quota and sent alerts, and has pending changes purged.

    Otherwise changes of earlier tests would be purged during the next test, and use its quota or its faults.
    An alert of an earlier test would suppress the next test's alert.
    """
    clear_faults(stack)
    observer = Observer(stack)
    observer.ledger().resume(time.time())
    until(lambda: (tick(stack), observer.work()), "an idle stack", lambda observed: observed[1].done)
    clear_alerts(stack)


def empty_edge(stack: Stack) -> None:
    """Resets the stack, and the ImageKit emulator to its beginning: without copies, and without analytics."""
    reset_stack(stack)
    requests.post(f"{stack.imagekit}/_control/reset", timeout=_TIMEOUT).raise_for_status()


def clear_alerts(stack: Stack) -> None:
    """Deletes the records of sent alerts."""
    table = stack.outputs["LedgerTable"]
    sent = stack.ledger.query(
        TableName=table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :alert)",
        ExpressionAttributeValues={":pk": {"S": "state"}, ":alert": {"S": "alert#"}},
        ConsistentRead=True,
    )
    for item in sent["Items"]:
        stack.ledger.delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})


def inject_fault(stack: Stack, **order: Any) -> None:
    """Makes one of the next calls to the ImageKit emulator fail, whoever makes it."""
    requests.post(f"{stack.imagekit}/_control/faults", json=order, timeout=_TIMEOUT).raise_for_status()


def clear_faults(stack: Stack) -> None:
    """Removes the faults that have not hit a call yet from the ImageKit emulator."""
    requests.delete(f"{stack.imagekit}/_control/faults", timeout=_TIMEOUT).raise_for_status()


@contextmanager
def while_idle(stack: Stack) -> Iterator[None]:
    """Waits until the stack is idle. Within the block, nothing runs except what the block starts.

    If a drain is interrupted because its function is reconfigured or its role loses a permission, it leaves
    its lease for minutes, and its messages stay invisible for longer.
    """
    with without_ticks(stack):
        until(Observer(stack).work, "an idle stack", lambda work: work.done)
        yield


def purged_urls(stack: Stack) -> list[str]:
    """Returns the URLs of all purges that ImageKit has accepted."""
    return [purge.url for purge in Observer(stack).accepted()]


def invoke_submit_purge(stack: Stack, event: dict[str, Any]) -> dict[str, Any]:
    """Invokes SubmitPurge and returns its answer. Raises AssertionError if the function fails."""
    answer = stack.functions.invoke(
        FunctionName=stack.outputs["SubmitPurgeFunction"], Payload=json.dumps(event)
    )
    found: dict[str, Any] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, found
    return found


def tick(stack: Stack) -> dict[str, Any]:
    """Invokes SubmitPurge as the schedule does, until it runs a drain itself, and returns the answer.

    While another drain runs, the answer is `busy` and does not say what is held and why.
    """
    return until(
        lambda: invoke_submit_purge(stack, {"tick": True}),
        "a drain of this invocation",
        lambda found: not found["busy"],
    )


def dead_letter_count(stack: Stack) -> int:
    """Returns how many messages the dead-letter queue has."""
    attributes = stack.sqs.get_queue_attributes(
        QueueUrl=stack.outputs["ChangeDeadLettersUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def _set_emulator(stack: Stack, settings: dict[str, object]) -> None:
    requests.post(f"{stack.imagekit}/_control/settings", json=settings, timeout=_TIMEOUT).raise_for_status()


def _set_environment(stack: Stack, function: str, variables: dict[str, str]) -> None:
    with while_idle(stack):
        stack.functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )
