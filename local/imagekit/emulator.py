"""The whole emulator as one object; server.py serves it on a socket."""

import time
from collections.abc import Iterable, Mapping

from local.imagekit.account import Account
from local.imagekit.answers import Answer, Request
from local.imagekit.api import Api
from local.imagekit.control import Control
from local.imagekit.edge import Edge
from local.imagekit.origin import Bucket, Fetch
from local.imagekit.resolver import UrlResolver
from local.imagekit.settings import Settings
from local.imagekit.state import Clock, State


class Emulator:
    """Thread-safe, and needs no socket: ``handle`` takes a request and returns the answer.

    - ``origins``: endpoint (``demo``, or ``demo/shop`` with a URL pattern) → bucket
    - ``fetch``: gets an object from a bucket: an S3Origin, or a function like it. None: there is no edge
    - ``domains``: custom domain → endpoint
    - ``rewriters``: endpoints that understand Cloudinary's URLs
    - ``clock``: returns unix seconds. Only the ``slow`` fault and the ``Date`` header do not use it
    """

    def __init__(
        self,
        settings: Settings,
        *,
        origins: Mapping[str, Bucket] | None = None,
        fetch: Fetch | None = None,
        domains: Mapping[str, str] | None = None,
        rewriters: Iterable[str] = (),
        clock: Clock = time.time,
    ) -> None:
        origins = dict(origins or {})
        self.resolver = UrlResolver(origins, domains or {}, rewriters)
        self.state = State(settings, clock)
        self._api = Api(self.state, self.resolver, Account(origins))
        self._edge = Edge(self.state, self.resolver, origins, fetch)
        self._control = Control(self.state)

    def handle(self, request: Request) -> Answer:
        """Answer one request. Waits only for the origin; the caller has to wait for Answer.delay."""
        if self.resolver.serves_no_api(request.host):
            return self._edge.handle(request)
        if request.target.startswith("/v1/"):
            return self._api.handle(request)
        if request.target.startswith("/_control/"):
            return self._control.handle(request)
        return self._edge.handle(request)

    def reset(self) -> None:
        """Restore the initial state, as ``POST /_control/reset`` does."""
        self.state.reset()
