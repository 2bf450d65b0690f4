"""Moves messages from the dead letters back to the queue they came from, with ordinary AWS credentials."""

import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Seconds in which a message is sent and deleted; if not, it stays, and is moved by the next run.
_HIDDEN = 60


def redrive(dead_letters: str, queue: str, *, profile: str | None = None, region: str | None = None) -> str:
    """Move what is dead at this moment; what was done, in a sentence. Both queues are given by their URLs.

    A message that dies once more meanwhile is left where it is. Raises BadInput if the queues or the
    credentials do not allow it.
    """
    try:
        client: SQSClient = boto3.Session(profile_name=profile, region_name=region).client("sqs")
        moved = _move(client, dead_letters, queue)
    except ClientError as error:
        raise BadInput(f"{error.operation_name} answered {error.response['Error']}") from error
    except (BotoCoreError, ValueError) as error:
        raise BadInput(str(error)) from error
    return f"{moved} messages moved."


def _move(client: "SQSClient", source: str, target: str) -> int:
    began, moved = time.time() * 1000, 0
    while True:
        found = client.receive_message(
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
            client.send_message(QueueUrl=target, MessageBody=message["Body"])
            client.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        moved += len(old)
        # One answer is a sample: only when there is nothing to receive, nothing old is left. What died again
        # is received once, and then hidden.
        if not found:
            return moved
