"""The API: purges and their status (https://imagekit.io/docs/cache-purge), and what the account has."""

import json
from collections.abc import Callable
from datetime import date
from urllib.parse import parse_qs

from local.imagekit import refusals
from local.imagekit.account import USAGE_ANALYTICS, Account
from local.imagekit.admission import refusal
from local.imagekit.answers import Answer, Request, as_json
from local.imagekit.faults import Fault
from local.imagekit.resolver import NotPurgeable, UrlResolver
from local.imagekit.state import State

PURGE_PATH = "/v1/files/purge"

# Takes a request, the time and the fault that hits the call.
_Call = Callable[[Request, float, Fault | None], Answer]


class Api:
    """``POST /v1/files/purge``, ``GET /v1/files/purge/{requestId}``, and the lists of ``account.py``.

    A call is checked for its key, then for the rate, then for its content, then for the quota (the order is a
    guess). A refused call does not count for the quota. A call with a wrong key does not count for the rate.
    """

    def __init__(self, state: State, resolver: UrlResolver, account: Account) -> None:
        self._state = state
        self._resolver = resolver
        self._account = account

    def handle(self, request: Request) -> Answer:
        """Answer a request under ``/v1/``, and count it."""
        path = request.target.partition("?")[0]
        call: _Call
        if request.method == "POST" and path == PURGE_PATH:
            api, call = "purge", self._purge
        elif request.method == "GET" and path.startswith(f"{PURGE_PATH}/"):
            api, call = "status", self._status
        elif request.method == "GET" and self._is_account(path):
            api, call = "account", self._answer_account
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
        if refused := refusal(request.authorization, settings, state.writes, now):
            return refused
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
        state = self._state
        if refused := refusal(request.authorization, state.settings, state.reads, now):
            return refused
        purge = self._state.purges.find(request.target.partition("?")[0].removeprefix(f"{PURGE_PATH}/"))
        if purge is None:
            return refusals.UNKNOWN_REQUEST
        status = "Completed" if purge.completed(now) else "Pending"
        return as_json(200, status.lower(), {"status": status})

    def _is_account(self, path: str) -> bool:
        return path == USAGE_ANALYTICS or self._account.list_of(path, {}) is not None

    def _answer_account(self, request: Request, now: float, _fault: Fault | None) -> Answer:
        state = self._state
        if refused := refusal(request.authorization, state.settings, state.reads, now, account=True):
            return refused
        path, _, query = request.target.partition("?")
        if path != USAGE_ANALYTICS:
            return as_json(200, "listed", self._account.list_of(path, state.replaced))
        days = _days_in(query)
        return (
            refusals.BAD_DATES
            if days is None
            else as_json(200, "listed", state.traffic.analytics(*days, now))
        )


def _url_in(body: bytes) -> str | None:
    """Returns the parameter ``url``; None if it is missing, empty or no text, or if the body is no object."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    url = value.get("url") if isinstance(value, dict) else None
    return url if isinstance(url, str) and url else None


def _days_in(query: str) -> tuple[date, date] | None:
    """Returns startDate and endDate; None unless both are days in order and less than 90 days apart.

    The rules are those of the official SDK's `UsageAnalyticsGetParams`. Guess: the same day twice is allowed.
    """
    given = parse_qs(query)
    try:
        start, end = (date.fromisoformat(given[name][-1]) for name in ("startDate", "endDate"))
    except (KeyError, ValueError):
        return None
    return (start, end) if 0 <= (end - start).days < 90 else None
