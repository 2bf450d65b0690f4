"""Moves dead letters to the queue of changes, wherever the two are, with ordinary AWS credentials."""

import re
import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Seconds in which a message is sent and deleted; if not, it stays, and is moved by the next run.
_HIDDEN = 60


# Of AWS's own addresses, in any partition. Another one, of an emulator, names no region.
_REGIONAL = re.compile(r"^https://sqs\.([a-z0-9-]+)\.amazonaws\.")


def redrive(
    dead_letters: str,
    queue: str,
    *,
    profile: str | None = None,
    to_profile: str | None = None,
    region: str | None = None,
) -> str:
    """Move what is dead at this moment; what was done, in a sentence. Both queues are given by their URLs.

    Each is asked in the region that its URL names, in `region` if it names none. The target is reached with
    `to_profile`, or as the source is. A message that dies once more meanwhile is left where it is. Raises
    BadInput if the queues or the credentials do not allow it.
    """
    try:
        source = _client(dead_letters, profile, region)
        moved = _move(source, dead_letters, _client(queue, to_profile or profile, region), queue)
    except ClientError as error:
        raise BadInput(f"{error.operation_name} answered {error.response['Error']}") from error
    except (BotoCoreError, ValueError) as error:
        raise BadInput(str(error)) from error
    return f"{moved} messages moved."


def _client(queue: str, profile: str | None, region: str | None) -> "SQSClient":
    named = _REGIONAL.match(queue)
    session = boto3.Session(profile_name=profile, region_name=named[1] if named else region)
    client: SQSClient = session.client("sqs")
    return client


def _move(sender: "SQSClient", source: str, receiver: "SQSClient", target: str) -> int:
    began, moved = time.time() * 1000, 0
    while True:
        found = sender.receive_message(
            QueueUrl=source,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_HIDDEN,
            WaitTimeSeconds=1,  # asks every server of SQS, so that an empty answer means empty
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        # A dead letter keeps the time at which it was sent: these were sent by us, and died again.
        old = [message for message in found if float(message["Attributes"]["SentTimestamp"]) < began]
        for message in old:
            # First in, then out: stopped in between, it is there twice, which costs nothing.
            receiver.send_message(QueueUrl=target, MessageBody=message["Body"])
            sender.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        moved += len(old)
        # One answer is a sample: only when there is nothing to receive, nothing old is left. What died again
        # is received once, and then hidden.
        if not found:
            return moved
