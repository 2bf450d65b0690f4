"""The AWS clients: how they are made, and what they raise."""

from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, DataNotFoundError
from botocore.loaders import Loader

Clients = Callable[[str], Any]
"""Gives the AWS client of a service."""

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

# It keeps all that it has read.
_LOADER = Loader()


def aws(service: str) -> Any:
    """Return a client of a service, e.g. `dynamodb`.

    It is made when it is first used. That takes a tenth of a second or more in a small function, and most
    invocations do not use every client.
    """
    return _OnFirstUse(service)


class _OnFirstUse:
    """An AWS client, with all its methods, that does not exist before one of them is used."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @cached_property
    def _client(self) -> Any:
        return _session().create_client(self._service, config=AWS_CLIENT)


def read_description(service: str) -> None:
    """Read botocore's description of a service, which is most of the work that a client of it takes.

    It reads files of botocore only: no setting, no credentials, no network. A handler module calls this where
    it imports its code, for a service that each invocation uses. Lambda imports at full speed, but an
    invocation gets only the share of a processor that comes with MemorySize.
    """
    # Lambda updates its botocore. If a file is no longer there, the client will not look for it, either.
    with suppress(DataNotFoundError):
        for kind in ("service-2", "endpoint-rule-set-1"):
            _LOADER.load_service_model(service, kind)


@cache
def _session() -> botocore.session.Session:
    """What all clients share. boto3 would add resources and transfers, which nothing here uses."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    return session
