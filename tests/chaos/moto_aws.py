"""AWS by moto, for a few slower runs: `--aws moto`.

DynamoDB, Secrets Manager, Step Functions and SNS are moto's. The bucket stays the simulation's own, because
moto's S3 uses the clock of the machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from moto import mock_aws

from local.fakes.dynamodb import Item
from tests.chaos.aws import SmallAws
from tests.chaos.bucket import Bucket
from tests.chaos.endpoint import Answer, Call

_MACHINE = '{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}'


class MotoAws(SmallAws):
    """The same as SmallAws, in moto. Use it within `open`."""

    def __init__(self, bucket: Bucket, secret: str) -> None:
        super().__init__(bucket, secret)
        self.secret_arn = self.machine_arn = self.topic_arn = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Starts moto and creates all resources in it."""
        with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
            no_retries = Config(
                retries={"mode": "standard", "max_attempts": 1}
            )  # the SDK of the functions retries
            self._clients = {
                service: boto3.client(name, config=no_retries)
                for service, name in {
                    "dynamodb": "dynamodb",
                    "secrets-manager": "secretsmanager",
                    "sfn": "stepfunctions",
                    "sns": "sns",
                }.items()
            }
            self._dynamodb, self._secrets = self._clients["dynamodb"], self._clients["secrets-manager"]
            self._dynamodb.create_table(
                TableName="ledger",
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            )
            self.secret_arn = self._secrets.create_secret(Name="imagekit", SecretString=self.secret)["ARN"]
            machine = self._clients["sfn"].create_state_machine(
                name="TrackPurges",
                definition=_MACHINE,
                roleArn="arn:aws:iam::123456789012:role/TrackPurges",
            )
            self.machine_arn = machine["stateMachineArn"]
            self.topic_arn = self._clients["sns"].create_topic(Name="alerts")["TopicArn"]
            yield

    def respond(self, name: str, model: Any, call: Call) -> Answer:
        """Lets moto answer a call, and records executions and alerts."""
        service = name.partition(".")[0]
        if service == "s3":
            return super().respond(name, model, call)
        # Another client sends the call with botocore's HTTP, which moto intercepts.
        http, parsed = self._clients[service]._endpoint.make_request(model, call)
        if http.status_code == 200 and service in ("sfn", "sns"):
            # The checkers read these records. moto answers 200 to a repeated start with the same input.
            super().respond(name, model, call)
        return http.status_code, parsed

    def items(self) -> list[Item]:
        """Returns the raw items of the table."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName="ledger")
        return [item for page in pages for item in page["Items"]]

    def item(self, pk: str, sk: str) -> Item | None:
        """Returns one raw item."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return self._dynamodb.get_item(TableName="ledger", Key=key, ConsistentRead=True).get("Item")

    def expire_lease(self) -> None:
        """Makes the lease look expired."""
        if lease := self.item("state", "lease"):
            self._dynamodb.put_item(TableName="ledger", Item={**lease, "until": {"N": "0"}})

    def put_secret(self, secret: str) -> None:
        """Rotates the key in Secrets Manager."""
        self._secrets.put_secret_value(SecretId=self.secret_arn, SecretString=secret)
