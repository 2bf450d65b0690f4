"""The AWS services that the functions call. A service answers the requests that botocore has serialised."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from local.fakes.dynamodb import Item, Refused, Table, decoded
from local.fakes.s3_listing import MAX_KEYS
from tests.chaos.bucket import Bucket
from tests.chaos.endpoint import Answer, Call

_LISTING = {"prefix": "Prefix", "start-after": "StartAfter", "key-marker": "KeyMarker"}
"""Parameters of S3's listings: as they stand in a query string, and as boto3 names them."""


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
        """Nothing has to be opened here."""
        yield

    def respond(self, name: str, _model: Any, call: Call) -> Answer:
        """Answer one call, with its effect."""
        service, _, operation = name.partition(".")
        try:
            if service == "s3":
                return 200, self._listing(operation, call["query_string"])
            if service == "sns":
                return 200, {"MessageId": "m"}
            if service == "dynamodb":
                return 200, self.table.handle(operation, decoded(call["body"]))
            return 200, self._other(operation, json.loads(call["body"]))
        except Refused as refused:
            return error(refused.code, str(refused), **refused.fields)

    def _listing(self, operation: str, query: Mapping[str, Any]) -> dict[str, Any]:
        listings: dict[str, Callable[..., dict[str, Any]]] = {
            "ListObjectsV2": self.bucket.list_objects_v2,
            "ListObjectVersions": self.bucket.list_object_versions,
        }
        given = {boto3_name: query[name] for name, boto3_name in _LISTING.items() if name in query}
        return listings[operation](**given, MaxKeys=int(query.get("max-keys", MAX_KEYS)))

    def _other(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "GetSecretValue":
            return {"ARN": request["SecretId"], "Name": "imagekit", "SecretString": self.secret}
        if operation == "StartExecution":
            if request["name"] in self.executions:
                raise Refused("ExecutionAlreadyExists")
            self.executions[request["name"]] = json.loads(request["input"])
            arn = f"arn:aws:states:::execution:{request['name']}"
            return {"executionArn": arn, "startDate": datetime.fromtimestamp(0, UTC)}
        raise ValueError(f"{operation} is not simulated")

    # --- what the simulation itself reads and changes, past the boundary ---

    def items(self) -> list[Item]:
        """The raw items of the table."""
        return self.table.items()

    def item(self, pk: str, sk: str) -> Item | None:
        """One raw item."""
        return self.table.item(pk, sk)

    def expire_lease(self) -> None:
        """End the lease at once."""
        if lease := self.item("state", "lease"):
            self.table.store({**lease, "until": {"N": "0"}})

    def put_secret(self, secret: str) -> None:
        """Rotate the key in Secrets Manager."""
        self.secret = secret


def error(code: str, message: str = "", *, status: int = 400, **fields: Any) -> Answer:
    """A refusal."""
    return status, {"Error": {"Code": code, "Message": message}, **fields}
