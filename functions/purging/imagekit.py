"""ImageKit's purge API: submit a purge, ask for its status.

Documentation: "Purge cache API" and "Purge cache status API" of ImageKit's media API; what they leave open
stands in `_refusal` alone.
"""

from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import requests
from urllib3.exceptions import NewConnectionError

from purging.errors import (
    KeyRefused,
    PurgeError,
    QuotaExhausted,
    Throttled,
    Unavailable,
    UnknownRequest,
    UrlRefused,
)
from purging.secret import PrivateKey

PurgeStatus = Literal["Pending", "Completed"]

# Seconds to connect, and to wait for a byte of the answer.
_TIMEOUT = (3.05, 10.0)

CALL_SECONDS = 12.0

_LONGEST_RESET = 3600.0


class ImageKit:
    """A client over one kept-alive connection. It repeats a call only with a key read again."""

    def __init__(self, api_url: str, private_key: PrivateKey) -> None:
        self._url = f"{api_url}/v1/files/purge"
        self._private_key = private_key
        self._session = requests.Session()
        # Neither a proxy nor a netrc of the environment has a say in where the key goes.
        self._session.trust_env = False

    def purge(self, url: str) -> str:
        """Submit the purge of a URL, exact or ending in `*`; its request id.

        Raises UrlRefused, Throttled, QuotaExhausted, KeyRefused or Unavailable.
        """
        answer = self._call("POST", self._url, json={"url": url})
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            raise UrlRefused(url, _message(answer))
        # The documentation says 200, the service answers 201.
        request_id = _field(answer, "requestId") if _succeeded(answer) else None
        if not request_id:
            raise Unavailable(
                f"ImageKit answered {answer.status_code} without a requestId to a purge of {url!r}"
            )
        return request_id

    def status(self, request_id: str) -> PurgeStatus:
        """How far a purge is. Raises UnknownRequest, Throttled, KeyRefused or Unavailable."""
        answer = self._call("GET", f"{self._url}/{quote(request_id, safe='')}")
        if answer.status_code == HTTPStatus.BAD_REQUEST:
            raise UnknownRequest(f"ImageKit knows no purge {request_id!r}: {_message(answer)}")
        status = _field(answer, "status") if _succeeded(answer) else None
        if status == "Completed":
            return "Completed"
        if status == "Pending":
            return "Pending"
        raise Unavailable(
            f"ImageKit answered {answer.status_code} without a known status to purge {request_id!r}"
        )

    def _call(self, method: str, url: str, json: dict[str, str] | None = None) -> requests.Response:
        used = self._private_key.value()
        answer = self._send(method, url, json, used)
        if _refusal(answer) is KeyRefused:
            # The key may have been rotated since it was read.
            current = self._private_key.read_again()
            if current != used:
                answer = self._send(method, url, json, current)
        refusal = _refusal(answer)
        if refusal is KeyRefused:
            raise KeyRefused(
                f"ImageKit refuses the private key: {_message(answer)} Put the current one into the secret"
            )
        if refusal is Throttled:
            raise Throttled(_reset(answer) or 60.0)
        if refusal is QuotaExhausted:
            raise QuotaExhausted(f"ImageKit's monthly purge quota is used up: {_message(answer)}")
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unavailable(f"ImageKit answered {answer.status_code} to {method} {url}")
        return answer

    def _send(self, method: str, url: str, json: dict[str, str] | None, key: str) -> requests.Response:
        try:
            # ImageKit ignores the password.
            return self._session.request(
                method, url, json=json, auth=(key, ""), timeout=_TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unavailable(
                f"no answer from {url}: {error}", may_have_counted=not _never_connected(error)
            ) from error


def _succeeded(answer: requests.Response) -> bool:
    # Not `answer.ok`, which holds for a redirect too.
    return answer.status_code // 100 == 2


def _never_connected(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(
        getattr(cause, "reason", None), NewConnectionError
    )


def _refusal(answer: requests.Response) -> type[PurgeError] | None:
    """What kind of refusal an answer is. What a call over the monthly limit answers is not documented.

    A guess: 429 without a usable reset on a purge, or 403 whose message speaks of a limit.
    """
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        is_purge = answer.request.method == "POST"
        return QuotaExhausted if is_purge and _reset(answer) is None else Throttled
    if answer.status_code == HTTPStatus.FORBIDDEN and "limit" in _message(answer).lower():
        return QuotaExhausted
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return KeyRefused
    return None


def _reset(answer: requests.Response) -> float | None:
    """Seconds to wait, from `X-RateLimit-Reset` in milliseconds ("API rate limits"); None if unusable.

    At most an hour: asking once an hour harms nobody, while a time of day sent by mistake would stop
    everything for years.
    """
    try:
        milliseconds = float(answer.headers.get("X-RateLimit-Reset", ""))
    except ValueError:
        return None
    return min(milliseconds / 1000, _LONGEST_RESET) if milliseconds > 0 else None


def _message(answer: requests.Response) -> str:
    return _field(answer, "message") or f"status {answer.status_code}"


def _field(answer: requests.Response, name: str) -> str | None:
    try:
        body: Any = answer.json()
    except (ValueError, RecursionError):
        return None
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) else None
