"""The transport adapter that intercepts the ImageKit client's HTTP calls, below requests.

A fault of a connection runs on a connection of the client's own class, so the client's own time-outs decide
how long the call takes. Those time-outs read the virtual clock (`simulation.py`).
"""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError

from local.imagekit.faults import KINDS
from local.imagekit.faults import Fault as EmulatorFault
from purging.imagekit.client import CALL_SECONDS
from tests.chaos.emulator_connection import content_of, make_response
from tests.chaos.faults import PURGE, STATUS, Fault
from tests.chaos.virtual_connection import VirtualConnection

if TYPE_CHECKING:
    from tests.chaos.simulation import Simulation

# Less than any time-out for one byte.
_SECONDS_PER_BYTE = 9.0
# What a server that is not ImageKit answers.
_WRONG_SERVER_ANSWERS = {"api-404": (404, {}), "api-redirects": (301, {"Location": "https://imagekit.io/"})}


class Adapter(BaseAdapter):
    """Sends a function's calls to ImageKit. `under` is the adapter that the client made itself."""

    def __init__(self, simulation: "Simulation", under: HTTPAdapter) -> None:
        super().__init__()
        self._simulation = simulation
        self._under = under
        self._ports = count(2)
        self._sent = True

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Sends one HTTP call, and records in the audit log what the function cannot know of it."""
        simulation = self._simulation
        if request.method != "POST":
            return self._intercept(STATUS, request, *args, **kwargs)
        url: str = json.loads(content_of(request))["url"]
        accepted, self._sent = len(simulation.invocation.accepted), True
        try:
            answer = self._intercept(PURGE, request, *args, **kwargs)
        except requests.RequestException:
            simulation.audit_log.record_unclear(accepted, counts=self._sent)
            simulation.audit_log.record_refused(url)
            raise
        if answer.status_code // 100 != 2:
            simulation.audit_log.record_unclear(accepted, counts=answer.status_code >= 500)
            if answer.status_code not in (401, 403, 429):
                simulation.audit_log.record_refused(url)
        return answer

    def close(self) -> None:
        """Closes the client's own adapter."""
        self._under.close()

    def _intercept(
        self, call_name: str, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        def inject(fault: Fault, _send: Callable[[], Any]) -> requests.Response:
            return self._inject(fault, call_name, request, lambda: self._under.send(request, *args, **kwargs))

        answer: requests.Response = self._simulation.fault_injector.intercept(
            call_name, lambda: self._deliver(request), inject
        )
        return answer

    def _deliver(self, request: requests.PreparedRequest) -> requests.Response:
        """Delivers a call to the emulator, unless every purge of its URL fails (`bad_urls`)."""
        if request.method == "POST":
            purged = json.loads(content_of(request))["url"]
            for url, status in self._simulation.schedule.setup.bad_urls:
                if purged.startswith(url) and purged[len(url) :] in ("", "*", "?*", "/ik-*"):
                    return make_response(request, status, (), b'{"message": "no"}')
        return self._simulation.deliver(request)

    def _inject(
        self, fault: Fault, call_name: str, request: requests.PreparedRequest, send: Callable[[], Any]
    ) -> requests.Response:
        name = fault.name
        if name in _WRONG_SERVER_ANSWERS:
            status, headers = _WRONG_SERVER_ANSWERS[name]
            return make_response(request, status, headers.items(), b"<html>elsewhere</html>")
        if name in ("refused", "api-tls") or (name == "imagekit-hangs" and not fault.after):
            return self._fail_to_connect(name, request, send)
        if name in ("drip", "imagekit-drips", "imagekit-hangs"):
            seconds_per_byte = inf if name == "imagekit-hangs" else _SECONDS_PER_BYTE
            return self._answer_byte_by_byte(seconds_per_byte, request, send)
        return self._answer_with_fault(fault, call_name, request, send)

    def _answer_with_fault(
        self, fault: Fault, call_name: str, request: requests.PreparedRequest, send: Callable[[], Any]
    ) -> requests.Response:
        """Lets ImageKit answer, but not as it should."""
        simulation, name = self._simulation, fault.name
        if name == "changed-again":
            answer = self._deliver(request)
            url = json.loads(request.body or b"")["url"]
            simulation.schedule_runner.change_again(url, min(fault.seconds / 3, 4.0))
            return answer
        if name == "slow":
            # The emulator would hold the answer for real seconds; here only the virtual clock waits.
            simulation.deliver(request)
            simulation.fault_injector.wait(CALL_SECONDS)
            raise requests.ReadTimeout(f"no answer in {CALL_SECONDS} s", request=request)
        if name == "429-reset-0":
            headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Reset": "0", "X-RateLimit-Interval": "1000"}
            return make_response(request, 429, headers.items(), b'{"message": "Too many requests."}')
        order: dict[str, Any] = {"api": call_name.removeprefix("imagekit."), "kind": name}
        if name == "5xx-counted":
            order |= {"kind": "5xx", "accepted": True, "status": 502}
        if name == "429":
            order["seconds"] = fault.seconds
        if order["kind"] not in KINDS:
            raise ValueError(f"the emulator has no fault {name}")
        if name == "wildcard-refused" and b'*"' not in content_of(request):
            return self._deliver(request)
        simulation.emulator.state.faults.add(EmulatorFault.parse(order))
        return simulation.deliver_faulty(request, send)

    def _fail_to_connect(self, name: str, request: requests.PreparedRequest, send: Callable[[], Any]) -> Any:
        """Sends a call for which no connection is made: refused, a wrong certificate, or no answer."""

        def fail(connection: Any) -> Any:
            if name == "refused":
                raise NewConnectionError(connection, "connection refused")
            if name == "api-tls":
                raise ssl.SSLCertVerificationError("certificate verify failed")
            self._simulation.fault_injector.wait(float(connection.timeout))
            raise ConnectTimeoutError(connection, "connect timed out")

        self._sent = False
        with self._replaced_connection(fail, request):
            return send()

    def _answer_byte_by_byte(
        self, seconds_per_byte: float, request: requests.PreparedRequest, send: Callable[[], Any]
    ) -> Any:
        """Lets ImageKit handle a call, and sends the answer a byte at a time."""
        simulation = self._simulation
        accepted = len(simulation.invocation.accepted)
        raw = simulation.raw_answer(request)
        if request.method == "POST":
            simulation.audit_log.record_unclear(accepted, counts=True)

        def connect(_connection: Any) -> VirtualConnection:
            return VirtualConnection(raw, seconds_per_byte, simulation.fault_injector.wait)

        with self._replaced_connection(connect, request):
            return send()

    @contextmanager
    def _replaced_connection(
        self, connect: Callable[[Any], Any], request: requests.PreparedRequest
    ) -> Iterator[None]:
        """Gives a call a new connection of the client's own class, connected by `connect`."""
        request.url = f"http://127.0.0.1:{next(self._ports)}/"
        pools = self._under.poolmanager.pool_classes_by_scheme
        kind = type("Pool", (pools["http"],), {})
        kind.ConnectionCls = type("FaultyConnection", (kind.ConnectionCls,), {"_new_conn": connect})
        self._under.poolmanager.pool_classes_by_scheme = {**pools, "http": kind}
        try:
            yield
        finally:
            self._under.poolmanager.pool_classes_by_scheme = pools


def reset(request: requests.PreparedRequest) -> requests.ConnectionError:
    """Returns the error that requests raises when a connection is reset."""
    cause = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
    return requests.ConnectionError(cause, request=request)
