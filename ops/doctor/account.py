"""Asks ImageKit what the account has, by the official SDK. No call changes anything or costs a purge.

The calls are in beta (imagekitio 5.x): GET /v1/accounts/url-endpoints, /v1/accounts/origins,
/v1/named-transformations and /v1/accounts/usage-analytics. None of them tells the ImageKit id, a custom
domain, the plan or the purges that are left.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import imagekitio

from ops.doctor.domain import masked

# Days of usage that are asked for; the API takes less than 90.
_DAYS = 30
_SECONDS = 30.0
# No purge has this id, so its status is a call that shows only whether the key is accepted.
_NO_PURGE = "0" * 24
_KEY_REFUSED = (401, 403)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Origin:
    """A storage that ImageKit reads. `folder` has no slash at its ends; `address` is a URL or empty."""

    id: str
    kind: str
    """Such as `S3`, `WEB_FOLDER` or `WEB_PROXY`."""
    name: str
    bucket: str = ""
    folder: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL-endpoint. Its `prefix` follows the account's address; it is empty for the default endpoint."""

    id: str
    prefix: str
    origins: tuple[str, ...]
    """Ids, in the order in which ImageKit tries them. The media library comes before all of them:
    https://imagekit.io/docs/integration/url-endpoints"""
    rewriter: str = ""
    """`CLOUDINARY`, `IMGIX`, `AKAMAI` or empty."""


@dataclass(frozen=True, slots=True)
class NamedTransformation:
    """What `tr:n-NAME` stands for."""

    name: str
    transformation: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """A name of a top list, and the number of its requests."""

    name: str
    requests: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Requests from `start` to `end` (UTC, both included), and the top lists of them."""

    start: date
    end: date
    requests: int
    transformations: tuple[Counted, ...]
    """Guess: they may stand in the path or in the query of a URL; the API does not say which."""
    assets: tuple[Counted, ...]
    """URLs of images, videos and other files."""
    missing: tuple[Counted, ...]
    """URLs that were answered with 404."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call without a usable answer. `status` is None if there was no answer at all."""

    call: str
    status: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the account has. A part is None if its call is among the `refusals`."""

    endpoints: tuple[Endpoint, ...] | None = None
    origins: tuple[Origin, ...] | None = None
    named: tuple[NamedTransformation, ...] | None = None
    usage: Usage | None = None
    refusals: tuple[Refusal, ...] = ()


class KeyState(StrEnum):
    """What ImageKit lets a key do."""

    REFUSED = "refused"
    RESTRICTED = "restricted"
    """It may ask for the status of purges, but not for the account's URL-endpoints."""
    FULL = "full"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """A key's state, and the words of ImageKit about it, if any."""

    state: KeyState
    message: str = ""


def ask(api_url: str, key: str, today: date) -> Account:
    """Ask for all that the account has. Calls that fail are among the refusals; nothing is raised."""
    refusals: list[Refusal] = []
    with _client(api_url, key) as sdk:

        def answer(call: str, get: Callable[[], T]) -> T | None:
            try:
                return get()
            except imagekitio.APIStatusError as error:
                refusals.append(Refusal(call, error.status_code, _message(error, key)))
            except (imagekitio.APIError, AttributeError, TypeError, ValueError) as error:
                # The SDK does not check an answer: one of another shape fails where it is read.
                refusals.append(Refusal(call, None, masked(str(error), key)))
            return None

        return Account(
            answer(
                "/v1/accounts/url-endpoints", lambda: tuple(map(_endpoint, sdk.accounts.url_endpoints.list()))
            ),
            answer("/v1/accounts/origins", lambda: tuple(map(_origin, sdk.accounts.origins.list()))),
            answer("/v1/named-transformations", lambda: tuple(map(_named, sdk.named_transformations.list()))),
            answer("/v1/accounts/usage-analytics", lambda: _usage(sdk, today)),
            tuple(refusals),
        )


def check_key(api_url: str, key: str) -> KeyCheck:
    """Ask what ImageKit lets a key do. Costs no purge."""
    with _client(api_url, key) as sdk:
        try:
            sdk.cache.invalidation.get(_NO_PURGE)
        except imagekitio.APIStatusError as error:
            if error.status_code in _KEY_REFUSED:
                return KeyCheck(KeyState.REFUSED, _message(error, key))
            if error.status_code != 400:
                return KeyCheck(KeyState.UNKNOWN, _message(error, key))
        except imagekitio.APIError as error:
            return KeyCheck(KeyState.UNKNOWN, masked(str(error), key))
        try:
            sdk.accounts.url_endpoints.list()
        except imagekitio.APIStatusError as error:
            state = KeyState.RESTRICTED if error.status_code in _KEY_REFUSED else KeyState.UNKNOWN
            return KeyCheck(state, _message(error, key))
        except imagekitio.APIError as error:
            return KeyCheck(KeyState.UNKNOWN, masked(str(error), key))
    return KeyCheck(KeyState.FULL)


def _client(api_url: str, key: str) -> imagekitio.ImageKit:
    return imagekitio.ImageKit(private_key=key, base_url=api_url, timeout=_SECONDS, max_retries=2)


def _message(error: imagekitio.APIStatusError, key: str) -> str:
    """ImageKit's words, without the key, which an answer may repeat."""
    body = error.body
    words = body.get("message") if isinstance(body, dict) else None
    return f"{error.status_code} {masked(str(words), key)[:300]}" if words else f"{error.status_code}"


def _endpoint(answer: Any) -> Endpoint:
    rewriter = answer.url_rewriter
    return Endpoint(
        answer.id, answer.url_prefix.strip("/"), tuple(answer.origins), rewriter.type if rewriter else ""
    )


def _origin(answer: Any) -> Origin:
    # The kinds have different fields, and there may be new kinds.
    return Origin(
        answer.id,
        answer.type,
        answer.name,
        getattr(answer, "bucket", ""),
        getattr(answer, "prefix", "").strip("/"),
        getattr(answer, "base_url", "") or getattr(answer, "endpoint", ""),
    )


def _named(answer: Any) -> NamedTransformation:
    return NamedTransformation(answer.name, answer.transformation, answer.enabled)


def _usage(sdk: imagekitio.ImageKit, today: date) -> Usage:
    start = today - timedelta(days=_DAYS)
    answer = sdk.accounts.usage_analytics.get(start_date=start, end_date=today)
    assets = (answer.top_images, answer.top_videos, answer.top_other_assets)
    return Usage(
        start,
        today,
        int(answer.request_count),
        _counted((*answer.top_image_transforms.by_requests, *answer.top_video_transforms.by_requests)),
        _counted(each for ranking in assets for each in ranking.by_requests),
        _counted(answer.top404_assets),
    )


def _counted(entries: Iterable[Any]) -> tuple[Counted, ...]:
    return tuple(Counted(each.name, int(each.request_count)) for each in entries)
