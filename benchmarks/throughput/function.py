"""SubmitPurge in this process, and the emulated ImageKit that it calls."""

import contextlib
import io
import os
import time
from itertools import count
from types import SimpleNamespace
from typing import Any

from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY, Call, client
from local.imagekit import Bucket, Emulator, Settings

ENDPOINT = "https://ik.imagekit.io/demo"

BATCH = 1000
"""Messages in a full batch, as template.yaml has it."""

MEMORY_MB, TIMEOUT = 512, 120.0
"""MemorySize and Timeout of SubmitPurge, as template.yaml has them."""


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
            "POWERTOOLS_LOG_LEVEL": "WARNING",
            "POWERTOOLS_METRICS_DISABLED": "1",
            **settings,
        }
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
        # The handler prints metrics, as in the Lambda. They must not mix with the rows.
        with contextlib.redirect_stdout(io.StringIO()):
            return self._handler(event, context)


def emulated_imagekit() -> Emulator:
    """An ImageKit without rate limits, and with more quota than is ever used."""
    settings = Settings(
        PRIVATE_KEY, quota=10**9, write_rate=1e6, write_burst=10**6, read_rate=1e6, read_burst=10**6
    )
    return Emulator(settings, origins={"demo": Bucket.parse(BUCKET)})
