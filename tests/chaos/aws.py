"""The AWS services that the functions call, as botocore's `before-send` event sees them.

A service that stands here answers HTTP with HTTP: botocore serialises, signs, parses and retries as ever.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from botocore.awsrequest import AWSResponse

from tests.chaos.bucket import Bucket
from tests.chaos.dynamodb import Item, Refused, Table


class SmallAws:
    """One table, one bucket, one secret, one state machine and one topic.

    `executions` are the inputs of TrackPurges by name; `alerts` what was published.
    """

    def __init__(self, bucket: Bucket, secret: str) -> None:
        self.table = Table()
        self.bucket = bucket
        self.secret = secret
        self.executions: dict[str, Any] = {}
        self.alerts: list[str] = []
        self.secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:imagekit-abcdef"
        self.machine_arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:TrackPurges"
        self.topic_arn = "arn:aws:sns:eu-central-1:123456789012:alerts"

    @contextmanager
    def open(self) -> Iterator[None]:
        """It is there already."""
        yield

    def respond(self, service: str, operation: str, request: Any) -> AWSResponse:
        """Answer one call, with its effect."""
        try:
            if service == "s3":
                query = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
                return answer(request, 200, self.bucket.page(query), "application/xml")
            if service == "sns":
                form = dict(parse_qsl(_text(request)))
                self.alerts.append(f"{form['Subject']}\n{form['Message']}")
                name = f"{operation}Response"
                body = f"<{name}><{operation}Result><MessageId>m</MessageId></{operation}Result></{name}>"
                return answer(request, 200, body.encode(), "text/xml")
            return answer(request, 200, self._json(service, operation, json.loads(_text(request))))
        except Refused as refused:
            return error(request, refused.code, str(refused), **refused.fields)

    def _json(self, service: str, operation: str, order: dict[str, Any]) -> dict[str, Any]:
        if service == "dynamodb":
            return self.table.handle(operation, order)
        if operation == "GetSecretValue":
            return {"ARN": order["SecretId"], "Name": "imagekit", "SecretString": self.secret}
        if operation == "StartExecution":
            if order["name"] in self.executions:
                raise Refused("ExecutionAlreadyExists")
            self.executions[order["name"]] = json.loads(order["input"])
            return {"executionArn": f"arn:aws:states:::execution:{order['name']}", "startDate": 0}
        raise ValueError(f"{service} {operation} is not simulated")

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
            lease["until"] = {"N": "0"}

    def put_secret(self, secret: str) -> None:
        """Rotate the key, this side of it."""
        self.secret = secret


def _text(request: Any) -> str:
    body = request.body
    return body.decode() if isinstance(body, bytes) else str(body or "")


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        """As urllib3's answers have it."""
        yield self.getvalue()


def answer(request: Any, status: int, body: Any, kind: str = "application/x-amz-json-1.0") -> AWSResponse:
    """An HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": kind, "x-amzn-RequestId": "request"}
    return AWSResponse(request.url, status, headers, _Raw(content))


def error(request: Any, code: str, message: str = "", *, status: int = 400, **fields: Any) -> AWSResponse:
    """An error answer of a JSON service, or of S3 or SNS."""
    if ".s3." in request.url or "sns" in request.url:
        inner = f"<Code>{code}</Code><Message>{message}</Message>"
        wrapped = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>" if "sns" in request.url else ""
        return answer(request, status, (wrapped or f"<Error>{inner}</Error>").encode(), "application/xml")
    body = {"__type": code, "message": message, **fields}
    return answer(request, status, body)
