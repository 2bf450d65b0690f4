"""Asks CloudFormation about a deployed stack, and Secrets Manager for its private key."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput
from ops.doctor.domain import InvalidSetting, KeyRefused, PrivateKey, Settings, settings_of
from ops.doctor.finding import Finding, mend, unseen
from ops.remedies import remedy, sentence, stack_remedy, told

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

_CLIENT = Config(connect_timeout=10, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, slots=True)
class Stack:
    """A deployed stack, with the settings that its functions have."""

    name: str
    region: str
    account: str
    settings: Settings
    url_map_text: str
    transformations: tuple[str, ...]
    buckets: tuple[str, ...]
    """Those whose events it takes."""
    owns_bucket: bool
    """Whether the one bucket is the stack's own, which sends its events straight to the queue."""
    secret: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StackKey:
    """The private key of the stack's secret, or what is wrong with it. It never shows the key."""

    value: str = field(default="", repr=False)
    finding: Finding | None = None


def look(session: boto3.Session, name: str) -> Stack:
    """Read a stack's parameters and outputs. Needs cloudformation:DescribeStacks.

    Raises BadInput if there is no such stack, or if it is none of this project.
    """
    try:
        client: CloudFormationClient = session.client("cloudformation", config=_CLIENT)
        [found] = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise BadInput(f"Stack {name}: {told(error)}; {stack_remedy(error)}") from error
    except BotoCoreError as error:
        raise BadInput(f"Stack {name}: {error}; {stack_remedy(error)}") from error
    except ValueError as error:
        raise BadInput(f"Stack {name}: {error}") from error
    parameters = {
        each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])
    }
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    if "UrlMap" not in parameters or "ImageKitSecretArn" not in outputs:
        raise BadInput(f"Stack {name} has no UrlMap: name a stack of this project's template.yaml")
    _, _, _, region, account, *_ = found["StackId"].split(":")
    own = outputs.get("OriginBucketName", "")
    return Stack(
        name,
        region,
        account,
        _settings(name, parameters),
        parameters["UrlMap"],
        tuple(parameters.get("PathTransformations", "").split()),
        (own,) if own else tuple(filter(None, parameters.get("OriginBuckets", "").split(","))),
        bool(own),
        outputs["ImageKitSecretArn"],
        parameters,
    )


def key(session: boto3.Session, stack: Stack) -> StackKey:
    """Read the private key. Needs secretsmanager:GetSecretValue, and kms:Decrypt for a key of your own."""
    try:
        client: SecretsManagerClient = session.client("secretsmanager", config=_CLIENT)
        return StackKey(PrivateKey(stack.secret, client).value())
    except KeyRefused:
        return StackKey(
            finding=mend(
                f"Secret {stack.secret} holds no private key, so nothing is purged.",
                'Put {"private_key": "private_..."} there: aws secretsmanager put-secret-value.',
            )
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            return StackKey(
                finding=mend(
                    f"There is no secret {stack.secret}, so nothing is purged.",
                    "Restore it (aws secretsmanager restore-secret), or give another ImageKitSecretArn.",
                )
            )
        needed = "secretsmanager:GetSecretValue" + (", and kms:Decrypt on its key" if "KMS" in code else "")
        todo = remedy(error, f"{needed}, on {stack.secret}", f"look whether it may be read: {needed}")
        return StackKey(
            finding=unseen(
                f"The stack's key cannot be checked: GetSecretValue answered {code}.", sentence(todo)
            )
        )
    except BotoCoreError as error:
        todo = remedy(error, "", "try again")
        return StackKey(finding=unseen(f"The stack's key cannot be checked: {error}", sentence(todo)))


def variable(parameter: str) -> str:
    """The environment variable of the functions that has a parameter's value: UrlMap, and URL_MAP."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", parameter.replace("ImageKit", "Imagekit")).upper()


def _settings(name: str, parameters: dict[str, str]) -> Settings:
    environ = {variable(parameter): value for parameter, value in parameters.items()}
    try:
        return settings_of(environ)
    except InvalidSetting as error:
        raise BadInput(f"Stack {name}: {error}") from error
