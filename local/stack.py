"""A running stack: its addresses, the outputs of its template, and clients for its services."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
from botocore.config import Config

from local.environment import REGION, ROOT_KEY, ROOT_KEY_ID
from local.workspace import Workspace

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

# Characters that ImageKit's SDKs do not encode in a path, without the asterisk.
_UNENCODED = "/:@!$&'()+,;=-._~"

_CLIENT = Config(
    retries={"mode": "standard", "max_attempts": 3},
    read_timeout=150,  # seconds; a function may take two minutes
    proxies={},
    s3={"addressing_style": "path"},
)


@dataclass(frozen=True)
class Stack:
    """An embedded stack that runs. Its clients act as the root user of the emulated account."""

    endpoint: str
    """URL of the emulated AWS."""

    imagekit: str
    """URL of the emulated ImageKit: API, edge and controls, without a slash at its end."""

    certificate: Path
    """The certificate of `endpoint`, which clients have to trust."""

    workspace: Workspace
    """The folder with its files and logs."""

    outputs: Mapping[str, str] = field(default_factory=dict)
    """The outputs of the template."""

    name: str = "imagekit-s3-purge-local"
    """Its name in CloudFormation."""

    imagekit_id: str = "demo"
    """The account's id: the first part of every path of the edge."""

    def log_group(self, function: str) -> str:
        """Returns the log group of a function, `SubmitPurge` or `CheckPurges`."""
        return f"/aws/lambda/{self.name}-{function}"

    @property
    def bucket(self) -> str:
        """The name of the origin bucket."""
        return self.outputs["OriginBucketName"]

    @property
    def url_endpoint(self) -> str:
        """The beginning of every URL of an object, without a slash at its end."""
        return f"{self.imagekit}/{self.imagekit_id}"

    def url(self, key: str) -> str:
        """Returns the URL that shows an object, encoded as ImageKit's SDKs do."""
        return f"{self.url_endpoint}/{quote(key, safe=_UNENCODED)}"

    def client(self, service: str, *, region: str = REGION, **credentials: str) -> Any:
        """Returns a client of any service, as the root user or with the given credentials of boto3."""
        # The stubs have one type for each service, and this may be any service.
        make: Any = boto3.session.Session().client
        return make(
            service,
            region_name=region,
            endpoint_url=self.endpoint,
            verify=str(self.certificate),
            config=_CLIENT,
            **({"aws_access_key_id": ROOT_KEY_ID, "aws_secret_access_key": ROOT_KEY} | credentials),
        )

    @cached_property
    def s3(self) -> "S3Client":
        """Amazon S3."""
        client: S3Client = self.client("s3")
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        """Amazon SQS."""
        client: SQSClient = self.client("sqs")
        return client

    @cached_property
    def sns(self) -> "SNSClient":
        """Amazon SNS."""
        client: SNSClient = self.client("sns")
        return client

    @cached_property
    def functions(self) -> "LambdaClient":
        """AWS Lambda."""
        client: LambdaClient = self.client("lambda")
        return client

    @cached_property
    def states(self) -> "SFNClient":
        """AWS Step Functions."""
        client: SFNClient = self.client("stepfunctions")
        return client

    @cached_property
    def ledger(self) -> "DynamoDBClient":
        """Amazon DynamoDB."""
        client: DynamoDBClient = self.client("dynamodb")
        return client

    @cached_property
    def cloudwatch_logs(self) -> "CloudWatchLogsClient":
        """Amazon CloudWatch Logs."""
        client: CloudWatchLogsClient = self.client("logs")
        return client

    @cached_property
    def secrets(self) -> "SecretsManagerClient":
        """AWS Secrets Manager."""
        client: SecretsManagerClient = self.client("secretsmanager")
        return client

    @cached_property
    def iam(self) -> "IAMClient":
        """AWS IAM."""
        client: IAMClient = self.client("iam")
        return client

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """AWS CloudFormation."""
        client: CloudFormationClient = self.client("cloudformation")
        return client
