"""Moves messages from a dead-letter queue to the change queue, also between regions and accounts."""

import re
import time
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Seconds in which the command must send and delete a received message. If it takes longer, the message stays,
# and the next run moves it.
_VISIBILITY_TIMEOUT = 60

# A queue URL of AWS, in any partition, names its region. The URL of an emulator does not.
_REGIONAL = re.compile(r"^https://sqs\.([a-z0-9-]+)\.amazonaws\.")


def redrive(
    dead_letters: str,
    queue: str,
    *,
    profile: str | None = None,
    to_profile: str | None = None,
    region: str | None = None,
) -> str:
    """Move all messages that are in the dead-letter queue now. Returns a sentence with their number.

    Both queues are given by URL. Each queue is used in the region that its URL names, or in `region` if the
    URL names none. The target queue is used with `to_profile`, or with `profile` if that is not given. A
    message that dies again during the move stays where it is.

    Raises BadInput if the queues or the credentials cannot be used.
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
    started_at, moved = time.time() * 1000, 0  # milliseconds, as SentTimestamp
    while True:
        received = sender.receive_message(
            QueueUrl=source,
            MaxNumberOfMessages=10,
            VisibilityTimeout=_VISIBILITY_TIMEOUT,
            # Long polling asks every server of SQS, so that an empty answer means an empty queue:
            # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
            WaitTimeSeconds=1,
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        # A dead letter keeps the time at which it was sent. A later time means that this command sent the
        # message, and that it died again.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
        old = [message for message in received if float(message["Attributes"]["SentTimestamp"]) < started_at]
        for message in old:
            # Send first, then delete: if the command stops in between, the message is in both queues. A
            # message that is delivered twice costs no purge.
            receiver.send_message(QueueUrl=target, MessageBody=message["Body"])
            sender.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
        moved += len(old)
        # Each answer has only some messages. So only an empty answer shows that no old message is left. A
        # message that died again is received once and then hidden.
        if not received:
            return moved
