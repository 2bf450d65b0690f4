"""One embedded stack for all end-to-end tests, apart from the one that `up` may have started."""

import json
import uuid
from collections.abc import Callable, Generator, Iterator

import pytest

from local.observer import FUNCTIONS, Observer
from local.options import Options
from local.session import session
from local.stack import Stack
from local.workspace import SHARED


@pytest.fixture(scope="session")
def stack(worker_id: str) -> Iterator[Stack]:
    """The real template, deployed by the real SAM CLI, on emulated services that enforce IAM."""
    # Waits of state machines are shortened: what they are for is looked at, not how long they are.
    with session(Options(wait_scale=0.05), private=SHARED / "e2e" / worker_id) as running:
        yield running


@pytest.fixture
def alerts(stack: Stack) -> Iterator[Callable[[], list[dict[str, str]]]]:
    """`alerts()`: the `Subject` and `Message` of every alert of this test that came so far."""
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

    came: list[dict[str, str]] = []

    def received() -> list[dict[str, str]]:
        found = stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            came.append(json.loads(message["Body"]))
        return [*came]

    yield received
    stack.sns.unsubscribe(SubscriptionArn=subscription)
    stack.sqs.delete_queue(QueueUrl=url)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what the functions logged meanwhile: the stack is gone when it is looked at."""
    report = yield
    running = item.funcargs.get("stack")
    if report.failed and isinstance(running, Stack):
        observer = Observer(running)
        for function in FUNCTIONS:
            text = "".join(f"{line}\n" for line in observer.lines(function, call.start))
            report.sections.append((f"log of {function}", text))
    return report
