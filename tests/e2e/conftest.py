"""The embedded stack of all end-to-end tests. It is not the one that `up` may have started."""

import json
import uuid
from collections.abc import Callable, Generator, Iterator

import pytest

from local.observer import FUNCTIONS, Observer
from local.options import Options
from local.session import session
from local.stack import Stack
from local.workspace import SHARED

_QUOTA = 10_000


@pytest.fixture(scope="session")
def stack(worker_id: str) -> Iterator[Stack]:
    """The real template, deployed by the real SAM CLI, on emulated services that enforce IAM."""
    options = Options(
        wait_scale=0.05,  # these tests do not check how long state machines wait
        # All tests share the quota. With a smaller one, changes would be held on the first day of a month.
        quota=_QUOTA,
        parameters={"MonthlyPurgeQuota": str(_QUOTA)},
    )
    with session(options, private=SHARED / "e2e" / worker_id) as running:
        yield running


@pytest.fixture
def alerts(stack: Stack) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """A function that returns `Subject` and `Message` of every alert received so far in this test."""
    topic = stack.outputs["AlertsTopicArn"]
    url = stack.sqs.create_queue(QueueName=f"alerts-{uuid.uuid4()}")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    stack.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscription = stack.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    so_far: list[dict[str, str]] = []

    def received() -> list[dict[str, str]]:
        found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            so_far.append(json.loads(message["Body"]))
        return [*so_far]

    yield received
    stack.sns.unsubscribe(SubscriptionArn=subscription)
    stack.sqs.delete_queue(QueueUrl=url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failed test what the functions logged: the stack no longer exists when one reads it."""
    report = yield
    running = item.funcargs.get("stack")
    if report.failed and isinstance(running, Stack):
        observer = Observer(running)
        for function in FUNCTIONS:
            text = "".join(f"{line}\n" for line in observer.lines(function, call.start))
            report.sections.append((f"log of {function}", text))
    return report
