"""The simulation: the functions and everything around them, on one virtual clock."""

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
from purging.aws import listing
from purging.telemetry import logger, metrics
from tests.chaos import aws, duplicate_checker, end_state_checker, lost_change_checker
from tests.chaos.adapter import reset
from tests.chaos.alert_checker import AlertChecker
from tests.chaos.audit_log import AuditLog
from tests.chaos.bucket import Bucket, Version
from tests.chaos.emulator_connection import EmulatorConnection, content_of, make_response
from tests.chaos.endpoint import Call
from tests.chaos.fault_injector import FaultInjector
from tests.chaos.functions import Functions, Invocation
from tests.chaos.moto_aws import MotoAws
from tests.chaos.queue import Queue
from tests.chaos.quota_checker import QuotaChecker
from tests.chaos.schedule import Schedule
from tests.chaos.schedule_runner import ScheduleRunner
from tests.chaos.timeline import Timeline
from tests.chaos.triggers import Triggers

# Seconds between two attempts of the SDK, which would wait for a random time.
_BACKOFF = 0.5


class NotSimulated(BaseException):
    """The simulation cannot answer a call."""


class ObservedEmulator(Emulator):
    """The emulator, which passes each of its answers to `on_answer`."""

    on_answer: Callable[[Request, Answer], Answer] = staticmethod(lambda _request, answer: answer)

    def handle(self, request: Request) -> Answer:
        """Answers a request and calls `on_answer`."""
        return self.on_answer(request, super().handle(request))


class Simulation:
    """`now` is the true time, in unix seconds. The clocks of S3 and of the functions differ from it."""

    def __init__(self, schedule: Schedule, *, socket: bool = True, moto: bool = False) -> None:
        self.schedule = schedule
        self.timeline = Timeline(schedule.setup.start)
        self.keys = [f"private_{schedule.seed}_0"]
        self.bucket = Bucket(versioned=schedule.setup.versioned)
        for key in schedule.setup.existing:
            self.bucket.change(key, Version("created", self.now - 1000, self.now - 1000))
        self.aws = (MotoAws if moto else aws.SmallAws)(self.bucket, self.keys[0])
        self.fault_injector = FaultInjector(self)
        self.log = io.StringIO()
        self.triggers = Triggers(self)
        self.queue = Queue(self.triggers.poll_at)
        self.audit_log = AuditLog(self)
        self.quota_checker = QuotaChecker(self)
        self.alert_checker = AlertChecker(self)
        self.schedule_runner = ScheduleRunner(self)
        self.emulator = self._emulator()
        self._socket = socket
        self._connection: EmulatorConnection | None = None
        self.url = "http://127.0.0.1:1"

    @property
    def now(self) -> float:
        """The true time, in unix seconds."""
        return self.timeline.now

    @property
    def invocation(self) -> Invocation:
        """The invocation whose code runs now."""
        if self.timeline.current is None:
            raise LookupError("no function runs")
        invocation: Invocation = self.timeline.current.owner
        return invocation

    @contextmanager
    def open(self) -> Iterator[None]:
        """Starts everything, and stops it at the end."""
        ids = (f"{number:024x}" for number in count(1))
        clock = SimpleNamespace(
            monotonic=lambda: self.now, time=lambda: self.now, sleep=self.fault_injector.wait
        )
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(self.log),
            self.aws.open(),
            warnings.catch_warnings(),
        ):
            # All invocations share the metrics of the process, so another one may have published these.
            warnings.filterwarnings("ignore", "No application metrics to publish", UserWarning)
            patch.setattr(emulator_purges, "secrets", SimpleNamespace(token_hex=lambda _bytes: next(ids)))
            sleep = SimpleNamespace(sleep=lambda _seconds: self.fault_injector.wait(_BACKOFF))
            patch.setattr(botocore.endpoint, "time", sleep)
            patch.setattr(submit_purge, "application", lambda: self.invocation.environment.app)
            patch.setattr(check_purges, "checker", lambda: self.invocation.environment.checker)
            patch.setattr(check_purges, "alerts", lambda: self.invocation.environment.alerts)
            for name, module in list(sys.modules.items()):
                if name.startswith("purging.") and hasattr(module, "time"):
                    patch.setattr(module, "time", clock)
            patch.setattr(listing, "PAGE", self.schedule.setup.page)
            patch.setattr(logger.registered_handler, "stream", self.log)
            if self._socket:
                with ImageKitServer(self.emulator) as server:
                    self.url = server.url
                    with closing(EmulatorConnection(self.url)) as self._connection:
                        self.functions = Functions(self)
                        yield
            else:
                self.functions = Functions(self)
                yield
        metrics.clear_metrics()

    def _emulator(self) -> Emulator:
        setup = self.schedule.setup
        emulator = ObservedEmulator(
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
        emulator.on_answer = self._record_answer
        return emulator

    def _record_answer(self, request: Request, answer: Answer) -> Answer:
        self.audit_log.record_call(request, answer)
        if answer.outcome == "over-quota":
            self.alert_checker.record_quota_exhausted()
        return answer

    def note(self, text: str) -> None:
        """Writes one line to the log of the functions."""
        self.log.write(f"{text}\n")

    def check(self) -> None:
        """Runs all checkers at the end."""
        lost_change_checker.check(self)
        end_state_checker.check(self)
        self.quota_checker.check()
        duplicate_checker.check(self)
        self.alert_checker.check()

    def respond(self, name: str, model: Any, call: Call) -> Any:
        """Handles a call to AWS and returns its answer."""
        service, _, operation = name.partition(".")
        if service == "sqs":
            return 200, self.queue.handle(operation, json.loads(call["body"]), self.now)
        try:
            answer = self.aws.respond(name, model, call)
        except (LookupError, ValueError) as error:
            # As an Exception it would look to the functions like a failure of AWS.
            raise NotSimulated(f"{name}: {error!r}") from error
        if service == "sns" and answer[0] == 200:
            self.audit_log.record_alert(call["body"]["Subject"], call["body"]["Message"])
            self.alert_checker.record_alert(call["body"]["Subject"])
        return answer

    def deliver(self, request: requests.PreparedRequest) -> requests.Response:
        """Delivers a call without a fault to the emulator, over the socket or in memory."""
        return self._connection.send(request) if self._connection else self._call_in_memory(request)

    def deliver_faulty(
        self, request: requests.PreparedRequest, send: Callable[[], requests.Response]
    ) -> requests.Response:
        """Delivers a call with a fault to the emulator, over the socket by requests or in memory."""
        return send() if self._connection else self._call_in_memory(request)

    def raw_answer(self, request: requests.PreparedRequest) -> bytes:
        """Returns the bytes of the emulator's answer."""
        answer = self._call_in_memory(request)
        head = [f"HTTP/1.1 {answer.status_code} -", f"Content-Length: {len(answer.content)}", "", ""]
        return "\r\n".join(head).encode() + answer.content

    def _call_in_memory(self, request: requests.PreparedRequest) -> requests.Response:
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
        return make_response(request, answer.status, answer.headers, answer.body)
