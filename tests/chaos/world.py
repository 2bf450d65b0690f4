"""Makes a schedule happen, on one virtual clock, and keeps what the invariants are read from."""

import heapq
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import replace
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
from local.imagekit.faults import FaultPlan
from purging import inventory
from purging.telemetry import logger, metrics
from tests.chaos.aws import SmallAws
from tests.chaos.bucket import Bucket, Version
from tests.chaos.faults import Fault
from tests.chaos.functions import Functions, Invocation
from tests.chaos.invariants import Books, targets
from tests.chaos.line import Line, content_of, response
from tests.chaos.messages import body_of
from tests.chaos.moto_aws import MotoAws
from tests.chaos.queue import Queue
from tests.chaos.schedule import Schedule, Step
from tests.chaos.wire import Wire, reset

# Invocations that run at once: two of the queue's mapping, and the tick.
_AT_ONCE = 3


class Recorder(Emulator):
    """The emulator, telling of each call that it answered."""

    on_answer: Callable[[Request, Answer], None] = staticmethod(lambda _request, _answer: None)

    def handle(self, request: Request) -> Answer:
        """Answer, then tell."""
        answer = super().handle(request)
        self.on_answer(request, answer)
        return answer


class World:
    """`now` is the true time, in unix seconds; S3's clock and the functions' are off."""

    def __init__(self, schedule: Schedule, *, socket: bool = True, moto: bool = False) -> None:
        self.schedule = schedule
        self.now = schedule.setup.start
        self.keys = [f"private_{schedule.seed}_0"]
        self.bucket = Bucket(versioned=schedule.setup.versioned)
        for key in schedule.setup.existing:
            self.bucket.change(key, Version("created", self.now - 1000, self.now - 1000))
        self.aws = (MotoAws if moto else SmallAws)(self.bucket, self.keys[0])
        self.wire = Wire(self)
        self.log = io.StringIO()
        self.queue = Queue(self._poll_at)
        self.books = Books(self)
        self.emulator = self._emulator()
        self._socket = socket
        self._line: Line | None = None
        self.url = "http://127.0.0.1:1"
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._polls: set[float] = set()

    @property
    def invocation(self) -> Invocation:
        """The one whose code runs."""
        return self.functions.running[-1]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Put everything in place."""
        ids = (f"{number:024x}" for number in count(1))
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(self.log), self.aws.open():
            patch.setattr(emulator_purges, "secrets", SimpleNamespace(token_hex=lambda _bytes: next(ids)))
            # The SDK waits at random between its attempts: here as long each time.
            patch.setattr(
                botocore.endpoint, "time", SimpleNamespace(sleep=lambda _seconds: self.advance(0.1))
            )
            patch.setattr(submit_purge, "application", lambda: self.invocation.environment.app)
            patch.setattr(check_purges, "checker", lambda: self.invocation.environment.checker)
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
                write_rate=setup.write_rate,
                write_burst=20 if setup.write_rate < 100 else 10**6,
                read_rate=1e6,
                read_burst=10**6,
            ),
            origins={"demo": Origin.parse("origin"), "demo/shop": Origin.parse("origin")},
            domains={"img.example.com": "demo"},
            clock=lambda: self.now,
        )
        emulator.on_answer = self.books.answered
        return emulator

    # --- time ---

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Let something happen at a time, in unix seconds."""
        heapq.heappush(self._events, (time, next(self._numbers), action))

    @property
    def next_event(self) -> float | None:
        """When the next thing is due; None if nothing is."""
        return self._events[0][0] if self._events else None

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens meanwhile: also within a call that a function waits for."""
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            time, _, action = heapq.heappop(self._events)
            self.now = max(self.now, time)
            action()
        self.now = max(self.now, until)

    def note(self, text: str) -> None:
        """One line into the log of everything."""
        self.log.write(f"{text}\n")

    # --- what happens ---

    def begin(self) -> None:
        """Put the schedule on the clock."""
        start = self.schedule.setup.start
        for step in self.schedule.steps:
            self.at(start + step.at, lambda step=step: self._happen(step))  # type: ignore[misc]
        for fault in self.schedule.faults:
            self.at(start + fault.at, lambda fault=fault: self._fail(fault))  # type: ignore[misc]

    def _happen(self, step: Step) -> None:
        number = next(self._numbers)
        if step.asked:
            event = json.loads(step.asked)
            self.books.asked(event, self.now)
            self._ask(event)
            return
        if step.malformed:
            body = step.malformed
        else:
            before = self.bucket.history.get(step.key, [])[-1:]
            version = self.bucket.change(step.key, Version(step.kind, self.now, self.now + step.skew))
            self.books.changed(step, self.now, before[0] if before else None)
            body = body_of(step, self.now + step.skew, version, number)
        for copy, delay in enumerate(step.deliveries):
            self.at(
                self.now + delay,
                lambda body=body, copy=copy: self.queue.send(  # type: ignore[misc]
                    body, self.now, malformed=bool(step.malformed), number=number * 10 + copy
                ),
            )

    def _ask(self, event: dict[str, Any]) -> None:
        """Someone invokes SubmitPurge by hand; and again in a minute, if it failed."""
        running = self.functions.running
        busy = len(running) >= _AT_ONCE or any(each.calm for each in running)
        if busy or self.functions.submit(event) is None:
            self.at(self.now + 60, lambda: self._ask(event))

    def _fail(self, fault: Fault) -> None:
        if fault.name != "rotated-key":
            self.wire.arm(fault)
            return
        # At ImageKit first, in Secrets Manager a while later.
        self.keys.append(f"private_{self.schedule.seed}_{len(self.keys)}")
        settings = self.emulator.state.settings
        self.emulator.state.apply(settings.changed({"privateKey": self.keys[-1]}))
        self.at(
            self.now + fault.seconds, lambda: self.aws.put_secret(json.dumps({"private_key": self.keys[-1]}))
        )

    def change_again(self, url: str, seconds: float) -> None:
        """An object that was just purged changes so many seconds later: whose clock says what, then?"""
        for owed in reversed(self.books.owed):
            if any(
                each.startswith(url.removesuffix("*")) for each in targets(self.schedule.setup, owed.step.key)
            ):
                step = replace(owed.step, kind="created", deliveries=(0.5,))
                self.at(self.now + seconds, lambda step=step: self._happen(step))  # type: ignore[misc]
                return

    def calm_down(self) -> None:
        """No fault from now on."""
        self.wire.armed.clear()
        self.emulator.state.faults = FaultPlan()
        self.aws.put_secret(self.keys[-1])

    def _poll_at(self, time: float) -> None:
        """The mapping looks once a message has been visible for its batching window."""
        due = round(time + self.schedule.setup.coalesce)
        if due not in self._polls:
            self._polls.add(due)
            self.at(due, lambda: self._poll(due))

    def _poll(self, due: float) -> None:
        self._polls.discard(due)
        running = self.functions.running
        if len(running) >= _AT_ONCE - 1 or any(each.calm for each in running):
            self._poll_at(self.now + 3)
            return
        batch = self.queue.receive(self.now, self.schedule.setup.batch)
        if len(batch) == self.schedule.setup.batch:
            self._poll_at(self.now)
        if batch:
            # A message must survive its faults: from the third delivery on, all else is in order.
            calm = any(message.receives >= 3 and not message.malformed for message in batch)
            answer = self.functions.submit({"Records": [message.record() for message in batch]}, calm=calm)
            if answer is not None:
                failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
                self.queue.delete(message.id for message in batch if message.id not in failed)

    def tick(self) -> None:
        """The schedule's own invocation; lost if too many run, as EventBridge's is when it is throttled."""
        if len(self.functions.running) < _AT_ONCE and not any(each.calm for each in self.functions.running):
            self.functions.submit({"tick": True})

    def carry(self, request: requests.PreparedRequest) -> requests.Response:
        """Bring a call that nothing happens to, to the emulator: over the socket, or straight."""
        return self._line.send(request) if self._line else self._straight(request)

    def carry_faulty(
        self, request: requests.PreparedRequest, send: Callable[[], requests.Response]
    ) -> requests.Response:
        """Bring a call that something happens to: over the socket as requests sends it, or straight."""
        return send() if self._line else self._straight(request)

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
