"""Everything that a schedule happens in, put together on one virtual clock."""

import io
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from itertools import count
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
import requests

import check_purges
import submit_purge
from local.imagekit import Bucket as Origin
from local.imagekit import Emulator, ImageKitServer
from local.imagekit import Settings as EmulatorSettings
from local.imagekit import purges as emulator_purges
from local.imagekit.answers import Answer, Request
from purging.aws import listing as inventory
from purging.telemetry import logger, metrics
from tests.chaos import aws, invariants
from tests.chaos.adapter import reset
from tests.chaos.books import Books
from tests.chaos.bucket import Bucket, Version
from tests.chaos.endpoint import Call
from tests.chaos.functions import Functions, Invocation
from tests.chaos.line import Line, content_of, response
from tests.chaos.moto_aws import MotoAws
from tests.chaos.queue import Queue
from tests.chaos.schedule import Schedule
from tests.chaos.spending import Spending
from tests.chaos.story import Story
from tests.chaos.timeline import Timeline
from tests.chaos.triggers import Triggers
from tests.chaos.waiting import Waiting
from tests.chaos.wire import Wire

# Seconds between two attempts of the SDK; it waits at random.
_BACKOFF = 0.5


class NotSimulated(BaseException):
    """A call that the simulation cannot answer."""


class Recorder(Emulator):
    """The emulator, telling of each call that it answered."""

    on_answer: Callable[[Request, Answer], Answer] = staticmethod(lambda _request, answer: answer)

    def handle(self, request: Request) -> Answer:
        """Answer, and tell."""
        return self.on_answer(request, super().handle(request))


class World:
    """`now` is the true time, in unix seconds; S3's clock and the functions' are off."""

    def __init__(self, schedule: Schedule, *, socket: bool = True, moto: bool = False) -> None:
        self.schedule = schedule
        self.timeline = Timeline(schedule.setup.start)
        self.keys = [f"private_{schedule.seed}_0"]
        self.bucket = Bucket(versioned=schedule.setup.versioned)
        for key in schedule.setup.existing:
            self.bucket.change(key, Version("created", self.now - 1000, self.now - 1000))
        self.aws = (MotoAws if moto else aws.SmallAws)(self.bucket, self.keys[0])
        self.wire = Wire(self)
        self.log = io.StringIO()
        self.triggers = Triggers(self)
        self.queue = Queue(self.triggers.poll_at)
        self.books, self.spending, self.waiting = Books(self), Spending(self), Waiting(self)
        self.story = Story(self)
        self.emulator = self._emulator()
        self._socket = socket
        self._line: Line | None = None
        self.url = "http://127.0.0.1:1"

    @property
    def now(self) -> float:
        """The true time."""
        return self.timeline.now

    @property
    def invocation(self) -> Invocation:
        """The one whose code runs."""
        if self.timeline.current is None:
            raise LookupError("no function runs")
        invocation: Invocation = self.timeline.current.owner
        return invocation

    @contextmanager
    def open(self) -> Iterator[None]:
        """Put everything in place."""
        ids = (f"{number:024x}" for number in count(1))
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now, sleep=self.wire.wait)
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(self.log),
            self.aws.open(),
            warnings.catch_warnings(),
        ):
            # Metrics are one for the process: another invocation at the same time may have published these.
            warnings.filterwarnings("ignore", "No application metrics to publish", UserWarning)
            patch.setattr(emulator_purges, "secrets", SimpleNamespace(token_hex=lambda _bytes: next(ids)))
            sleep = SimpleNamespace(sleep=lambda _seconds: self.wire.wait(_BACKOFF))
            patch.setattr(botocore.endpoint, "time", sleep)
            patch.setattr(submit_purge, "application", lambda: self.invocation.environment.app)
            patch.setattr(check_purges, "checker", lambda: self.invocation.environment.checker)
            patch.setattr(check_purges, "alerts", lambda: self.invocation.environment.alerts)
            for name, module in list(sys.modules.items()):
                if name.startswith("purging.") and hasattr(module, "time"):
                    patch.setattr(module, "time", clock)
            patch.setattr(inventory, "PAGE", self.schedule.setup.page)
            patch.setattr(logger.registered_handler, "stream", self.log)
            if self._socket:
                with ImageKitServer(self.emulator) as server:
                    self.url = server.url
                    with closing(Line(self.url)) as self._line:
                        self.functions = Functions(self)
                        yield
            else:
                self.functions = Functions(self)
                yield
        metrics.clear_metrics()

    def _emulator(self) -> Emulator:
        setup = self.schedule.setup
        emulator = Recorder(
            EmulatorSettings(
                self.keys[0],
                quota=setup.account_quota,
                quota_answer=setup.quota_answer,
                quota_headers=setup.quota_headers,
                write_rate=setup.write_rate,
                write_burst=20 if setup.write_rate < 100 else 10**6,
                read_rate=1e6,
                read_burst=10**6,
            ),
            origins={"demo": Origin.parse("origin"), "demo/shop": Origin.parse("origin")},
            domains={"img.example.com": "demo"},
            clock=lambda: self.now,
        )
        emulator.on_answer = self._answered
        return emulator

    def _answered(self, request: Request, answer: Answer) -> Answer:
        self.books.answered(request, answer)
        if answer.outcome == "over-quota":
            self.waiting.over_quota()
        return answer

    def note(self, text: str) -> None:
        """One line into the log of everything."""
        self.log.write(f"{text}\n")

    def close(self) -> None:
        """Ask for the invariants, each in its place."""
        invariants.close(self)
        self.spending.close()
        self.waiting.close()

    # --- where calls end that come through the boundary ---

    def respond(self, name: str, model: Any, call: Call) -> Any:
        """Answer a call to AWS, with its effect."""
        service, _, operation = name.partition(".")
        if service == "sqs":
            return 200, self.queue.handle(operation, json.loads(call["body"]), self.now)
        try:
            answer = self.aws.respond(name, model, call)
        except (LookupError, ValueError) as error:
            # The functions would take it for a failure of AWS's.
            raise NotSimulated(f"{name}: {error!r}") from error
        if service == "sns" and answer[0] == 200:
            self.books.told(call["body"]["Subject"], call["body"]["Message"])
            self.waiting.told(call["body"]["Subject"])
        return answer

    def carry(self, request: requests.PreparedRequest) -> requests.Response:
        """Bring a call that nothing happens to, to the emulator: over the socket, or straight."""
        return self._line.send(request) if self._line else self._straight(request)

    def carry_faulty(
        self, request: requests.PreparedRequest, send: Callable[[], requests.Response]
    ) -> requests.Response:
        """Bring a call that something happens to: over the socket as requests sends it, or straight."""
        return send() if self._line else self._straight(request)

    def raw_answer(self, request: requests.PreparedRequest) -> bytes:
        """The bytes of the emulator's answer."""
        answer = self._straight(request)
        head = [f"HTTP/1.1 {answer.status_code} -", f"Content-Length: {len(answer.content)}", "", ""]
        return "\r\n".join(head).encode() + answer.content

    def _straight(self, request: requests.PreparedRequest) -> requests.Response:
        answer = self.emulator.handle(
            Request(
                str(request.method),
                request.path_url,
                "127.0.0.1:1",
                request.headers["Authorization"],
                content_of(request),
            )
        )
        if answer.reset:
            raise reset(request)
        return response(request, answer.status, answer.headers, answer.body)
