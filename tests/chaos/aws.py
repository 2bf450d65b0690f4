"""The AWS services that the functions call. A service that stands here answers what botocore serialised."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from tests.chaos.bucket import Bucket
from tests.chaos.dynamodb import Item, Refused, Table
from tests.chaos.endpoint import Answer, Call


class SmallAws:
    """One table, one bucket, one secret, one state machine and one topic.

    `executions` are the inputs of TrackPurges by name.
    """

    def __init__(self, bucket: Bucket, secret: str) -> None:
        self.table = Table()
        self.bucket = bucket
        self.secret = secret
        self.executions: dict[str, Any] = {}
        self.secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:imagekit-abcdef"
        self.machine_arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:TrackPurges"
        self.topic_arn = "arn:aws:sns:eu-central-1:123456789012:alerts"

    @contextmanager
    def open(self) -> Iterator[None]:
        """It is there already."""
        yield

    def respond(self, name: str, _model: Any, call: Call) -> Answer:
        """Answer one call, with its effect."""
        service, _, operation = name.partition(".")
        try:
            if service == "s3":
                return 200, self.bucket.page(operation, call["query_string"])
            if service == "sns":
                return 200, {"MessageId": "m"}
            order = json.loads(call["body"])
            if service == "dynamodb":
                return 200, self.table.handle(operation, order)
            return 200, self._other(operation, order)
        except Refused as refused:
            return error(refused.code, str(refused), **refused.fields)

    def _other(self, operation: str, order: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetSecretValue":
            return {"ARN": order["SecretId"], "Name": "imagekit", "SecretString": self.secret}
        if operation == "StartExecution":
            if order["name"] in self.executions:
                raise Refused("ExecutionAlreadyExists")
            self.executions[order["name"]] = json.loads(order["input"])
            arn = f"arn:aws:states:::execution:{order['name']}"
            return {"executionArn": arn, "startDate": datetime.fromtimestamp(0, UTC)}
        raise ValueError(f"{operation} is not simulated")

    # --- how the simulation itself looks and reaches in, past the boundary ---

    def items(self) -> list[Item]:
        """The raw items of the table."""
        return list(self.table.items.values())

    def item(self, pk: str, sk: str) -> Item | None:
        """One raw item."""
        return self.table.items.get((pk, sk))

    def expire_lease(self) -> None:
        """Make it look as if the lease had run out."""
        if lease := self.item("state", "lease"):
            self.table.items["state", "lease"] = {**lease, "until": {"N": "0"}}

    def put_secret(self, secret: str) -> None:
        """Rotate the key, this side of it."""
        self.secret = secret


def error(code: str, message: str = "", *, status: int = 400, **fields: Any) -> Answer:
    """A refusal."""
    return status, {"Error": {"Code": code, "Message": message}, **fields}
