"""The boundary: every call of the functions crosses it, and here it fails, hangs, or is the last one.

Calls to AWS cross where botocore would open a connection, calls to ImageKit in an adapter of requests; what
the functions use above that is untouched, the SDKs' own retries included.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ReadTimeoutError

from purging.aws.clients import AWS_CLIENT
from tests.chaos import aws
from tests.chaos.endpoint import Answer, Call
from tests.chaos.faults import ONCE, OUTAGES, PLACES, PURGE, STATUS, Fault

if TYPE_CHECKING:
    from tests.chaos.world import World

# Seconds that a call takes.
_TAKES = {PURGE: 0.08, STATUS: 0.05}
_AWS_TAKES = 0.006
# Seconds in which another drain gets something done while this one waits for a call.
_MEANWHILE = 2.0

Spoil = Callable[[Fault, Callable[[], Any]], Any]


class Killed(BaseException):
    """The function is gone. Not an Exception: nothing in the functions may catch it."""


@dataclass(slots=True)
class Armed:
    """A fault that waits for its calls: the next `times` after `skip`, or all `until` a time, in unix
    seconds."""

    fault: Fault
    skip: int
    times: int
    until: float


class Wire:
    """Draws the fault of each call, and kills. `calls` counts by place."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.armed: list[Armed] = []
        self.calls: dict[str, int] = {}

    def arm(self, fault: Fault) -> None:
        """Let it hit from now on."""
        if fault.name in OUTAGES:
            self.armed.append(Armed(fault, 0, 0, self._world.now + fault.seconds))
        else:
            self.armed.append(Armed(fault, fault.skip, 1 if fault.name in ONCE else fault.times, inf))

    def cross(self, place: str, send: Callable[[], Any], spoil: Spoil) -> Any:
        """One call: time passes, then it is sent, or spoiled by a fault, or the function dies."""
        world = self._world
        self.calls[place] = self.calls.get(place, 0) + 1
        takes = world.schedule.setup.listing_seconds if place.startswith("s3.") else _AWS_TAKES
        self.wait(_TAKES.get(place, takes))
        fault = self._draw(place)
        if fault is None:
            return send()
        world.invocation.spoiled.add(place.partition(".")[0])
        if fault.name in ("kill", "time-out"):
            # After its effect: whoever dies here has purged, or written, and does not know.
            if fault.after:
                send()
            world.invocation.struck = True
            self.wait(inf if fault.name == "time-out" else 0.0)
            world.invocation.dead = True
            raise Killed
        if fault.name in ("concurrent", "lease-expired"):
            if fault.name == "lease-expired":
                world.aws.expire_lease()
                # Whoever has it: this one, or another that took it from this one before.
                for each in world.functions.running:
                    each.robbed = True
            world.triggers.tick()
            self.wait(_MEANWHILE)
            return send()
        return spoil(fault, send)

    def wait(self, seconds: float) -> None:
        """Let a function wait; if it does not live that long, it is killed. What is dead makes no call: not
        even from a `finally`, which a killed Lambda never runs."""
        invocation = self._world.invocation
        if invocation.dead:
            raise Killed
        left = invocation.dies_at - self._world.now
        self._world.timeline.advance(max(0.0, min(seconds, left)))
        if seconds >= left:
            invocation.dead = True
            raise Killed

    def _draw(self, place: str) -> Fault | None:
        for each in list(self.armed):
            if each.until <= self._world.now:
                self.armed.remove(each)
            elif PLACES[each.fault.name](place):
                if each.until < inf:
                    return each.fault
                if each.skip:
                    each.skip -= 1
                    continue
                each.times -= 1
                if not each.times:
                    self.armed.remove(each)
                return each.fault
        return _LISTLESS.get(self._world.schedule.setup.listless) if place.startswith("s3.") else None

    # --- AWS ---

    def call_aws(self, name: str, model: Any, call: Call) -> Answer:
        """What stands in for the network of botocore."""
        world = self._world

        def spoil(fault: Fault, send: Callable[[], Answer]) -> Answer:
            if fault.name in OUTAGES:
                if fault.after:
                    send()
                # To connect, and then for an answer; the SDK does so again as often as it is told to.
                self.wait(AWS_CLIENT.connect_timeout + AWS_CLIENT.read_timeout)  # type: ignore[attr-defined]
                raise ReadTimeoutError(endpoint_url=call["url"])
            return _spoil_aws(fault, call, send)

        answer: Answer = self.cross(name, lambda: world.respond(name, model, call), spoil)
        return answer


_LISTLESS = {
    "denied": Fault(0.0, "listing-denied", 0, 1, 0.0, after=False),
    "hangs": Fault(0.0, "listing-hangs", 0, 1, 0.0, after=False),
}

# What each fault answers: error code and HTTP status.
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


def _spoil_aws(fault: Fault, call: Call, send: Callable[[], Answer]) -> Answer:
    code, status = _CODES.get(fault.name, ("", 0))
    body = call["body"]
    if fault.name == "aws-answer-lost":
        send()
        raise ReadTimeoutError(endpoint_url=call["url"])
    if fault.name == "execution-exists":
        # It does exist then: an earlier call started it, and its answer was lost.
        send()
    if fault.name == "dynamodb-conditional" and (b"ConditionExpression" not in body or b"ALL_OLD" in body):
        return send()  # nothing that could fail, or it would have to show an item that fails the condition
    fields: dict[str, Any] = {}
    if fault.name in ("dynamodb-conflict", "dynamodb-conditional") and b"TransactItems" in body:
        reasons = [{"Code": code.removesuffix("Exception")}]
        code, fields = "TransactionCanceledException", {"CancellationReasons": reasons}
    return aws.error(code, fault.name, status=status, **fields)
