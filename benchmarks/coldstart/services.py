"""What the functions call: MiniStack as AWS, over TLS, and the ImageKit emulator, all on 127.0.0.1."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import certifi
import requests

from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY
from benchmarks.throughput.function import ENDPOINT
from local import certificate, environment, ministack
from local.imagekit import Bucket, Emulator, ImageKitServer, Settings
from local.ports import Reservation
from local.stack import Stack
from local.watchdog import Watchdog
from local.workspace import Workspace
from purging.planning.gathering import COALESCE_SECONDS

# Purges are Completed at once.
_IMAGEKIT = Settings(PRIVATE_KEY, quota=10**6, delay=0.0)
_STATE_MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
_KEYS = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]


@dataclass(frozen=True, slots=True)
class Services:
    """The running services, with all that template.yaml makes for the functions."""

    environment: dict[str, str]
    """The variables of a function."""

    stack: Stack
    api: ImageKitServer
    numbers: "count[int]"

    def purges(self) -> int:
        """How many purges ImageKit has accepted."""
        return len(self.api.emulator.state.purges.all())

    def url(self) -> str:
        """The URL of an object that had none of the earlier calls."""
        return f"{ENDPOINT}/{self._key()}"

    def batch(self) -> dict[str, Any]:
        """A batch of the queue with one change of an object.

        The change is an hour old, so it is not held. No purge comes just before it, since a drain would take
        both for the beginning of an upload.
        """
        time.sleep(COALESCE_SECONDS)
        key = self._key()
        queue = self.environment["CHANGE_QUEUE_URL"]
        self.stack.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        self.stack.sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"Records": [_record(key)]}))
        (message,) = self.stack.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
        return {
            "Records": [
                {
                    "eventSource": "aws:sqs",
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                }
            ]
        }

    def tracked(self) -> dict[str, Any]:
        """A request to check one purge, which ImageKit has completed. Its sample is fresh."""
        url = self.url()
        answer = requests.post(
            f"{self.api.url}/v1/files/purge", json={"url": url}, auth=(PRIVATE_KEY, ""), timeout=10
        )
        # The emulator shows no objects here. Any answer without an Age counts as fresh.
        sample = f"{self.api.url}/_control/health"
        purge = {
            "request_id": answer.json()["requestId"],
            "url": url,
            "submitted_at": time.time(),
            "sample": sample,
        }
        return {"purges": [purge]}

    def _key(self) -> str:
        return f"coldstart/{next(self.numbers):06}.jpg"


@contextmanager
def running(workspace: Workspace, watchdog: Watchdog) -> Iterator[Services]:
    """In the block, the services run. Raises LocalError if they do not start."""
    emulator = Emulator(_IMAGEKIT, origins={"demo": Bucket.parse(BUCKET)})
    with Reservation() as gateway, ImageKitServer(emulator) as api:
        trusted = certificate.make(workspace.tls)
        stack = Stack(
            endpoint=f"https://127.0.0.1:{gateway.port}",
            imagekit=api.url,
            certificate=trusted[0],
            workspace=workspace,
        )
        ministack.start(workspace, gateway.release(), trusted, watchdog, wait_scale=1)
        env = environment.bare(workspace.scratch) | environment.aws(stack.endpoint, _authorities(stack))
        yield Services(env | _resources(stack) | _settings(api), stack, api, count())


def _authorities(stack: Stack) -> Path:
    """Write a file of as many certificate authorities as any client of AWS has to read for a connection."""
    file = stack.workspace.tls / "authorities.crt"
    file.write_bytes(Path(certifi.where()).read_bytes() + stack.certificate.read_bytes())
    return file


def _resources(stack: Stack) -> dict[str, str]:
    """Make what the functions use, and return the variables that name it."""
    stack.s3.create_bucket(Bucket=BUCKET)
    stack.ledger.create_table(
        TableName="ledger",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=_KEYS,  # type: ignore[arg-type] # the literals above
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
    )
    secret = stack.secrets.create_secret(Name="imagekit", SecretString=PRIVATE_KEY)
    role = stack.iam.create_role(RoleName="track-purges", AssumeRolePolicyDocument=json.dumps(_TRUST))
    machine = stack.states.create_state_machine(
        name="TrackPurges", definition=json.dumps(_STATE_MACHINE), roleArn=role["Role"]["Arn"]
    )
    return {
        "LEDGER_TABLE": "ledger",
        "IMAGEKIT_SECRET_ARN": secret["ARN"],
        "CHANGE_QUEUE_URL": stack.sqs.create_queue(QueueName="changes")["QueueUrl"],
        "TRACK_PURGES_ARN": machine["stateMachineArn"],
        "ALERTS_TOPIC_ARN": stack.sns.create_topic(Name="alerts")["TopicArn"],
    }


def _settings(api: ImageKitServer) -> dict[str, str]:
    return {
        "URL_MAP": f"{BUCKET}={ENDPOINT}",
        "IMAGEKIT_API_URL": api.url,
        "POWERTOOLS_SERVICE_NAME": "imagekit-s3-purge",
        "POWERTOOLS_METRICS_NAMESPACE": "ImageKitS3Purge",
    }


def _record(key: str) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(hours=1)
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "s3": {
            "bucket": {"name": BUCKET},
            "object": {"key": key, "size": 1, "sequencer": f"{time.time_ns():016X}"},
        },
    }
