"""ImageKit's purge API: submit a purge, and ask for its status.

https://imagekit.io/docs/api-reference/caching/purge-cache
https://imagekit.io/docs/api-reference/caching/purge-status
`rate_limit_headers.py` has what these pages do not say about limits.
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
    QuotaExhausted,
    Throttled,
    Unavailable,
    UnknownRequest,
    UrlRefused,
)
from purging.imagekit.bounded_http import body_of, bounded_session, never_connected
from purging.imagekit.private_key import PrivateKey, masked
from purging.imagekit.rate_limit_headers import RateLimit, rate_headers
from purging.quoting import without_query
from purging.telemetry import logger

PurgeStatus = Literal["Pending", "Completed"]

CALL_SECONDS = 12.0
"""The most seconds that a purge or a status call takes, including a repetition with a new key, but not the
time to read the key from Secrets Manager, or to look up the name of the host."""

# Seconds for the connection, a part of CALL_SECONDS.
_CONNECT = 3.0
# Bytes of an answer that are read. ImageKit's answers have about a hundred.
_MOST = 65_536
# Characters of ImageKit's message that an error quotes. ImageKit's messages have up to a hundred.
_MESSAGE = 300
# The statuses that refuse the URL itself. ImageKit documents only 400; the others are a guess.
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
    """An answer, read to its end. The private key of the call is masked in all its texts."""

    def __init__(self, answer: requests.Response, key: str) -> None:
        self.status = answer.status_code
        self.headers = CaseInsensitiveDict(
            {masked(name, key): masked(value, key) for name, value in answer.headers.items()}
        )
        self._body = _object(body_of(answer, _MOST))
        self._key = key

    def text(self, name: str) -> str:
        """A text field of the body; empty if the field is absent or no text, or the body no JSON object."""
        value = self._body.get(name)
        return masked(value, self._key) if isinstance(value, str) else ""

    @property
    def succeeded(self) -> bool:
        # The property `ok` of requests is true for a redirect, too.
        return self.status // 100 == 2

    @property
    def message(self) -> str:
        return self.text("message")[:_MESSAGE] or f"status {self.status}"


class ImageKit:
    """A client with one kept-alive connection. It repeats a call only with a new private key."""

    def __init__(self, api_url: str, private_key: PrivateKey) -> None:
        self._url = f"{api_url}/v1/files/purge"
        self._private_key = private_key
        self._session = bounded_session()

    def purge(self, url: str) -> str:
        """Submit a purge of a URL, exact or ending in `*`. Returns its request id.

        Raises UrlRefused, Throttled, QuotaExhausted, KeyRefused or Unavailable, and one of AWS_ERRORS if the
        key cannot be read. Takes at most CALL_SECONDS, and the time to read the key.
        """
        answer = self._call("POST", self._url, {"url": url})
        if limits := rate_headers(answer.headers):
            logger.info("rate limit", status=answer.status, headers=limits)
        if refusal := _over_quota(answer):
            raise refusal
        _raise_for_limit_and_key(answer)
        if answer.status in _ABOUT_THE_URL:
            raise UrlRefused(without_query(url), answer.message)
        _raise_for_status(answer, f"the purge of {without_query(url)!r}")
        # Any success counts: ImageKit answers 201, and older documentation says 200.
        if request_id := answer.text("requestId"):
            return request_id
        raise Unavailable(
            f"ImageKit answered {answer.status} without a requestId to the purge of {without_query(url)!r}"
        )

    def status(self, request_id: str) -> PurgeStatus:
        """The status of a purge.

        Raises UnknownRequest, Throttled, KeyRefused or Unavailable, and one of AWS_ERRORS if the key cannot
        be read. Takes at most CALL_SECONDS, and the time to read the key.
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
            # The secret may have a new key by now.
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
                    auth=(key, ""),  # no password: https://imagekit.io/docs/api-keys
                    timeout=(_CONNECT, due - time.monotonic() - _CONNECT),
                    allow_redirects=False,
                    stream=True,
                ),
                key,
            )
        except requests.RequestException as error:
            unsent = never_connected(error)
            # `from None`: the cause quotes bytes of the answer, which may repeat the key.
            raise Unavailable(
                f"no answer from {url}: {masked(str(error), key)}" + (f"; {_REMEDY}" if unsent else ""),
                may_have_counted=not unsent,
            ) from None


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; empty if the body is anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _over_quota(answer: _Answer) -> QuotaExhausted | None:
    """The error of a purge that is refused because the month's purges are used up; None for other answers."""
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
    # A guess, see `rate_limit_headers.py`: a refusal of the key mentions the key or the account, no limit.
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
            f"ImageKit refuses the private key ({answer.message}): put the current key into the secret"
        )


def _raise_for_status(answer: _Answer, what: str) -> None:
    """Raise Unavailable if the answer is no success. `what` names the call, which did not count if the answer
    is a redirect or a 4xx."""
    if answer.succeeded:
        return
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unavailable(
            f"ImageKit answered {answer.status} to {what} ({answer.message}); {_REMEDY}",
            may_have_counted=False,
        )
    raise Unavailable(f"ImageKit answered {answer.status} to {what} ({answer.message})")
