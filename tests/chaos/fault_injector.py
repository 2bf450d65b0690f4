"""Intercepts every call of the functions: it may fail, hang, or kill the function.

Calls to AWS are intercepted where botocore would open a connection (`endpoint.py`), and calls to ImageKit in
an adapter of requests (`adapter.py`). Everything above runs unchanged, including the retries of the SDKs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ReadTimeoutError

from purging.aws.clients import AWS_CLIENT
from tests.chaos import aws
from tests.chaos.endpoint import Answer, Call
from tests.chaos.faults import AFFECTED_CALLS, OUTAGES, PURGE, SINGLE_CALL, STATUS, Fault

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

# How long a call takes, in seconds.
_IMAGEKIT_LATENCY = {PURGE: 0.08, STATUS: 0.05}
_AWS_LATENCY = 0.006
# Seconds in which another drain makes progress while this one waits for a call.
_OTHER_DRAIN_SECONDS = 2.0

Inject = Callable[[Fault, Callable[[], Any]], Any]
"""Makes a call fail: it gets the fault, and the function that sends the call."""


class Killed(BaseException):
    """The function is killed. This is no Exception, because the functions must not catch it."""


@dataclass(slots=True)
class ActiveFault:
    """A fault that hits its next `times` calls after `skip` others, or all its calls `until` a unix time."""

    fault: Fault
    skip: int
    times: int
    until: float


class FaultInjector:
    """Decides which fault hits a call, and kills functions. `calls` counts the calls by name."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self.active: list[ActiveFault] = []
        self.calls: dict[str, int] = {}

    def activate(self, fault: Fault) -> None:
        """Lets a fault hit calls from now on."""
        if fault.name in OUTAGES:
            self.active.append(ActiveFault(fault, 0, 0, self._simulation.now + fault.seconds))
        else:
            times = 1 if fault.name in SINGLE_CALL else fault.times
            self.active.append(ActiveFault(fault, fault.skip, times, inf))

    def intercept(self, call_name: str, send: Callable[[], Any], inject: Inject) -> Any:
        """Makes one call: time passes, then it is sent, a fault hits it, or the function is killed."""
        simulation = self._simulation
        self.calls[call_name] = self.calls.get(call_name, 0) + 1
        latency = simulation.schedule.setup.listing_seconds if call_name.startswith("s3.") else _AWS_LATENCY
        self.wait(_IMAGEKIT_LATENCY.get(call_name, latency))
        fault = self._next_fault(call_name)
        if fault is None:
            return send()
        simulation.invocation.failed_services.add(call_name.partition(".")[0])
        if fault.name in ("kill", "time-out"):
            # If the call is sent first, the killed function has purged or written, and nobody knows.
            if fault.after:
                send()
            simulation.invocation.killed_by_fault = True
            self.wait(inf if fault.name == "time-out" else 0.0)
            simulation.invocation.dead = True
            raise Killed
        if fault.name in ("concurrent", "lease-expired"):
            if fault.name == "lease-expired":
                simulation.aws.expire_lease()
                # This invocation may have the lease, or another that took it from this one before.
                for each in simulation.functions.running:
                    each.lost_lease = True
            simulation.triggers.tick()
            self.wait(_OTHER_DRAIN_SECONDS)
            return send()
        return inject(fault, send)

    def wait(self, seconds: float) -> None:
        """Lets a function wait, and kills it at its time-out.

        A killed function makes no more calls, not even from a `finally`: Lambda does not run it either.
        """
        invocation = self._simulation.invocation
        if invocation.dead:
            raise Killed
        left = invocation.dies_at - self._simulation.now
        self._simulation.timeline.advance(max(0.0, min(seconds, left)))
        if seconds >= left:
            invocation.dead = True
            raise Killed

    def _next_fault(self, call_name: str) -> Fault | None:
        """Returns the fault that hits a call, if any, and counts it."""
        for each in list(self.active):
            if each.until <= self._simulation.now:
                self.active.remove(each)
            elif AFFECTED_CALLS[each.fault.name](call_name):
                if each.until < inf:
                    return each.fault
                if each.skip:
                    each.skip -= 1
                    continue
                each.times -= 1
                if not each.times:
                    self.active.remove(each)
                return each.fault
        if call_name.startswith("s3."):
            return _LISTING_FAULTS.get(self._simulation.schedule.setup.listing_fault)
        return None

    def call_aws(self, name: str, model: Any, call: Call) -> Answer:
        """Answers a call to AWS, in place of botocore's network."""
        simulation = self._simulation

        def inject(fault: Fault, send: Callable[[], Answer]) -> Answer:
            if fault.name in OUTAGES:
                if fault.after:
                    send()
                # The client waits for a connection, then for an answer. The SDK retries as configured.
                self.wait(AWS_CLIENT.connect_timeout + AWS_CLIENT.read_timeout)  # type: ignore[attr-defined]
                raise ReadTimeoutError(endpoint_url=call["url"])
            return _inject_aws_error(fault, call, send)

        answer: Answer = self.intercept(name, lambda: simulation.respond(name, model, call), inject)
        return answer


_LISTING_FAULTS = {
    "denied": Fault(0.0, "listing-denied", 0, 1, 0.0, after=False),
    "hangs": Fault(0.0, "listing-hangs", 0, 1, 0.0, after=False),
}

# By fault: the error code and the HTTP status of the answer.
_CODES = {
    "dynamodb-throttled": ("ProvisionedThroughputExceededException", 400),
    "dynamodb-conflict": ("TransactionConflictException", 400),
    "dynamodb-conditional": ("ConditionalCheckFailedException", 400),
    "dynamodb-too-large": ("ValidationException", 400),
    "execution-throttled": ("ThrottlingException", 400),
    "execution-exists": ("ExecutionAlreadyExists", 400),
    "listing-denied": ("AccessDenied", 403),
    "secret-unavailable": ("InternalServiceError", 500),
    "queue-unavailable": ("InternalError", 500),
    "alert-unavailable": ("InternalError", 500),
}


def _inject_aws_error(fault: Fault, call: Call, send: Callable[[], Answer]) -> Answer:
    code, status = _CODES.get(fault.name, ("", 0))
    body = call["body"]
    if fault.name == "aws-answer-lost":
        send()
        raise ReadTimeoutError(endpoint_url=call["url"])
    if fault.name == "execution-exists":
        # The execution must exist then, as if an earlier call had started it and its answer was lost.
        send()
    if fault.name == "dynamodb-conditional" and (b"ConditionExpression" not in body or b"ALL_OLD" in body):
        return send()  # without a condition it cannot fail; with ALL_OLD the answer must show an item
    fields: dict[str, Any] = {}
    if fault.name in ("dynamodb-conflict", "dynamodb-conditional") and b"TransactItems" in body:
        reasons = [{"Code": code.removesuffix("Exception")}]
        code, fields = "TransactionCanceledException", {"CancellationReasons": reasons}
    return aws.error(code, fault.name, status=status, **fields)
