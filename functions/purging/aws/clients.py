"""The AWS clients: how they are made, and what they raise."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (ClientError, BotoCoreError)
"""What a call raises if AWS refuses, throttles or does not answer it, after the SDK's own retries."""

_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS, _BACKOFF_SECONDS = 1.5, 3.0, 2, 1.0

AWS_CLIENT = Config(
    retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
)
"""The configuration of all clients. Long waits are useless, since the next tick comes within a minute.
https://botocore.amazonaws.com/v1/documentation/api/latest/reference/config.html"""

AWS_CALL_SECONDS = _ATTEMPTS * (_CONNECT_SECONDS + _READ_SECONDS) + _BACKOFF_SECONDS
"""The most seconds that a call takes if AWS does not answer. A slow answer can take longer, since the read
time-out starts again with each byte."""


def aws(service: str) -> Any:
    """Return a new AWS client of a service, e.g. `dynamodb`."""
    return boto3.client(service, config=AWS_CLIENT)
