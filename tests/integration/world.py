"""What the functions live in, small: moto for AWS, the ImageKit emulator on a socket, and a clock."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from local.imagekit import Bucket, Emulator, ImageKitServer
from local.imagekit import Settings as EmulatorSettings
from local.imagekit.faults import Fault
from purging.alerts import Alerts
from purging.changes import ObjectChange
from purging.drain import Drain
from purging.imagekit import ImageKit
from purging.ledger import Ledger
from purging.secret import PrivateKey
from purging.settings import Settings
from purging.tracking import Tracker
from purging.urls import UrlMap

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "private_0123456789"
ENDPOINT = "https://ik.imagekit.io/demo"
# Tests begin in mid-month, at a time that no clock of this machine shows.
START = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()


class VirtualClock:
    """Unix seconds that pass only when someone sleeps."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class World:
    """Everything at hand. `drain()` runs one drain with a full two minutes of life."""

    clock: VirtualClock
    emulator: Emulator
    url: str
    settings: Settings
    ledger: Ledger
    dynamodb: "DynamoDBClient"
    alerts_queue: str

    def drain(self, *, seconds: float = 120.0, owner: str = "drainer", **settings: Any) -> Any:
        """One drain with some settings changed, by an invocation that has `seconds` to live."""
        dies_at = self.clock() + seconds
        return self.drainer(**settings).run(owner, lambda: dies_at - self.clock())

    def drainer(self, *, sleep: Callable[[float], None] | None = None, **settings: Any) -> Drain:
        """A drain that is yet to run."""
        changed = replace(self.settings, **settings)
        key = PrivateKey(changed.secret_arn, boto3.client("secretsmanager"))
        return Drain(
            changed,
            self.ledger,
            ImageKit(changed.api_url, key),
            Tracker(changed.track_purges_arn, boto3.client("stepfunctions")),
            Alerts(changed.alerts_topic_arn, boto3.client("sns"), self.ledger, self.clock),
            clock=self.clock,
            sleep=sleep or self.clock.sleep,
        )

    def change(
        self, key: str, *, ago: float = 1.0, bucket: str = "origin", kind: Any = "created"
    ) -> ObjectChange:
        """A change that happened `ago` seconds ago."""
        return ObjectChange(bucket, key, kind, datetime.fromtimestamp(self.clock() - ago, UTC))

    @property
    def purged(self) -> list[str]:
        """The URLs of the purges that the emulator accepted, in order."""
        return [purge.url for purge in self.emulator.state.purges.all()]

    def inject(self, kind: str, **fields: Any) -> None:
        """A fault in the purge API, or in another one named by `api`."""
        self.emulator.state.faults.add(Fault.parse({"api": "purge", "kind": kind, **fields}))

    def set_emulator(self, **settings: Any) -> None:
        """Change the emulator's settings."""
        self.emulator.state.apply(replace(self.emulator.state.settings, **settings))

    def alerts(self) -> list[dict[str, str]]:
        """The alerts published since the last look."""
        sqs = boto3.client("sqs")
        messages = sqs.receive_message(QueueUrl=self.alerts_queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self.alerts_queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def executions(self) -> list[dict[str, Any]]:
        """The inputs of the executions of TrackPurges, oldest first."""
        sfn = boto3.client("stepfunctions")
        found = sfn.list_executions(stateMachineArn=self.settings.track_purges_arn)["executions"]
        return [
            json.loads(sfn.describe_execution(executionArn=each["executionArn"])["input"])
            for each in sorted(found, key=lambda each: each["startDate"])
        ]


@contextmanager
def world(**settings: Any) -> Iterator[World]:
    """A new world, gone with the context. Needs credentials and a region in the environment.

    The bucket `origin` is served at ENDPOINT. Purges have no rate limit there unless a test sets one.
    """
    clock = VirtualClock()
    emulator = Emulator(
        EmulatorSettings(KEY, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6),
        origins={"demo": Bucket.parse("origin")},
        clock=clock,
    )
    # The emulator is on a real socket: what goes there must pass moto by.
    config = {"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}
    with ImageKitServer(emulator) as server, mock_aws(config=config):
        dynamodb = boto3.client("dynamodb")
        _make_table(dynamodb, "ledger")
        sns, sqs = boto3.client("sns"), boto3.client("sqs")
        topic = sns.create_topic(Name="alerts")["TopicArn"]
        alerts_queue = sqs.create_queue(QueueName="alerts")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=alerts_queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        secret = boto3.client("secretsmanager").create_secret(
            Name="imagekit", SecretString=json.dumps({"private_key": KEY})
        )
        machine = boto3.client("stepfunctions").create_state_machine(
            name="TrackPurges",
            definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
            roleArn="arn:aws:iam::123456789012:role/TrackPurges",
        )
        given = {
            "url_map": UrlMap.parse(f"origin={ENDPOINT}"),
            "ledger_table": "ledger",
            "api_url": server.url,
            "secret_arn": secret["ARN"],
            "track_purges_arn": machine["stateMachineArn"],
            "alerts_topic_arn": topic,
        }
        yield World(
            clock=clock,
            emulator=emulator,
            url=server.url,
            settings=Settings(**(given | settings)),
            ledger=Ledger("ledger", dynamodb),
            dynamodb=dynamodb,
            alerts_queue=alerts_queue,
        )


def _make_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """As template.yaml has it."""
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
