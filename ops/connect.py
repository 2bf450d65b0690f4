"""Makes an existing bucket send its events to EventBridge, or takes that back, and changes nothing else."""

import difflib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput
from ops import connection_record
from ops.connection_record import Place

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_EVENT_BRIDGE = "EventBridgeConfiguration"
_BY_HAND = "To switch it off by hand: console, bucket, Properties, Amazon EventBridge, Off."

# What the user can do about an error code of S3.
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket; check its name",
    "AccessDenied": "you need s3:GetBucketNotification and s3:PutBucketNotification there",
    "403": "you need s3:GetBucketNotification and s3:PutBucketNotification there",
    "PermanentRedirect": "the bucket is in another region; name it with --region",
    "AuthorizationHeaderMalformed": "the bucket is in another region; name it with --region",
}


def connect(bucket: str, *, profile: str | None, region: str | None, dry_run: bool) -> str:
    """Switch EventBridge on for a bucket. Returns sentences that say what was done, or would be.

    A dry run only shows the difference. Raises BadInput if the bucket or the credentials cannot be used, or
    if somebody else changes the bucket's notifications meanwhile.
    """
    with _session(bucket, profile, region) as session:
        client: S3Client = session.client("s3")
        before = _configuration(client, bucket)
        if _EVENT_BRIDGE in before:
            return f"{bucket} sends its events to EventBridge already. Nothing to do."
        wanted = {**before, _EVENT_BRIDGE: {}}
        if dry_run:
            return f"{bucket} would send its events to EventBridge; {_kept(before)}\n{_diff(before, wanted)}"
        place = _place(session, client)
        _refuse_if_changed(client, bucket, before)
        _put(client, bucket, wanted)
        # Not before the put: if that failed and somebody else connected the bucket, --undo would undo theirs.
        connection_record.write(bucket, place, before)
        _look_again(client, bucket, before, wanted)
    return (
        f"{bucket} sends its events to EventBridge now; {_kept(before)} Deploy with OriginBuckets={bucket}. "
        "--undo takes it back."
    )


def disconnect(bucket: str, *, profile: str | None, region: str | None, dry_run: bool) -> str:
    """Switch EventBridge off again for a bucket that `connect` switched it on for, from this folder. Returns
    sentences that say what was done, or would be.

    A dry run only shows the difference. Raises BadInput as `connect` does, if `connect` did not switch
    EventBridge on, or did so in another account, region or endpoint of S3, and if other notifications of the
    bucket are not what `connect` left.
    """
    with _session(bucket, profile, region) as session:
        client: S3Client = session.client("s3")
        found = _configuration(client, bucket)
        if _EVENT_BRIDGE not in found:
            return f"{bucket} sends no events to EventBridge. Nothing to do."
        place = _place(session, client)
        wanted = connection_record.read(bucket, place)
        if wanted is None:
            raise BadInput(
                f"Bucket {bucket}: no record in {connection_record.FOLDER.name}/ says that connect switched "
                f"EventBridge on, so others may rely on it. {_BY_HAND}"
            )
        left = {**wanted, _EVENT_BRIDGE: {}}
        if _text(found) != _text(left):
            raise BadInput(
                f"Bucket {bucket}: its notifications are not what connect left, so nothing was changed. "
                f"{_BY_HAND}\n{_diff(left, found)}"
            )
        if dry_run:
            return f"{bucket} would send no events to EventBridge; {_kept(wanted)}\n{_diff(found, wanted)}"
        _refuse_if_changed(client, bucket, found)
        _put(client, bucket, wanted)
        connection_record.forget(bucket, place)
        _look_again(client, bucket, found, wanted)
    return f"{bucket} sends no events to EventBridge any more; {_kept(wanted)}"


@contextmanager
def _session(bucket: str, profile: str | None, region: str | None) -> Iterator[boto3.Session]:
    """Gives a session. Raises BadInput for each error of AWS in the block."""
    try:
        yield boto3.Session(profile_name=profile, region_name=region)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        remedy = _REMEDIES.get(code, error.response["Error"].get("Message", ""))
        raise BadInput(f"Bucket {bucket}: {error.operation_name} answered {code}: {remedy}.") from error
    except (BotoCoreError, ValueError) as error:
        raise BadInput(f"Bucket {bucket}: {error}") from error


def _place(session: boto3.Session, client: "S3Client") -> Place:
    """Where a bucket of the client is."""
    account: str = session.client("sts").get_caller_identity()["Account"]
    return Place(account, client.meta.region_name, client.meta.endpoint_url)


def _refuse_if_changed(client: "S3Client", bucket: str, seen: dict[str, Any]) -> None:
    """Raises BadInput if the configuration is not what was `seen`.

    S3's put takes no condition, so a change in the milliseconds between this look and the put is overwritten,
    and nobody notices: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
    """
    found = _configuration(client, bucket)
    if _text(found) != _text(seen):
        raise BadInput(
            f"Bucket {bucket}: somebody else is changing its notifications, so nothing was changed. Repeat "
            f"the command when they are done.\n{_diff(seen, found)}"
        )


def _put(client: "S3Client", bucket: str, wanted: dict[str, Any]) -> None:
    # Each put replaces the whole configuration, so it has to contain the other notifications too.
    # S3 validated their destinations when somebody set them up. A destination that no longer exists must
    # not stop this command.
    client.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration=wanted,  # type: ignore[arg-type] # S3's own answer, but for one field
        SkipDestinationValidation=True,
    )


def _look_again(client: "S3Client", bucket: str, before: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raises BadInput if the configuration is neither what was put nor what was there before, which S3 may
    answer for some time: https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel"""
    after = _configuration(client, bucket)
    if _text(after) not in {_text(before), _text(wanted)}:
        raise BadInput(
            f"Bucket {bucket}: somebody else changed its notifications at the same time. This is how they "
            f"differ from what was written:\n{_diff(wanted, after)}\nThey were before:\n{_text(before)}"
        )


def _configuration(client: "S3Client", bucket: str) -> dict[str, Any]:
    answer = client.get_bucket_notification_configuration(Bucket=bucket)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _kept(others: dict[str, Any]) -> str:
    return f"{sum(map(len, others.values()))} other notification(s) stay as they are."


def _diff(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The unified difference of two configurations, in full."""
    old, new = _text(before).splitlines(), _text(after).splitlines()
    return "\n".join(difflib.unified_diff(old, new, "before", "after", lineterm="", n=len(old)))


def _text(configuration: dict[str, Any]) -> str:
    """The configuration in one form, whatever the order in which S3 answers: the order means nothing."""
    return json.dumps(_ordered(configuration), indent=2, sort_keys=True)


def _ordered(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _ordered(each) for name, each in part.items()}
    if isinstance(part, list):
        return sorted(map(_ordered, part), key=lambda each: json.dumps(each, sort_keys=True))
    return part
