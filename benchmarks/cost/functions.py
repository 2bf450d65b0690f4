"""Both Lambda functions in this process, on virtual time: what their invocations cost."""

import contextlib
import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from aws_lambda_powertools.metrics.provider import cold_start

import check_purges
import submit_purge
from benchmarks.cost.clock import Clock
from benchmarks.cost.imagekit import InMemory, session
from benchmarks.cost.prices import PriceList
from benchmarks.cost.usage import Usage
from benchmarks.throughput.aws import BUCKET, Call, client
from benchmarks.throughput.function import ENDPOINT, MEMORY_MB
from purging import telemetry
from purging.aws import clients
from purging.imagekit import client as imagekit_client
from purging.imagekit import freshness

SERVICE = "imagekit-s3-purge"
"""The name of the stack, which is in each line and metric."""

TIMEOUTS = {"SubmitPurge": 120.0, "CheckPurges": 60.0}
"""Timeout of each function in seconds, as template.yaml has them."""

_HANDLERS: dict[str, Any] = {"SubmitPurge": submit_purge.handler, "CheckPurges": check_purges.handler}


@dataclass(slots=True)
class _Environment:
    began: float
    used: float
    busy: bool = False


class Functions:
    """Invokes the real handlers. `open` must be entered first."""

    def __init__(self, clock: Clock, usage: Usage, prices: PriceList, sleep: Callable[[float], None]) -> None:
        self._clock, self._usage, self._prices, self._sleep = clock, usage, prices, sleep
        self._environments: defaultdict[str, list[_Environment]] = defaultdict(list)
        self._numbers = count()
        self._output = io.StringIO()
        self.traced: defaultdict[str, list[float]] = defaultdict(list)
        """When each function was invoked, in unix seconds."""
        self.metric_hours: defaultdict[str, set[int]] = defaultdict(set)
        """The hours in which each metric was published."""

    @contextmanager
    def open(self, call: Call, adapter: InMemory, **settings: str) -> Iterator[None]:
        """Load the functions with the environment that template.yaml gives them, and some settings."""
        environment = {
            "URL_MAP": f"{BUCKET}={ENDPOINT}",
            "LEDGER_TABLE": "ledger",
            "IMAGEKIT_SECRET_ARN": "secret",
            **settings,
        }
        with ExitStack() as stack:
            stack.enter_context(patch.dict(os.environ, environment))
            # Powertools has read the environment when it was imported.
            provider: Any = telemetry.metrics.provider
            for name, value in {"namespace": "ImageKitS3Purge", "service": SERVICE}.items():
                stack.enter_context(patch.object(provider, name, value))
            telemetry.logger.setLevel("INFO")
            time = SimpleNamespace(time=self._clock, sleep=self._sleep)
            for module in (submit_purge, check_purges):
                stack.enter_context(patch.object(module, "time", time))
            stack.enter_context(patch.object(clients, "aws", lambda service: client(call, service)))
            for user in (imagekit_client, freshness):
                stack.enter_context(patch.object(user, "bounded_session", lambda: session(adapter)))
            stack.enter_context(patch.object(telemetry.logger.registered_handler, "stream", self._output))
            _clear()
            yield
            _clear()

    def invoke(self, name: str, event: Any, why: str) -> Any:
        """The answer of a function to an event. `why` names the kind of event."""
        clock = self._clock
        environment, init = self._environment(name)
        began = clock()
        self.traced[name].append(began)
        clock.set(began + init)
        dies_at = clock() + TIMEOUTS[name]
        context: Any = SimpleNamespace(
            function_name=name,
            memory_limit_in_mb=MEMORY_MB,
            invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
            aws_request_id=f"{next(self._numbers):08x}-0000-0000-0000-000000000000",
            get_remaining_time_in_millis=lambda: int((dies_at - clock()) * 1000),
        )
        environment.busy = True
        try:
            with self._own_telemetry(), clock.inside():
                answer = _HANDLERS[name](event, context)
        finally:
            self._bill(name, why, clock() - began)
            environment.busy, environment.used = False, clock()
        return answer

    def _environment(self, name: str) -> tuple[_Environment, float]:
        """An environment for an invocation, and the seconds that its start takes; 0 if it is warm."""
        now, assumed = self._clock(), self._prices.assumptions
        alive = [
            each
            for each in self._environments[name]
            if each.busy
            or (
                now - each.used < assumed["warm_seconds"]
                and now - each.began < assumed["environment_seconds"]
            )
        ]
        self._environments[name] = alive
        if free := [each for each in alive if not each.busy]:
            return max(free, key=lambda each: each.used), 0.0
        # The process has one application. It is made anew, as a new environment would do.
        _clear()
        cold_start.reset_cold_start_flag()  # type: ignore[no-untyped-call] # it has no annotations
        alive.append(_Environment(now, now))
        # The seconds are billed with the invocation that waits for them.
        self._usage.add("lambda_gb_second", 0.0, f"{name}, cold starts")
        return alive[-1], assumed["init_seconds"]

    @contextmanager
    def _own_telemetry(self) -> Iterator[None]:
        """An invocation within the wait of another one has metrics and lines of its own."""
        waiting, self._output = self._output.getvalue(), io.StringIO()
        stream: Any = telemetry.logger.registered_handler
        stream.stream = self._output
        provider: Any = telemetry.metrics.provider
        metrics = dict(provider.metric_set)
        provider.metric_set.clear()
        try:
            with redirect_stdout(self._output):
                yield
        finally:
            self._read(self._output.getvalue())
            provider.metric_set.update(metrics)
            self._output = io.StringIO()
            self._output.write(waiting)
            stream.stream = self._output

    def _bill(self, name: str, why: str, seconds: float) -> None:
        reason = f"{name}, {why}"
        self._usage.add("lambda_request", 1, reason)
        self._usage.add("lambda_gb_second", seconds * MEMORY_MB / 1024, reason)
        self._log(self._prices.assumptions["platform_log_bytes"], f"{name}: START, END, REPORT")

    def _read(self, output: str) -> None:
        """Count the lines of a log, and the metrics in them."""
        for line in output.splitlines():
            size = len(line.encode()) + self._prices.assumptions["log_event_bytes"]
            content: Any = {}
            with contextlib.suppress(ValueError):
                content = json.loads(line)
            if "_aws" not in content:
                self._log(size, f"line {content.get('message')!r}")
                continue
            for directive in content["_aws"]["CloudWatchMetrics"]:
                for dimensions in directive["Dimensions"]:
                    labels = ", ".join(f"{each}={content[each]}" for each in dimensions)
                    for metric in directive["Metrics"]:
                        hour = int(self._clock() // 3600)
                        self.metric_hours[f"{metric['Name']} ({labels})"].add(hour)
            self._log(size, "metrics (EMF)")

    def _log(self, size: float, reason: str) -> None:
        self._usage.add("log_gb", size / 1e9, reason)


def _clear() -> None:
    """Forget what the functions made on first use."""
    submit_purge.application.cache_clear()
    check_purges.checker.cache_clear()
