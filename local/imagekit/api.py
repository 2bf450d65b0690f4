"""The purge and the status API: https://imagekit.io/docs/cache-purge"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable

from local.imagekit import refusals
from local.imagekit.answers import Answer, Request, as_json
from local.imagekit.faults import Fault
from local.imagekit.rate_limit import TokenBucket
from local.imagekit.resolver import NotPurgeable, UrlResolver
from local.imagekit.state import State

PURGE_PATH = "/v1/files/purge"

# Takes a request, the time and the fault that hits the call.
_Call = Callable[[Request, float, Fault | None], Answer]


class PurgeApi:
    """``POST /v1/files/purge`` and ``GET /v1/files/purge/{requestId}``.

    A call is checked for its key, then for the rate, then for its content, then for the quota (the order is a
    guess). A refused call does not count for the quota. A call with a wrong key does not count for the rate.
    """

    def __init__(self, state: State, resolver: UrlResolver) -> None:
        self._state = state
        self._resolver = resolver

    def handle(self, request: Request) -> Answer:
        """Answer a request under ``/v1/``, and count it."""
        path = request.target.partition("?")[0]
        call: _Call
        if request.method == "POST" and path == PURGE_PATH:
            api, call = "purge", self._purge
        elif request.method == "GET" and path.startswith(f"{PURGE_PATH}/"):
            api, call = "status", self._status
        else:
            return refusals.NO_SUCH_CALL
        with self._state.lock:
            now = self._state.advance()
            answer = self._call(api, call, request, now)
            self._state.count(api, answer.outcome)
        return answer

    def _call(self, api: str, call: _Call, request: Request, now: float) -> Answer:
        url = _url_in(request.body)
        fault = self._state.faults.hit(api, wildcard=url is not None and url.endswith("*"))
        if fault is None:
            return call(request, now, None)
        if fault.prevents_call:
            return fault.replacement(refusals.NO_SUCH_CALL)
        return fault.replacement(call(request, now, fault))

    def _purge(self, request: Request, now: float, fault: Fault | None) -> Answer:
        state, settings = self._state, self._state.settings
        if refusal := self._refusal(request, state.writes, now):
            return refusal
        url = _url_in(request.body)
        if url is None:
            return refusals.MISSING_URL
        try:
            scope = self._resolver.resolve_purge(url)
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
        if refusal := self._refusal(request, self._state.reads, now):
            return refusal
        purge = self._state.purges.find(request.target.partition("?")[0].removeprefix(f"{PURGE_PATH}/"))
        if purge is None:
            return refusals.UNKNOWN_REQUEST
        status = "Completed" if purge.completed(now) else "Pending"
        return as_json(200, status.lower(), {"status": status})

    def _refusal(self, request: Request, bucket: TokenBucket, now: float) -> Answer | None:
        """Take a token for a call with the right key. Returns the answer if the call is refused."""
        key = _key_in(request.authorization)
        if not key:
            return refusals.NO_KEY
        if not hmac.compare_digest(key, self._state.settings.private_key.encode()):
            return refusals.WRONG_KEY
        wait = bucket.take(now)
        return refusals.rate_limited(wait, bucket.rate) if wait else None


def _key_in(authorization: str | None) -> bytes | None:
    """Returns the user name of HTTP Basic, which is the private key. The password is ignored."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(credentials.strip(), validate=True).partition(b":")[0]
    except (binascii.Error, ValueError):
        return None


def _url_in(body: bytes) -> str | None:
    """Returns the parameter ``url``; None if it is missing, empty or no text, or if the body is no object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    url = value.get("url") if isinstance(value, dict) else None
    return url if isinstance(url, str) and url else None
