"""SubmitPurge in this process."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.throughput.aws import BUCKET, Call, client

Event = dict[str, Any]

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
        submit_purge.time = SimpleNamespace(time=self._clock, sleep=self._sleep)
        self._handler = submit_purge.handler
        self._numbers = count()
        self._queue: Iterator[Event] = iter(())
        self._answers: list[Any] = []
        self.waited = 0.0
        """Seconds that drains waited while no event came. The clock went on by so much, and nobody waited."""

    def take(self, events: Iterable[Event]) -> list[Any]:
        """The handler's answers to events. While a drain waits, as for an upload to end, Lambda delivers the
        next ones to other instances of the function."""
        self._queue, self._answers = iter(events), []
        for event in self._queue:
            self._answers.append(self.invoke(event))
        return self._answers

    def _clock(self) -> float:
        return time.time() + self.waited

    def _sleep(self, seconds: float) -> None:
        until = self._clock() + seconds
        for event in self._queue:
            self._answers.append(self.invoke(event))
            if self._clock() >= until:
                return
        self.waited += until - self._clock()

    def invoke(self, event: Event) -> Any:
        """The handler's answer to an event."""
        dies_at = self._clock() + TIMEOUT
        context: Any = SimpleNamespace(
            function_name="SubmitPurge",
            memory_limit_in_mb=MEMORY_MB,
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:SubmitPurge",
            aws_request_id=f"request-{next(self._numbers)}",
            get_remaining_time_in_millis=lambda: int((dies_at - self._clock()) * 1000),
        )
        # The handler prints metrics, as in the Lambda. They must not mix with the rows either.
        with contextlib.redirect_stdout(_NOWHERE):
            return self._handler(event, context)
