"""Asks SubmitPurge of a stack. The answers are in functions/purging/answers."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.errors import BadInput, LocalError
from ops.remedies import remedy, stack_remedy, told

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

# An answer takes up to half a minute while very many changes are pending.
_CLIENT = Config(read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})

_OUTPUT = "SubmitPurgeFunction"


@dataclass(frozen=True)
class Function:
    """SubmitPurge of a stack."""

    client: "LambdaClient"
    name: str

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a question.

        Raises BadInput if the function or the credentials cannot be used, or if the function refuses the
        question; LocalError if the function fails.
        """
        try:
            response = self.client.invoke(FunctionName=self.name, Payload=json.dumps(question))
            answer: dict[str, Any] = json.loads(response["Payload"].read())
        except (ClientError, BotoCoreError) as error:
            what = told(error) if isinstance(error, ClientError) else str(error)
            needed = f"lambda:InvokeFunction on {self.name}"
            raise BadInput(f"Function {self.name}: {what}; {remedy(error, needed, 'try again')}") from error
        if "FunctionError" not in response:
            return answer
        message = f"{self.name} answered {answer.get('errorType')}: {answer.get('errorMessage')}"
        if answer.get("errorType") == "MalformedEvent" and "no S3, SQS" in message:
            raise BadInput(f"{self.name} knows no questions: deploy the current version of the stack.")
        if answer.get("errorType") in ("InvalidRequest", "MalformedEvent"):
            raise BadInput(message)
        raise LocalError(f"{message}\nThe log of SubmitPurge says more.")


def function_of(stack: str, *, profile: str | None, region: str | None) -> Function:
    """Return SubmitPurge of a stack, by the stack's name. Raises BadInput if there is none to be found."""
    try:
        session = boto3.Session(profile_name=profile, region_name=region)
        cloudformation: CloudFormationClient = session.client("cloudformation", config=_CLIENT)
        [found] = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        client: LambdaClient = session.client("lambda", config=_CLIENT)
    except ClientError as error:
        raise BadInput(f"Stack {stack}: {told(error)}; {stack_remedy(error)}") from error
    except BotoCoreError as error:
        raise BadInput(f"Stack {stack}: {error}; {stack_remedy(error)}") from error
    except ValueError as error:
        raise BadInput(f"Stack {stack}: {error}") from error
    names = [each["OutputValue"] for each in found.get("Outputs", []) if each["OutputKey"] == _OUTPUT]
    if not names:
        raise BadInput(f"Stack {stack} has no output {_OUTPUT}: name a stack of this project's template.yaml")
    return Function(client, names[0])
