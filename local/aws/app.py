"""The application of MiniStack, with the permissions of SQS that AWS has. It runs in MiniStack's environment.

In AWS a batch call needs the permission of the single call, and IAM has no action for the batch:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
MiniStack checks an action with the name of the batch.
"""

from typing import Any

from ministack.core import iam_actions  # type: ignore[import-not-found] # of MiniStack's environment

_extract = iam_actions.extract_iam_action


def _known_to_iam(*arguments: Any, **named: Any) -> str | None:
    action: str | None = _extract(*arguments, **named)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


iam_actions.extract_iam_action = _known_to_iam

# Imported after the change above: the application reads the function when it is called.
from ministack.app import app  # type: ignore[import-not-found] # noqa: E402 - of MiniStack's environment

__all__ = ["app"]
