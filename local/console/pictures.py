"""The pictures of the page, from the edge and from the origin. Nothing but a picture is passed on."""

import requests
from botocore.exceptions import ClientError
from starlette.responses import Response

from local.console.looks import Edge
from local.stack import Stack

_SANDBOX = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""An SVG may hold scripts: as a picture of the page it runs none, and by itself none either."""

_NO_PICTURE = 204


def at_edge(edge: Edge, url: str) -> Response:
    """Return what the edge shows at a URL."""
    try:
        answer = edge.get(url)
    except requests.RequestException:
        return Response(status_code=502)
    return _picture(answer.content if answer.ok else b"", answer.headers.get("Content-Type", ""))


def at_origin(stack: Stack, key: str) -> Response:
    """Return what the bucket holds. Raises one of botocore's errors if S3 fails."""
    try:
        found = stack.s3.get_object(Bucket=stack.bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return Response(status_code=_NO_PICTURE)
        raise
    return _picture(found["Body"].read(), found.get("ContentType", ""))


def _picture(body: bytes, content_type: str) -> Response:
    kind = content_type.partition(";")[0].strip().lower()
    if not body or not kind.startswith("image/"):
        return Response(status_code=_NO_PICTURE)
    return Response(body, media_type=kind, headers=_SANDBOX)
