"""MiniStack's application, with SQS's permissions as AWS has them. It runs in MiniStack's environment.

A batch call needs the permission of the single call, and IAM knows no other action (SQS developer guide,
"Amazon SQS API permissions"). MiniStack asks for an action of the batch's own name.
"""

from typing import Any

from ministack.core import iam_actions  # type: ignore[import-not-found] # of MiniStack's environment

_extract = iam_actions.extract_iam_action


def _known_to_iam(*arguments: Any, **named: Any) -> str | None:
    action: str | None = _extract(*arguments, **named)
    return action.removesuffix("Batch") if action and action.startswith("sqs:") else action


iam_actions.extract_iam_action = _known_to_iam

# The application asks for the function above when it is called.
from ministack.app import app  # type: ignore[import-not-found] # noqa: E402 - of MiniStack's environment

__all__ = ["app"]
