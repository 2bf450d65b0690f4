"""The S3 bucket behind the edge."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer of the origin: status 200 or 404, body, content type, and the quoted ETag (None on 404)."""

    status: int
    body: bytes
    content_type: str
    etag: str | None = None


NOT_FOUND = Fetched(404, b"Not Found\n", "text/plain; charset=utf-8")

# Takes a bucket and a key. Raises OriginError if it cannot say whether the object exists.
Fetch = Callable[[str, str], Fetched]


class OriginError(Exception):
    """The origin could not say whether the object exists. The text names the object and the cause."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """An S3 origin of ImageKit: a bucket and an optional folder in it, without leading or trailing slash."""

    name: str
    folder: str = ""

    @classmethod
    def parse(cls, text: str) -> "Bucket":
        """Parse ``bucket`` or ``bucket/folder``. Raises ValueError, whose text names the remedy."""
        name, _, folder = text.partition("/")
        if not _BUCKET_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no bucket name; give bucket or bucket/folder")
        return cls(name, folder.strip("/"))

    def key(self, object_path: str) -> str:
        """Returns the key of a decoded path: without one leading slash, and behind the folder."""
        key = object_path.removeprefix("/")
        return f"{self.folder}/{key}" if self.folder else key


class S3Origin:
    """Fetches objects, with one client for all threads.

    ``endpoint`` is the URL of an S3 service with path-style addressing. With None it comes from the ordinary
    AWS environment, as credentials and region always do.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._client: S3Client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            config=Config(
                s3={"addressing_style": "path"},
                max_pool_connections=64,
                connect_timeout=60,  # seconds: a busy machine is slow
                read_timeout=60,
                # One retry: an edge should soon answer 502, and not hide that its origin fails.
                retries={"total_max_attempts": 2, "mode": "standard"},
            ),
        )

    def __call__(self, bucket: str, key: str) -> Fetched:
        """Fetch one object. Raises OriginError."""
        if not key:  # S3 has no object without a key, and boto3 would not send the request
            return NOT_FOUND
        try:
            found = self._client.get_object(Bucket=bucket, Key=key)
            body = found["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            # NoSuchBucket is a 404 too, but a mistake in the set-up: not cached, so that a repair shows.
            if code in {"NoSuchKey", "404"}:
                return NOT_FOUND
            raise OriginError(f"s3://{bucket}/{key}: {code}") from error
        except BotoCoreError as error:
            raise OriginError(f"s3://{bucket}/{key}: {type(error).__name__}: {error}") from error
        return Fetched(200, body, found.get("ContentType", "binary/octet-stream"), found["ETag"])
