"""moto behind the boundary, for the few runs that have the time: `--aws moto`.

It is moto's DynamoDB, Secrets Manager, Step Functions and SNS; the bucket stays the simulation's own,
because its clock must be, and moto's S3 has the machine's.
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
    """As SmallAws, in moto. Use within `open`."""

    def __init__(self, bucket: Bucket, secret: str) -> None:
        super().__init__(bucket, secret)
        self.secret_arn = self.machine_arn = self.topic_arn = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        """moto in force, and everything in it."""
        with mock_aws(config={"core": {"passthrough": {"urls": [r"http://127\.0\.0\.1.*"]}}}):
            once = Config(retries={"mode": "standard", "max_attempts": 1})  # the functions' own SDK repeats
            self._clients = {
                service: boto3.client(name, config=once)
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
        """moto answers; what it was told is written down as well."""
        service = name.partition(".")[0]
        if service == "s3":
            return super().respond(name, model, call)
        # Through a client of its own, with all of botocore's HTTP, where moto listens.
        http, parsed = self._clients[service]._endpoint.make_request(model, call)
        if http.status_code == 200 and service in ("sfn", "sns"):
            # Kept where the invariants look. A repeated start answers 200 in moto, if its input is the same.
            super().respond(name, model, call)
        return http.status_code, parsed

    def items(self) -> list[Item]:
        """The raw items of the table."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName="ledger")
        return [item for page in pages for item in page["Items"]]

    def item(self, pk: str, sk: str) -> Item | None:
        """One raw item."""
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        return self._dynamodb.get_item(TableName="ledger", Key=key, ConsistentRead=True).get("Item")

    def expire_lease(self) -> None:
        """Make it look as if the lease had run out."""
        if lease := self.item("state", "lease"):
            self._dynamodb.put_item(TableName="ledger", Item={**lease, "until": {"N": "0"}})

    def put_secret(self, secret: str) -> None:
        """Rotate the key, this side of it."""
        self._secrets.put_secret_value(SecretId=self.secret_arn, SecretString=secret)
