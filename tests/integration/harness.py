"""The test harness: moto for AWS, the ImageKit emulator on a socket, and one virtual clock."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from botocore.config import Config
from moto import mock_aws

import check_purges
import submit_purge
from local.imagekit import Bucket, Emulator, ImageKitServer
from local.imagekit import Settings as EmulatorSettings
from local.imagekit.faults import Fault
from local.imagekit.origin import Fetch
from purging import bootstrap
from purging.aws import clients
from purging.changes import ObjectChange
from purging.draining.drain import Drain
from purging.ledger.store import Ledger
from purging.settings import Settings
from purging.telemetry import logger
from purging.urls import UrlMap
from tests.unit.cloudformation import default_environment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEY = "private_0123456789"
ENDPOINT = "https://ik.imagekit.io/demo"
# Every test starts at this time: the middle of a month, in the future.
START = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()
ROOT = Path(__file__).parents[2]
_LOADER = botocore.loaders.create_loader()
_CLIENTS: dict[tuple[str, Config | None], Any] = {}


class VirtualClock:
    """A clock in unix seconds. Time passes only in `sleep`."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Harness:
    """The emulated services, the settings and the ledger of one test."""

    clock: VirtualClock
    emulator: Emulator
    url: str
    settings: Settings
    ledger: Ledger
    dynamodb: "DynamoDBClient"
    alerts_queue: str

    def drain(self, *, seconds: float = 120.0, owner: str = "drainer", **settings: Any) -> Any:
        """Runs one drain, with some settings changed, in an invocation that has `seconds` left."""
        dies_at = self.clock() + seconds
        return self.new_drain(**settings).run(owner, lambda: dies_at - self.clock())

    def new_drain(self, *, sleep: Callable[[float], None] | None = None, **settings: Any) -> Drain:
        """Returns a drain that has not run yet, with some settings changed."""
        changed = replace(self.settings, **settings)
        sleep = sleep or self.clock.sleep
        outside = replace(bootstrap.ports(changed, boto3.client, self.clock, sleep), ledger=self.ledger)
        return bootstrap.drain(changed, outside, self.clock, sleep)

    def change(
        self, key: str, *, ago: float = 1.0, bucket: str = "origin", kind: Any = "created"
    ) -> ObjectChange:
        """Returns a change that happened `ago` seconds ago."""
        return ObjectChange(bucket, key, kind, datetime.fromtimestamp(self.clock() - ago, UTC))

    @property
    def purged(self) -> list[str]:
        """The URLs of the purges that the emulator accepted, in order."""
        return [purge.url for purge in self.emulator.state.purges.all()]

    def inject(self, kind: str, **fields: Any) -> None:
        """Adds a fault to the purge API, or to the API that `api` names."""
        self.emulator.state.faults.add(Fault.parse({"api": "purge", "kind": kind, **fields}))

    def set_emulator(self, **settings: Any) -> None:
        """Changes settings of the emulator."""
        self.emulator.state.apply(replace(self.emulator.state.settings, **settings))

    def alerts(self) -> list[dict[str, str]]:
        """Returns the alerts published since the last call."""
        sqs = boto3.client("sqs")
        messages = sqs.receive_message(QueueUrl=self.alerts_queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self.alerts_queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def executions(self) -> list[dict[str, Any]]:
        """Returns the inputs of the executions of TrackPurges, oldest first."""
        sfn = boto3.client("stepfunctions")
        found = sfn.list_executions(stateMachineArn=self.settings.track_purges_arn)["executions"]
        return [
            json.loads(sfn.describe_execution(executionArn=each["executionArn"])["input"])
            for each in sorted(found, key=lambda each: each["startDate"])
        ]


@contextmanager
def running_harness(
    fetch: Fetch | None = None, *, rewriters: Sequence[str] = (), **settings: Any
) -> Iterator[Harness]:
    """Yields a new harness, and stops it at the end. The environment needs credentials and a region.

    The bucket `origin` is served at ENDPOINT. Purges have no rate limit unless a test sets one. If `fetch`
    is given, the emulator gets objects from it and serves them under `{url}/demo/`. The endpoints `rewriters`
    understand Cloudinary's URLs.
    """
    clock = VirtualClock()
    emulator = Emulator(
        EmulatorSettings(KEY, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6),
        origins={"demo": Bucket.parse("origin")},
        fetch=fetch,
        rewriters=rewriters,
        clock=clock,
    )
    # The emulator listens on a real socket, so moto must let calls to it pass.
    config = {"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}
    with (
        ImageKitServer(emulator) as server,
        mock_aws(config=config),
        pytest.MonkeyPatch.context() as patch,
    ):
        _share_models()
        patch.setattr(boto3, "client", _client)
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
        yield Harness(
            clock=clock,
            emulator=emulator,
            url=server.url,
            settings=Settings(**(given | settings)),
            ledger=Ledger("ledger", dynamodb),
            dynamodb=dynamodb,
            alerts_queue=alerts_queue,
        )


def _share_models() -> None:
    """Makes all sessions share the models loaded from botocore's files.

    moto discards the session with each harness.
    """
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    boto3.setup_default_session(botocore_session=session)


def _client(service: str, *, config: Config | None = None) -> Any:
    """Returns a client that all harnesses share: to make one takes longer than most tests.

    The client has no state of its own. All state is in moto, and moto discards it with each harness.
    """
    name = service, config
    if name not in _CLIENTS:
        _CLIENTS[name] = boto3.DEFAULT_SESSION.client(service, config=config)
    return _CLIENTS[name]


@dataclass
class Functions:
    """Both Lambda functions, with the environment variables that template.yaml gives them."""

    harness: Harness
    log: io.StringIO
    change_queue: str
    _ids: Iterator[int] = field(default_factory=count)

    def submit(self, event: Any, *, seconds: float = 120.0) -> Any:
        """Invokes SubmitPurge."""
        return submit_purge.handler(event, self._context("SubmitPurge", seconds))

    def check(self, purges: Sequence[dict[str, Any]], *, seconds: float = 60.0) -> Any:
        """Invokes CheckPurges as TrackPurges does. Event and answer are converted to JSON and back."""
        event = json.loads(json.dumps({"purges": purges}))
        return json.loads(json.dumps(check_purges.handler(event, self._context("CheckPurges", seconds))))

    def give_up(self, purges: Sequence[dict[str, Any]], **why: str) -> Any:
        """Invokes CheckPurges as TrackPurges does after its deadline."""
        return check_purges.handler({"purges": purges, "give_up": why}, self._context("CheckPurges", 60.0))

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Returns the log lines that have this message."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["message"] == message]

    def _context(self, name: str, seconds: float) -> Any:
        dies_at = self.harness.clock() + seconds
        return SimpleNamespace(
            function_name=name,
            memory_limit_in_mb=512,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
            aws_request_id=f"request-{next(self._ids)}",
            get_remaining_time_in_millis=lambda: int((dies_at - self.harness.clock()) * 1000),
        )


@contextmanager
def running_functions(harness: Harness, **environment: str) -> Iterator[Functions]:
    """Yields newly started functions, with some environment variables changed."""
    queue = boto3.client("sqs").create_queue(QueueName="changes")["QueueUrl"]
    given = {**default_environment()} | {
        "URL_MAP": f"my-origin-bucket={ENDPOINT}",
        "LEDGER_TABLE": harness.settings.ledger_table,
        "IMAGEKIT_SECRET_ARN": harness.settings.secret_arn,
        "IMAGEKIT_API_URL": harness.url,
        "CHANGE_QUEUE_URL": queue,
        "TRACK_PURGES_ARN": harness.settings.track_purges_arn,
        "ALERTS_TOPIC_ARN": harness.settings.alerts_topic_arn,
    }
    log = io.StringIO()
    time = SimpleNamespace(time=harness.clock, sleep=harness.clock.sleep)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (given | environment).items():
            patch.setenv(name, value)
        patch.setattr(submit_purge, "time", time)
        patch.setattr(clients, "aws", lambda service: _client(service, config=clients.AWS_CLIENT))
        patch.setattr(check_purges, "time", time)
        patch.setattr(logger.registered_handler, "stream", log)
        _clear_caches()
        yield Functions(harness, log, queue)
    _clear_caches()


def _clear_caches() -> None:
    submit_purge.application.cache_clear()
    check_purges.checker.cache_clear()


def _make_table(dynamodb: "DynamoDBClient", name: str) -> None:
    """Creates the table with the keys that template.yaml gives it."""
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
