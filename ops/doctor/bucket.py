"""Asks S3 about a bucket: its region, whether it keeps versions, and where it sends its events."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.doctor.finding import Finding, mend, unseen
from ops.remedies import remedy, sentence

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CLIENT = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
_DENIED = {"AccessDenied", "403", "AllAccessDisabled", "UnauthorizedAccess"}
_GONE = {"NoSuchBucket", "404"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is known of a bucket. A part is None if S3 did not tell it."""

    name: str
    region: str | None = None
    keeps_versions: bool | None = None
    sends_to_event_bridge: bool | None = None
    queues: tuple[str, ...] = ()
    """ARNs of the queues that get its events."""
    findings: tuple[Finding, ...] = ()
    """What S3 did not tell, and why."""


def look(session: boto3.Session, name: str) -> Bucket:
    """Ask S3 about a bucket. Needs s3:GetBucketLocation, s3:GetBucketVersioning, s3:GetBucketNotification.

    What S3 does not tell is a finding; nothing is raised.
    """
    findings: list[Finding] = []
    try:
        client: S3Client = session.client("s3", config=_CLIENT)
    except (BotoCoreError, ValueError) as error:
        return Bucket(name, findings=(_not_asked(name, error),))

    def answer(action: str, what: str, get: Callable[[], Any]) -> Any:
        if any(each.severity == "mend" for each in findings):
            return None  # there is no such bucket
        try:
            return get()
        except ClientError as error:
            findings.append(_refused(name, action, what, error))
        except BotoCoreError as error:
            findings.append(_not_asked(name, error))
        return None

    location = answer("s3:GetBucketLocation", "its region", lambda: client.get_bucket_location(Bucket=name))
    versioning = answer(
        "s3:GetBucketVersioning",
        "whether it keeps versions",
        lambda: client.get_bucket_versioning(Bucket=name),
    )
    events = answer(
        "s3:GetBucketNotification",
        "whether it sends its events",
        lambda: client.get_bucket_notification_configuration(Bucket=name),
    )
    return Bucket(
        name,
        None if location is None else _region(location.get("LocationConstraint")),
        None if versioning is None else versioning.get("Status") == "Enabled",
        None if events is None else "EventBridgeConfiguration" in events,
        tuple(each["QueueArn"] for each in (events or {}).get("QueueConfigurations", [])),
        tuple(dict.fromkeys(findings)),
    )


def _region(constraint: str | None) -> str:
    """The region, by S3's names of old:
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html"""
    return {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}.get(constraint, constraint or "")


def _refused(name: str, action: str, what: str, error: ClientError) -> Finding:
    code = error.response["Error"]["Code"]
    if code in _GONE:
        return mend(f"There is no bucket {name}.", "Check its name.")
    if code in _DENIED:
        return unseen(
            f"Bucket {name}: S3 does not let you see {what}.", f"Ask for {action} on arn:aws:s3:::{name}."
        )
    message = error.response["Error"].get("Message", "")
    todo = remedy(error, action, "try again")
    return unseen(f"Bucket {name}: {error.operation_name} answered {code}: {message}", sentence(todo))


def _not_asked(name: str, error: BotoCoreError | ValueError) -> Finding:
    otherwise = "correct the name, the region or the profile"
    todo = remedy(error, "", otherwise) if isinstance(error, BotoCoreError) else otherwise
    return unseen(f"Bucket {name} could not be looked at: {error}", sentence(todo))
