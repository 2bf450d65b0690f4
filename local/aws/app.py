"""The application of MiniStack, changed in two things. It runs in MiniStack's environment.

The permissions of SQS: in AWS a batch call needs the permission of the single call, and IAM has no action for
the batch:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
MiniStack checks an action with the name of the batch.

The template's types that MiniStack does not know: it would refuse the whole template. Here CloudFormation
notes such a resource, and nothing stands behind it.
"""

from typing import Any

from ministack.core import iam_actions  # type: ignore[import-not-found] # of MiniStack's environment
from ministack.services.cloudformation import provisioners  # type: ignore[import-not-found] # the same

_UNKNOWN = (
    "AWS::Chatbot::SlackChannelConfiguration",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Events::EventBusPolicy",
    "AWS::Logs::QueryDefinition",
)

_extract = iam_actions.extract_iam_action


def _known_to_iam(*arguments: Any, **named: Any) -> str | None:
    action: str | None = _extract(*arguments, **named)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


def _note(logical_id: str, _properties: Any, stack: str) -> tuple[str, dict[str, str]]:
    return f"{stack}-{logical_id}", {}


def _keep(physical_id: str, *_properties: Any) -> tuple[str, dict[str, str]]:
    return physical_id, {}


def _forget(_physical_id: str, _properties: Any) -> None:
    pass


iam_actions.extract_iam_action = _known_to_iam
for _kind in _UNKNOWN:
    provisioners._RESOURCE_HANDLERS[_kind] = {
        "create": _note,
        "update": _keep,
        "delete": _forget,
    }

# Imported after the change above: the application reads the function when it is called.
from ministack.app import app  # type: ignore[import-not-found] # noqa: E402 - of MiniStack's environment

__all__ = ["app"]
