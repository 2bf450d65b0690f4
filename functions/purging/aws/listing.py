"""Lists buckets of S3, a page at a time."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from purging.planning.neighbours import Page

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteMarkerEntryTypeDef, ObjectVersionTypeDef

PAGE = 1000
"""Keys (or versions) that S3 lists in one request
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html)."""


class _Marker(TypedDict, total=False):
    KeyMarker: str


class S3Lister:
    """Lists buckets of S3."""

    def __init__(self, client: "S3Client") -> None:
        self._client = client

    def page(self, bucket: str, after: str, *, versions: bool, prefix: str = "") -> Page:
        """Return up to PAGE entries after the key `after` that begin with a prefix, by one request.

        Raises one of AWS_ERRORS, e.g. without s3:ListBucket or, with `versions`, s3:ListBucketVersions.
        """
        page = self._page_of_versions if versions else self._page_of_keys
        return page(bucket, after, prefix)

    def _page_of_keys(self, bucket: str, after: str, prefix: str) -> Page:
        answer = self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, StartAfter=after, MaxKeys=PAGE)
        keys = [entry["Key"] for entry in answer.get("Contents", ())]
        return Page(keys, Counter(), keys[-1] if keys else after, answer["IsTruncated"])

    def _page_of_versions(self, bucket: str, after: str, prefix: str) -> Page:
        marker: _Marker = {"KeyMarker": after} if after else {}
        answer = self._client.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=PAGE, **marker)
        versions = answer.get("Versions", [])
        markers = answer.get("DeleteMarkers", [])
        counts = Counter(entry["Key"] for entry in versions) + Counter(entry["Key"] for entry in markers)
        keys = [entry["Key"] for entry in versions if entry["IsLatest"]]
        last = max(counts, default=after)
        if answer["IsTruncated"]:
            # The page may end between two versions of its last key. The next page begins after `last`, so it
            # would not show the key's other versions: leave the whole key to it.
            if len(counts) == 1:
                counts[last] += 1  # the page is full of its versions: the object is not new
            else:
                del counts[last]
                keys = [key for key in keys if key != last]
                last = max(counts)
        return Page(keys, counts, last, answer["IsTruncated"], _removed(keys, versions, markers))


def _removed(
    keys: Sequence[str],
    versions: Sequence["ObjectVersionTypeDef"],
    markers: Sequence["DeleteMarkerEntryTypeDef"],
) -> dict[str, float]:
    """Return the keys whose version before the latest is a delete marker, and when it was made (unix
    seconds)."""
    # S3 lists the latest version first. Its times are whole seconds: within a second the order is unknown.
    before: dict[str, datetime] = {}
    for entry in versions:
        if not entry["IsLatest"]:
            before.setdefault(entry["Key"], entry["LastModified"])
    removed: dict[str, datetime] = {}
    for marker in markers:
        removed.setdefault(marker["Key"], marker["LastModified"])
    return {
        key: removed[key].timestamp()
        for key in keys
        if key in removed and (key not in before or before[key] < removed[key])
    }
