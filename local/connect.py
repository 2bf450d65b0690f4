"""Lets an existing bucket send its events to EventBridge, and leaves its other notifications as they are."""

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EVENT_BRIDGE = "EventBridgeConfiguration"

# What people can do about the answers that are theirs to mend.
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "AccessDenied": "it takes s3:GetBucketNotification and s3:PutBucketNotification there",
    "403": "it takes s3:GetBucketNotification and s3:PutBucketNotification there",
    "PermanentRedirect": "the bucket is in another region; name it with --region",
    "AuthorizationHeaderMalformed": "the bucket is in another region; name it with --region",
}


def connect(bucket: str, *, profile: str | None, region: str | None, dry_run: bool) -> str:
    """Switch EventBridge on, with the ordinary AWS credentials; what was done, in a sentence or two.

    Raises BadInput if the bucket or the credentials do not allow it.
    """
    try:
        client: S3Client = boto3.Session(profile_name=profile, region_name=region).client("s3")
        return _connect(client, bucket, dry_run=dry_run)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        remedy = _REMEDIES.get(code, error.response["Error"].get("Message", ""))
        raise BadInput(f"Bucket {bucket}: {error.operation_name} answered {code}: {remedy}.") from error
    except (BotoCoreError, ValueError) as error:
        raise BadInput(f"Bucket {bucket}: {error}") from error


def _connect(client: "S3Client", bucket: str, *, dry_run: bool) -> str:
    found = _configuration(client, bucket)
    if _EVENT_BRIDGE in found:
        return f"{bucket} sends its events to EventBridge already. Nothing to do."
    kept = f"{sum(map(len, found.values()))} other notification(s) stay as they are."
    wanted = {**found, _EVENT_BRIDGE: {}}
    if dry_run:
        return (
            f"{bucket} would send its events to EventBridge; {kept} Its configuration would be:\n"
            f"{json.dumps(wanted, indent=2)}"
        )
    # Each put replaces the whole configuration. Its other targets were checked when they were set up: that
    # one of them is gone by now must not stand in the way.
    client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration=wanted,  # type: ignore[arg-type] # as it came, but for one more field
        SkipDestinationValidation=True,
    )
    left = _configuration(client, bucket)
    left.pop(_EVENT_BRIDGE, None)
    if left != found:
        raise BadInput(
            f"Bucket {bucket}: somebody else changed its notifications at the same time. Compare them with "
            f"what they were before:\n{json.dumps(found, indent=2)}"
        )
    return f"{bucket} sends its events to EventBridge now; {kept} Deploy with OriginBuckets={bucket}."


def _configuration(client: "S3Client", bucket: str) -> dict[str, Any]:
    answer = client.get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
