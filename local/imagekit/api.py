"""The purge and the status API."""

import base64
import binascii
import hmac
import json
from collections.abc import Callable

from local.imagekit import refusals
from local.imagekit.addresses import AddressBook, NotPurgeable
from local.imagekit.answers import Answer, Request, as_json
from local.imagekit.faults import Fault
from local.imagekit.state import State
from local.imagekit.tokens import TokenBucket

PURGE_PATH = "/v1/files/purge"

# A request, the time and the fault that hits it.
_Call = Callable[[Request, float, Fault | None], Answer]


class PurgeApi:
    """``POST /v1/files/purge`` and ``GET /v1/files/purge/{requestId}``.

    A call is refused for its key, then for the rate, then for its content, then for the quota (the
    order is a guess). Refused calls count to no quota, and calls with a bad key to no rate limit.
    """

    def __init__(self, state: State, addresses: AddressBook) -> None:
        self._state = state
        self._addresses = addresses

    def handle(self, request: Request) -> Answer:
        """Answer any request under ``/v1/``."""
        path = request.target.partition("?")[0]
        call: _Call
        if request.method == "POST" and path == PURGE_PATH:
            api, call = "purge", self._purge
        elif request.method == "GET" and path.startswith(f"{PURGE_PATH}/"):
            api, call = "status", self._status
        else:
            return refusals.NO_SUCH_CALL
        with self._state.lock:
            now = self._state.settle()
            answer = self._call(api, call, request, now)
            self._state.count(api, answer.outcome)
        return answer

    def _call(self, api: str, call: _Call, request: Request, now: float) -> Answer:
        url = _url_in(request.body)
        fault = self._state.faults.draw(api, wildcard=url is not None and url.endswith("*"))
        if fault is None:
            return call(request, now, None)
        if fault.before:
            return fault.spoil(refusals.NO_SUCH_CALL)
        return fault.spoil(call(request, now, fault))

    def _purge(self, request: Request, now: float, fault: Fault | None) -> Answer:
        state, settings = self._state, self._state.settings
        if refusal := self._turned_away(request, state.writes, now):
            return refusal
        url = _url_in(request.body)
        if url is None:
            return refusals.MISSING_URL
        try:
            scope = self._addresses.of_purge(url)
        except NotPurgeable:
            return refusals.INVALID_URL
        if state.purges.used(now) >= settings.quota:
            return refusals.over_quota(
                settings.quota_answer, settings.quota, now, headers=settings.quota_headers
            )
        never = fault is not None and fault.kind == "never-completes"
        purge = state.purges.accept(url, scope, now, None if never else settings.delay)
        return as_json(201, "accepted", {"requestId": purge.request_id})

    def _status(self, request: Request, now: float, _fault: Fault | None) -> Answer:
        if refusal := self._turned_away(request, self._state.reads, now):
            return refusal
        purge = self._state.purges.find(request.target.partition("?")[0].removeprefix(f"{PURGE_PATH}/"))
        if purge is None:
            return refusals.UNKNOWN_REQUEST
        status = "Completed" if purge.completed(now) else "Pending"
        return as_json(200, status.lower(), {"status": status})

    def _turned_away(self, request: Request, bucket: TokenBucket, now: float) -> Answer | None:
        key = _key_in(request.authorization)
        if not key:
            return refusals.NO_KEY
        if not hmac.compare_digest(key, self._state.settings.private_key.encode()):
            return refusals.WRONG_KEY
        wait = bucket.take(now)
        return refusals.rate_limited(wait, bucket.rate) if wait else None


def _key_in(authorization: str | None) -> bytes | None:
    """The user name of HTTP Basic, where ImageKit takes the private key; the password is ignored."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return None


def _url_in(body: bytes) -> str | None:
    """The URL parameter; None where it is missing, empty, no text, or the body is no JSON object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    url = value.get("url") if isinstance(value, dict) else None
    return url if isinstance(url, str) and url else None
