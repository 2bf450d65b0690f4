"""Where calls to ImageKit cross the boundary: under requests, above the client's own connections.

What spoils a connection is played on one of the client's own kind, so that its time-outs decide how long that
takes. The clock that it reads is the virtual one (`world.py`).
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
from tests.chaos.drip import Dripping
from tests.chaos.faults import PURGE, STATUS, Fault
from tests.chaos.line import content_of, response

if TYPE_CHECKING:
    from tests.chaos.world import World

# Seconds between two bytes: less than any time-out for one.
_GAP = 9.0
# What stands at an address that is not ImageKit's.
_ELSEWHERE = {"api-404": (404, {}), "api-redirects": (301, {"Location": "https://imagekit.io/"})}


class Adapter(BaseAdapter):
    """Carries a function's calls to ImageKit, `under` being the adapter of its client."""

    def __init__(self, world: "World", under: HTTPAdapter) -> None:
        super().__init__()
        self._world = world
        self._under = under
        self._ports = count(2)
        self._sent = True

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """One HTTP call. The books are told what the function cannot know of it."""
        world = self._world
        if request.method != "POST":
            return self._cross(STATUS, request, *args, **kwargs)
        asked: str = json.loads(content_of(request))["url"]
        accepted, self._sent = len(world.invocation.accepted), True
        try:
            answer = self._cross(PURGE, request, *args, **kwargs)
        except requests.RequestException:
            world.books.unclear(accepted, counts=self._sent)
            world.books.failed(asked)
            raise
        if answer.status_code // 100 != 2:
            world.books.unclear(accepted, counts=answer.status_code >= 500)
            if answer.status_code not in (401, 403, 429):
                world.books.failed(asked)
        return answer

    def close(self) -> None:
        """Hang up."""
        self._under.close()

    def _cross(
        self, place: str, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        def spoil(fault: Fault, _send: Callable[[], Any]) -> requests.Response:
            return self._spoil(fault, place, request, lambda: self._under.send(request, *args, **kwargs))

        answer: requests.Response = self._world.wire.cross(place, lambda: self._carry(request), spoil)
        return answer

    def _carry(self, request: requests.PreparedRequest) -> requests.Response:
        """To the emulator, unless the URL is one that nothing can be done about."""
        if request.method == "POST":
            asked = json.loads(content_of(request))["url"]
            for url, status in self._world.schedule.setup.bad_urls:
                if asked.startswith(url) and asked[len(url) :] in ("", "*", "?*", "/ik-*"):
                    return response(request, status, (), b'{"message": "no"}')
        return self._world.carry(request)

    def _spoil(
        self, fault: Fault, place: str, request: requests.PreparedRequest, send: Callable[[], Any]
    ) -> requests.Response:
        name = fault.name
        if name in _ELSEWHERE:
            status, headers = _ELSEWHERE[name]
            return response(request, status, headers.items(), b"<html>elsewhere</html>")
        if name in ("refused", "api-tls") or (name == "imagekit-hangs" and not fault.after):
            return self._unsent(name, request, send)
        if name in ("drip", "imagekit-drips", "imagekit-hangs"):
            return self._drip(inf if name == "imagekit-hangs" else _GAP, request, send)
        return self._answered(fault, place, request, send)

    def _answered(
        self, fault: Fault, place: str, request: requests.PreparedRequest, send: Callable[[], Any]
    ) -> requests.Response:
        """ImageKit answers, but not as it should."""
        world, name = self._world, fault.name
        if name == "changed-again":
            answer = self._carry(request)
            world.story.change_again(json.loads(request.body or b"")["url"], min(fault.seconds / 3, 4.0))
            return answer
        if name == "slow":
            # The emulator would hold the answer for real seconds; here only the virtual clock waits.
            world.carry(request)
            world.wire.wait(CALL_SECONDS)
            raise requests.ReadTimeout(f"no answer in {CALL_SECONDS} s", request=request)
        if name == "429-reset-0":
            headers = {"X-RateLimit-Limit": "5", "X-RateLimit-Reset": "0", "X-RateLimit-Interval": "1000"}
            return response(request, 429, headers.items(), b'{"message": "Too many requests."}')
        order: dict[str, Any] = {"api": place.removeprefix("imagekit."), "kind": name}
        if name == "5xx-counted":
            order |= {"kind": "5xx", "accepted": True, "status": 502}
        if name == "429":
            order["seconds"] = fault.seconds
        if order["kind"] not in KINDS:
            raise ValueError(f"{name} is no fault of ImageKit's")
        if name == "wildcard-refused" and b'*"' not in content_of(request):
            return self._carry(request)
        world.emulator.state.faults.add(EmulatorFault.parse(order))
        return world.carry_faulty(request, send)

    def _unsent(self, name: str, request: requests.PreparedRequest, send: Callable[[], Any]) -> Any:
        """Nobody listens, a certificate is wrong, or nothing answers: no connection comes to be."""

        def fail(connection: Any) -> Any:
            if name == "refused":
                raise NewConnectionError(connection, "connection refused")
            if name == "api-tls":
                raise ssl.SSLCertVerificationError("certificate verify failed")
            self._world.wire.wait(float(connection.timeout))
            raise ConnectTimeoutError(connection, "connect timed out")

        self._sent = False
        with self._connecting_by(fail, request):
            return send()

    def _drip(self, gap: float, request: requests.PreparedRequest, send: Callable[[], Any]) -> Any:
        """The call is handled, and its answer comes a byte at a time."""
        world = self._world
        accepted = len(world.invocation.accepted)
        raw = world.raw_answer(request)
        if request.method == "POST":
            world.books.unclear(accepted, counts=True)
        with self._connecting_by(lambda _connection: Dripping(raw, gap, world.wire.wait), request):
            return send()

    @contextmanager
    def _connecting_by(
        self, connect: Callable[[Any], Any], request: requests.PreparedRequest
    ) -> Iterator[None]:
        """Let a call have a connection of its own, of the client's kind."""
        request.url = f"http://127.0.0.1:{next(self._ports)}/"
        pools = self._under.poolmanager.pool_classes_by_scheme
        kind = type("Pool", (pools["http"],), {})
        kind.ConnectionCls = type("Bad", (kind.ConnectionCls,), {"_new_conn": connect})
        self._under.poolmanager.pool_classes_by_scheme = {**pools, "http": kind}
        try:
            yield
        finally:
            self._under.poolmanager.pool_classes_by_scheme = pools


def reset(request: requests.PreparedRequest) -> requests.ConnectionError:
    """What requests raises when the connection is reset."""
    cause = ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
    return requests.ConnectionError(cause, request=request)
