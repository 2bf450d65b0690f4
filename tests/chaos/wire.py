"""The boundary: every call of the functions crosses it, and here it fails, hangs, or is the last one.

Calls to AWS cross where botocore would open a connection, calls to ImageKit in an adapter of requests; what
the functions use above that is untouched, the SDKs' own retries included.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from botocore.exceptions import ReadTimeoutError
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ProtocolError

from local.imagekit.faults import KINDS
from local.imagekit.faults import Fault as EmulatorFault
from purging.imagekit import CALL_SECONDS
from tests.chaos import aws
from tests.chaos.endpoint import Answer, Call
from tests.chaos.faults import PLACES, PURGE, STATUS, Fault
from tests.chaos.line import content_of

if TYPE_CHECKING:
    from tests.chaos.world import World

# Seconds that a call takes.
_TAKES = {PURGE: 0.08, STATUS: 0.05}
_AWS_TAKES = 0.006
_TIME_OUT = CALL_SECONDS


class Killed(BaseException):
    """The function is gone. Not an Exception: nothing in the functions may catch it."""


@dataclass(slots=True)
class Armed:
    """A fault that waits for its calls."""

    fault: Fault
    skip: int
    times: int


class Wire:
    """Draws the fault of each call, and kills. `calls` counts by place."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.armed: list[Armed] = []
        self.calls: dict[str, int] = {}

    def arm(self, fault: Fault) -> None:
        """Let it hit from now on."""
        times = 1 if fault.name in ("kill", "concurrent", "lease-expired") else fault.times
        self.armed.append(Armed(fault, fault.skip, times))

    def cross(
        self, place: str, send: Callable[[], Any], spoil: Callable[[Fault, Callable[[], Any]], Any]
    ) -> Any:
        """One call: time passes, then it is sent, or spoiled by a fault, or the function dies."""
        world = self._world
        self.calls[place] = self.calls.get(place, 0) + 1
        self._alive()
        world.advance(_TAKES.get(place, _AWS_TAKES))
        self._alive()
        fault = self._draw(place)
        dies = fault is not None and fault.name == "kill"
        if fault is not None and fault.name in ("concurrent", "lease-expired"):
            if fault.name == "lease-expired":
                world.aws.expire_lease()
            world.tick()
            self._alive()
            fault = None
        if dies and fault and not fault.after:
            world.invocation.dead = True
            raise Killed
        result = send() if fault is None or dies else spoil(fault, send)
        if dies:
            world.invocation.dead = True
        # After its effect: whoever dies here has purged, or written, and does not know.
        self._alive()
        return result

    def _alive(self) -> None:
        """What is dead makes no call: not even from a `finally`, which a killed Lambda never runs."""
        invocation = self._world.invocation
        if self._world.now >= invocation.dies_at:
            invocation.dead = True
        if invocation.dead:
            raise Killed

    def _draw(self, place: str) -> Fault | None:
        if self._world.invocation.calm and not place.startswith("imagekit"):
            return None
        for armed in self.armed:
            name = armed.fault.name
            if not PLACES[name](place) or (self._world.invocation.calm and name in ("kill", "concurrent")):
                continue
            if armed.skip:
                armed.skip -= 1
                continue
            armed.times -= 1
            if not armed.times:
                self.armed.remove(armed)
            return armed.fault
        return None

    # --- AWS ---

    def call_aws(self, name: str, model: Any, call: Call) -> Answer:
        """What stands in for the network of botocore."""
        world = self._world

        def spoil(fault: Fault, send: Callable[[], Answer]) -> Answer:
            return _spoil_aws(world.aws, fault, call, send)

        answer: Answer = self.cross(name, lambda: world.aws.respond(name, model, call), spoil)
        return answer


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
    "alert-unavailable": ("InternalError", 500),
}


def _spoil_aws(world: aws.SmallAws, fault: Fault, call: Call, send: Callable[[], Answer]) -> Answer:
    code, status = _CODES.get(fault.name, ("", 0))
    body = call["body"]
    if fault.name == "aws-answer-lost":
        send()
        raise ReadTimeoutError(endpoint_url=call["url"])
    if fault.name == "execution-exists":
        # It does exist then: an earlier call started it, and its answer was lost.
        send()
    if fault.name == "dynamodb-conditional" and b"ConditionExpression" not in body:
        return send()  # nothing that could fail
    fields: dict[str, Any] = {}
    if fault.name in ("dynamodb-conflict", "dynamodb-conditional") and b"TransactItems" in body:
        reason: dict[str, Any] = {"Code": code.removesuffix("Exception")}
        if b"ALL_OLD" in body and fault.name == "dynamodb-conditional":
            key = json.loads(body)["TransactItems"][0]["Update"]["Key"]
            reason["Item"] = world.item(key["pk"]["S"], key["sk"]["S"])
            if reason["Item"] is None:
                return send()  # what is not there fails no condition that shows it
        code, fields = "TransactionCanceledException", {"CancellationReasons": [reason]}
    return aws.error(code, fault.name, status=status, **fields)


class Adapter(HTTPAdapter):
    """Carries a function's calls to ImageKit."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """One HTTP call."""
        place = PURGE if request.method == "POST" else STATUS
        send = super().send

        def spoil(fault: Fault, _send: Callable[[], Any]) -> requests.Response:
            return self._spoil(fault, place, request, lambda: send(request, *args, **kwargs))

        answer: requests.Response = self._world.wire.cross(place, lambda: self._world.carry(request), spoil)
        return answer

    def _spoil(
        self, fault: Fault, place: str, request: requests.PreparedRequest, send: Callable[[], Any]
    ) -> requests.Response:
        world, name = self._world, fault.name
        if name == "changed-again":
            answer = world.carry(request)
            world.change_again(json.loads(request.body or b"")["url"], min(fault.seconds / 3, 4.0))
            return answer
        if name == "refused":
            # Nobody listens on port 1.
            request.url = "http://127.0.0.1:1/"
            return send()  # type: ignore[no-any-return]
        if name == "slow":
            # The emulator would hold the answer for real seconds; here only the virtual clock waits.
            world.carry(request)
            world.advance(_TIME_OUT)
            raise requests.ReadTimeout(f"no answer in {_TIME_OUT} s", request=request)
        order: dict[str, Any] = {"api": place.removeprefix("imagekit."), "kind": name}
        if name == "5xx-counted":
            order |= {"kind": "5xx", "accepted": True, "status": 502}
        if name == "429":
            order["seconds"] = fault.seconds
        if order["kind"] not in KINDS:
            raise ValueError(f"{name} is no fault of ImageKit's")
        if name == "wildcard-refused" and b'*"' not in content_of(request):
            return world.carry(request)
        world.emulator.state.faults.add(EmulatorFault.parse(order))
        return world.carry_faulty(request, send)


def reset(request: requests.PreparedRequest) -> requests.ConnectionError:
    """What requests raises when the connection is reset."""
    cause = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
    return requests.ConnectionError(cause, request=request)
