"""Makes an existing bucket send its events to EventBridge, and keeps its other notifications."""

import json
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EVENT_BRIDGE = "EventBridgeConfiguration"

# What the user can do about an error code of S3.
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "AccessDenied": "you need s3:GetBucketNotification and s3:PutBucketNotification there",
    "403": "you need s3:GetBucketNotification and s3:PutBucketNotification there",
    "PermanentRedirect": "the bucket is in another region; name it with --region",
    "AuthorizationHeaderMalformed": "the bucket is in another region; name it with --region",
}


def connect(bucket: str, *, profile: str | None, region: str | None, dry_run: bool) -> str:
    """Switch EventBridge on for a bucket. Returns one or two sentences that say what was done.

    Raises BadInput if the bucket or the credentials cannot be used.
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
    before = _configuration(client, bucket)
    if _EVENT_BRIDGE in before:
        return f"{bucket} sends its events to EventBridge already. Nothing to do."
    kept = f"{sum(map(len, before.values()))} other notification(s) stay as they are."
    wanted = {**before, _EVENT_BRIDGE: {}}
    if dry_run:
        return (
            f"{bucket} would send its events to EventBridge; {kept} Its configuration would be:\n"
            f"{json.dumps(wanted, indent=2)}"
        )
    # Each put replaces the whole configuration, so it has to contain the other notifications too.
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    # S3 validated their destinations when somebody set them up. A destination that no longer exists must
    # not stop this command.
    client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration=wanted,  # type: ignore[arg-type] # S3's own answer plus one field
        SkipDestinationValidation=True,
    )
    after = _configuration(client, bucket)
    if {name: value for name, value in after.items() if name != _EVENT_BRIDGE} != before:
        raise BadInput(
            f"Bucket {bucket}: somebody else changed its notifications at the same time. Compare them with "
            f"the earlier ones:\n{json.dumps(before, indent=2)}"
        )
    return f"{bucket} sends its events to EventBridge now; {kept} Deploy with OriginBuckets={bucket}."


def _configuration(client: "S3Client", bucket: str) -> dict[str, Any]:
    answer = client.get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
