"""ImageKit's purge API: submit a purge, ask for its status.

Documentation: "Purge cache API" and "Purge cache status API" of ImageKit's media API; what they leave open
about limits stands in `ratelimit.py`.
"""

import json
import time
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import requests
from requests.structures import CaseInsensitiveDict

from purging.errors import (
    KeyRefused,
    PurgeError,
    QuotaExhausted,
    Throttled,
    Unavailable,
    UnknownRequest,
    UrlRefused,
)
from purging.imagekit.bounded_http import body_of, bounded_session, never_connected
from purging.imagekit.private_key import PrivateKey, masked
from purging.imagekit.ratelimit import RateLimit, rate_headers
from purging.telemetry import logger

PurgeStatus = Literal["Pending", "Completed"]

CALL_SECONDS = 12.0
"""The longest that a purge or a status call takes: to connect and to be answered, and once more if the key
was read again. Reading the key from Secrets Manager comes on top."""

# Seconds of these to connect.
_CONNECT = 3.0
# Bytes of an answer; ImageKit's have about a hundred.
_MOST = 65_536
# Characters of a message that stand in an error; ImageKit's have up to a hundred.
_MESSAGE = 300
_ABOUT_THE_URL = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.REQUEST_URI_TOO_LONG,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
_REMEDY = "check ImageKitApiUrl, and that ImageKit's API answers there"


class _Answer:
    """An answer, read to its end. Nothing that it says holds the `key` that it was asked with."""

    def __init__(self, answer: requests.Response, key: str) -> None:
        self.status = answer.status_code
        self.headers = CaseInsensitiveDict(
            {masked(name, key): masked(value, key) for name, value in answer.headers.items()}
        )
        self._body = _object(body_of(answer, _MOST))
        self._key = key

    def text(self, name: str) -> str:
        """A field of the body, which is a JSON object; empty if it is not there, or no text."""
        value = self._body.get(name)
        return masked(value, self._key) if isinstance(value, str) else ""

    @property
    def succeeded(self) -> bool:
        # Not `ok` of requests, which holds for a redirect too.
        return self.status // 100 == 2

    @property
    def message(self) -> str:
        return self.text("message")[:_MESSAGE] or f"status {self.status}"


class ImageKit:
    """A client over one kept-alive connection. It repeats a call only with a key read again."""

    def __init__(self, api_url: str, private_key: PrivateKey) -> None:
        self._url = f"{api_url}/v1/files/purge"
        self._private_key = private_key
        self._session = bounded_session()

    def purge(self, url: str) -> str:
        """Submit the purge of a URL, exact or ending in `*`; its request id.

        Raises UrlRefused, Throttled, QuotaExhausted, KeyRefused or Unavailable, and one of AWS_ERRORS if the
        key cannot be read. Takes CALL_SECONDS at most.
        """
        answer = self._call("POST", self._url, {"url": url})
        if limits := rate_headers(answer.headers):
            logger.info("rate limit", status=answer.status, headers=limits)
        if refusal := _over_quota(answer):
            raise refusal
        _raise_for_limit_and_key(answer)
        if answer.status in _ABOUT_THE_URL:
            raise UrlRefused(url, answer.message)
        _raise_for_status(answer, f"the purge of {url!r}")
        # The documentation says 200, the service answers 201.
        if request_id := answer.text("requestId"):
            return request_id
        raise Unavailable(f"ImageKit answered {answer.status} without a requestId to the purge of {url!r}")

    def status(self, request_id: str) -> PurgeStatus:
        """How far a purge is.

        Raises UnknownRequest, Throttled, KeyRefused or Unavailable, and one of AWS_ERRORS if the key cannot
        be read. Takes CALL_SECONDS at most.
        """
        answer = self._call("GET", f"{self._url}/{quote(request_id, safe='')}")
        _raise_for_limit_and_key(answer)
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise UnknownRequest(f"ImageKit knows no purge {request_id!r}: {answer.message}")
        _raise_for_status(answer, f"the status of purge {request_id!r}")
        match answer.text("status"):
            case "Completed":
                return "Completed"
            case "Pending":
                return "Pending"
        raise Unavailable(f"ImageKit answered {answer.status} without a known status to purge {request_id!r}")

    def _call(self, method: str, url: str, body: dict[str, str] | None = None) -> _Answer:
        used = self._private_key.value()
        due = time.monotonic() + CALL_SECONDS
        answer = self._send(method, url, body, used, due)
        if _refuses_the_key(answer):
            # The key may have been rotated since it was read.
            current = self._private_key.read_again()
            if current != used and due - time.monotonic() > 2 * _CONNECT:
                return self._send(method, url, body, current, due)
        return answer

    def _send(self, method: str, url: str, body: dict[str, str] | None, key: str, due: float) -> _Answer:
        try:
            return _Answer(
                self._session.request(
                    method,
                    url,
                    json=body,
                    auth=(key, ""),  # ImageKit ignores the password
                    timeout=(_CONNECT, due - time.monotonic() - _CONNECT),
                    allow_redirects=False,
                    stream=True,
                ),
                key,
            )
        except requests.RequestException as error:
            unsent = never_connected(error)
            # Without its cause, which quotes what came instead of an answer.
            raise Unavailable(
                f"no answer from {url}: {masked(str(error), key)}" + (f"; {_REMEDY}" if unsent else ""),
                may_have_counted=not unsent,
            ) from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _over_quota(answer: _Answer) -> PurgeError | None:
    """Whether a purge is refused since the month's purges are used up."""
    limit = RateLimit.of(answer.headers)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        used_up = limit.is_monthly(answer.message)
    else:
        used_up = _speaks_of_a_limit(answer)
    if not used_up:
        return None
    return QuotaExhausted(
        f"ImageKit's monthly purge quota is used up: {answer.message}", resumes_in=limit.resumes_in
    )


def _speaks_of_a_limit(answer: _Answer) -> bool:
    # A guess, see `ratelimit.py`: what is refused for its key speaks of the account or of the key.
    return answer.status == HTTPStatus.FORBIDDEN and "limit" in answer.message.lower()


def _refuses_the_key(answer: _Answer) -> bool:
    return answer.status == HTTPStatus.UNAUTHORIZED or (
        answer.status == HTTPStatus.FORBIDDEN and not _speaks_of_a_limit(answer)
    )


def _raise_for_limit_and_key(answer: _Answer) -> None:
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Throttled(RateLimit.of(answer.headers).retry_after)
    if _refuses_the_key(answer):
        raise KeyRefused(
            f"ImageKit refuses the private key: {answer.message} Put the current one into the secret"
        )


def _raise_for_status(answer: _Answer, what: str) -> None:
    """Raise Unavailable for what is no success: a redirect and any 4xx are a definite no."""
    if answer.succeeded:
        return
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(
            f"ImageKit answered {answer.status} to {what} ({answer.message}); {_REMEDY}",
            may_have_counted=False,
        )
    raise Unavailable(f"ImageKit answered {answer.status} to {what} ({answer.message})")
