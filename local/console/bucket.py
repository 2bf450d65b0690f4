"""What the page does to the bucket: uploads, overwrites and deletes objects, as their owner would."""

import time
from collections.abc import Iterator

from botocore.exceptions import ClientError

from local.console.objects import Stored
from local.demo.catalogue import MAX_KEY_BYTES, image_specs
from local.demo.drawing import Picture, draw
from local.errors import BadInput
from local.stack import Stack

_DRAWN = {"png": "png", "jpg": "jpg", "jpeg": "jpg", "webp": "webp"}
"""What is drawn for a key with this extension."""

MARKUP_KEY = 'names/<img src=x onerror=alert(1)> & "quotes".png'
"""A key that would do harm on a page that took it for HTML."""


class Bucket:
    """The origin bucket of a stack. Every method raises one of botocore's errors if S3 fails."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._drawn = int(time.time())

    def listing(self) -> dict[str, Stored]:
        """Return all objects."""
        pages = self._stack.s3.get_paginator("list_objects_v2").paginate(Bucket=self._stack.bucket)
        return {
            each["Key"]: Stored(each["ETag"], each["Size"], each["LastModified"].timestamp())
            for page in pages
            for each in page.get("Contents", ())
        }

    def put(self, key: str, body: bytes, content_type: str) -> tuple[Stored, float]:
        """Put an object. Returns it, and when the call began (unix seconds). Raises BadInput for a key that
        S3 does not take."""
        check_key(key)
        at = time.time()
        answer = self._stack.s3.put_object(
            Bucket=self._stack.bucket, Key=key, Body=body, ContentType=content_type
        )
        return Stored(answer["ETag"], len(body), at), at

    def overwrite(self, key: str) -> tuple[Stored, float]:
        """Put a newly drawn picture, as `put` does. It differs from the one that is there."""
        current = self._body(key)
        picture = self._draw(key)
        while picture.body == current:
            picture = self._draw(key)
        return self.put(key, picture.body, picture.content_type)

    def delete(self, key: str) -> float:
        """Delete an object. Returns when the call began (unix seconds)."""
        at = time.time()
        self._stack.s3.delete_object(Bucket=self._stack.bucket, Key=key)
        return at

    def put_samples(self) -> None:
        """Put pictures with keys of all kinds."""
        for key in sample_keys():
            self.overwrite(key)

    def _body(self, key: str) -> bytes:
        try:
            return self._stack.s3.get_object(Bucket=self._stack.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return b""
            raise

    def _draw(self, key: str) -> Picture:
        self._drawn += 1
        extension = _DRAWN.get(key.rpartition(".")[2].lower(), "png")
        return draw(sum(key.encode()) % 100, self._drawn % 100, extension)


def sample_keys() -> Iterator[str]:
    """Yield the keys of the demo, and one with markup."""
    yield from dict.fromkeys(spec.key for spec in image_specs())
    yield MARKUP_KEY


def check_key(key: str) -> None:
    """Raises BadInput if S3 takes no object with this key, or no URL can show it:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
    if not key:
        raise BadInput("The key is empty: give a name, such as products/shoe.jpg.")
    if not {".", ".."}.isdisjoint(key.split("/")):
        raise BadInput(
            f"The key {key!r} has a dot segment: write the path in full, no URL shows it otherwise."
        )
    if len(key.encode()) > MAX_KEY_BYTES:
        raise BadInput(f"The key has {len(key.encode())} bytes: give at most {MAX_KEY_BYTES}.")
