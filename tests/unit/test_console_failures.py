"""What the page says when the stack fails."""

import pytest

from local.console.failures import in_words
from local.errors import LocalError


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "User: arn:aws:sts::000000000000:assumed-role/x-SubmitPurgeRole/x-SubmitPurge may not call "
            "dynamodb:GetItem on resource: arn:aws:dynamodb:us-east-1:000000000000:table/x-LedgerTable.",
            "User: x-SubmitPurge may not call dynamodb:GetItem on resource: x-LedgerTable.",
        ),
        ("no queue arn:aws:sqs:us-east-1:000000000000:x-Queue, sorry", "no queue x-Queue, sorry"),
        ("arn:aws-cn:lambda:cn-north-1:0:function:x:live failed", "live failed"),
        ("nothing of AWS: at all", "nothing of AWS: at all"),
    ],
)
def test_a_name_stands_for_an_arn(message: str, words: str) -> None:
    """The rest of the message stays."""
    assert in_words(LocalError(message)) == words
