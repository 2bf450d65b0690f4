"""A bucket of another region or account is listed all the same, or purged without a listing."""

from collections import Counter
from math import inf
from typing import Any

import boto3
from botocore.awsrequest import AWSRequest, AWSResponse

from purging.aws.clients import AWS_CLIENT
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.planning.surveys import SurveyRequest

HOME, ELSEWHERE = "eu-west-1", "us-west-2"
LISTING = (
    "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.jpg</Key></Contents>"
    "<Contents><Key>b.jpg</Key></Contents></ListBucketResult>"
)


class _Raw:
    """The body of an answer, as botocore reads it from the socket."""

    def __init__(self, text: str) -> None:
        self._text = text.encode()

    def stream(self) -> list[bytes]:
        return [self._text]


class _Amazon:
    """S3 at the wire: each region's endpoint serves its own buckets and names the region of others."""

    def __init__(self, *, allowed: bool = True) -> None:
        self.asked: Counter[str] = Counter()
        self._allowed = allowed

    def answer(self, request: AWSRequest, **_: Any) -> AWSResponse:
        region = ELSEWHERE if f".{ELSEWHERE}." in request.url else HOME
        self.asked[region] += 1
        signed = request.headers["Authorization"]
        signed = signed.decode() if isinstance(signed, bytes) else signed
        assert f"/{region}/s3/" in signed  # S3 refuses another region's signature
        if region == HOME:
            return _answered(request, 301, "<Error><Code>PermanentRedirect</Code></Error>")
        if not self._allowed:
            return _answered(request, 403, "<Error><Code>AccessDenied</Code></Error>")
        return _answered(request, 200, LISTING)


def _answered(request: AWSRequest, status: int, body: str) -> AWSResponse:
    # Amazon S3 API reference, "HeadBucket": the header comes with redirects and refusals too.
    return AWSResponse(request.url, status, {"x-amz-bucket-region": ELSEWHERE}, _Raw(body))


def _surveyor(amazon: _Amazon) -> Surveyor:
    """As bootstrap.py makes it, in the stack's region."""
    client = boto3.client("s3", region_name=HOME, config=AWS_CLIENT)
    client.meta.events.register("before-send.s3", amazon.answer)
    return Surveyor(S3Lister(client))


def test_a_bucket_of_another_region_is_listed_there() -> None:
    """The client learns the region from S3's first answer, and asks at the right place from then on."""
    amazon = _Amazon()
    surveyor = _surveyor(amazon)
    request = SurveyRequest("elsewhere", ["a.jpg", "c.jpg"], (), versions=False)
    for _ in range(3):
        assert surveyor.around(request, lambda: inf).unchanged == ["b.jpg"]
    assert amazon.asked[HOME] == 1


def test_a_bucket_that_may_not_be_listed_has_no_neighbours_and_stops_nothing() -> None:
    """Of another account, say, whose policy does not let us: changes are then purged one by one."""
    found = _surveyor(_Amazon(allowed=False)).around(
        SurveyRequest("elsewhere", ["a.jpg"], (), versions=True), lambda: inf
    )
    assert (found.unchanged, found.new) == ([], set())
    assert not found.counted("a.jpg")
