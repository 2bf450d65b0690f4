"""The emulated ImageKit without a socket: what stands where a session of `requests` would connect."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from benchmarks.cost.aws import Calling
from benchmarks.throughput.aws import BUCKET, PRIVATE_KEY
from local.imagekit import Bucket, Emulator, Settings
from local.imagekit.answers import Request


def emulated(clock: Callable[[], float], completion_seconds: float) -> Emulator:
    """An ImageKit with its own rate limits, and with more quota than is ever used."""
    settings = Settings(PRIVATE_KEY, quota=10**9, delay=completion_seconds)
    return Emulator(settings, origins={"demo": Bucket.parse(BUCKET)}, clock=clock)


class InMemory(BaseAdapter):
    """Calls of the API go to the emulator. The CDN is always fresh."""

    def __init__(self, emulator: Emulator, calling: Calling) -> None:
        super().__init__()
        self._emulator = emulator
        self._calling = calling

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        """Answer a request, and let its time pass."""
        if request.method == "HEAD":
            with self._calling("cdn"):
                return _response(request, 200, {"Age": "0"}, b"")
        body = request.body or b""
        with self._calling("purge" if request.method == "POST" else "status"):
            answer = self._emulator.handle(
                Request(
                    str(request.method),
                    request.path_url,
                    urlsplit(str(request.url)).netloc,
                    request.headers["Authorization"],
                    body if isinstance(body, bytes) else body.encode(),
                )
            )
        return _response(request, answer.status, dict(answer.headers), answer.body)

    def close(self) -> None:
        """Nothing is open."""


def session(adapter: InMemory) -> requests.Session:
    """A session all of whose calls end at the adapter."""
    made = requests.Session()
    made.trust_env = False
    for scheme in ("http://", "https://"):
        made.mount(scheme, adapter)
    return made


def _response(
    request: requests.PreparedRequest, status: int, headers: dict[str, str], content: bytes
) -> requests.Response:
    response = requests.Response()
    response.status_code, response._content = status, content
    response._content_consumed = True  # type: ignore[attr-defined] # as if it had been read from a socket
    response.headers.update(headers)
    response.request, response.url = request, str(request.url)
    return response
