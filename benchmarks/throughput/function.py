"""SubmitPurge in this process."""

import contextlib
import os
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.throughput.aws import BUCKET, Call, client

ENDPOINT = "https://ik.imagekit.io/demo"

BATCH = 1000
"""Messages in a full batch, as template.yaml has it."""

MEMORY_MB, TIMEOUT = 512, 120.0
"""MemorySize and Timeout of SubmitPurge, as template.yaml has them."""

_NOWHERE = Path(os.devnull).open("w")  # noqa: SIM115 - as long as the process lives


class SubmitPurge:
    """The real handler. `call` answers its calls to AWS, `api` is the URL of ImageKit's API.

    The handler reads its settings from the environment, once for a process.
    """

    def __init__(self, api: str, call: Call, **settings: str) -> None:
        os.environ |= {
            "URL_MAP": f"{BUCKET}={ENDPOINT}",
            "LEDGER_TABLE": "ledger",
            "IMAGEKIT_SECRET_ARN": "secret",
            "IMAGEKIT_API_URL": api,
            "POWERTOOLS_SERVICE_NAME": "imagekit-s3-purge",
            "POWERTOOLS_METRICS_NAMESPACE": "ImageKitS3Purge",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            **settings,
        }
        # The logger keeps the output that it finds. Log lines must not mix with the rows.
        with contextlib.redirect_stdout(_NOWHERE):
            import submit_purge  # noqa: PLC0415 - Powertools reads the environment when it is imported
            from purging.aws import clients  # noqa: PLC0415 - likewise

        clients.aws = lambda service: client(call, service)
        self._handler = submit_purge.handler
        self._numbers = count()

    def invoke(self, event: dict[str, Any]) -> Any:
        """The handler's answer to an event."""
        dies_at = time.monotonic() + TIMEOUT
        context: Any = SimpleNamespace(
            function_name="SubmitPurge",
            memory_limit_in_mb=MEMORY_MB,
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:SubmitPurge",
            aws_request_id=f"request-{next(self._numbers)}",
            get_remaining_time_in_millis=lambda: int((dies_at - time.monotonic()) * 1000),
        )
        # The handler prints metrics, as in the Lambda. They must not mix with the rows either.
        with contextlib.redirect_stdout(_NOWHERE):
            return self._handler(event, context)
