"""The whole emulator as one object; server.py puts it on a socket."""

import time
from collections.abc import Mapping

from local.imagekit.addresses import AddressBook
from local.imagekit.answers import Answer, Request
from local.imagekit.api import PurgeApi
from local.imagekit.control import Control
from local.imagekit.edge import Edge
from local.imagekit.origin import Bucket, Fetch
from local.imagekit.settings import Settings
from local.imagekit.state import Clock, State


class Emulator:
    """Thread-safe; needs no socket: ``handle`` takes a request and returns the answer.

    - ``origins``: endpoint (``demo``, or ``demo/shop`` with a URL pattern) → bucket
    - ``fetch``: gets an object from a bucket; an S3Origin, or any function like it. None: no edge
    - ``domains``: custom domain → endpoint
    - ``clock``: unix seconds. It decides everything but the ``slow`` fault and the ``Date`` header
    """

    def __init__(
        self,
        settings: Settings,
        *,
        origins: Mapping[str, Bucket] | None = None,
        fetch: Fetch | None = None,
        domains: Mapping[str, str] | None = None,
        clock: Clock = time.time,
    ) -> None:
        origins = dict(origins or {})
        self.addresses = AddressBook(origins, domains or {})
        self.state = State(settings, clock)
        self._api = PurgeApi(self.state, self.addresses)
        self._edge = Edge(self.state, self.addresses, origins, fetch)
        self._control = Control(self.state)

    def handle(self, request: Request) -> Answer:
        """Answer one request. Blocks for the origin only; obeying Answer.hold is up to the caller."""
        if self.addresses.is_custom_domain(request.host):
            return self._edge.handle(request)
        if request.target.startswith("/v1/"):
            return self._api.handle(request)
        if request.target.startswith("/_control/"):
            return self._control.handle(request)
        return self._edge.handle(request)

    def reset(self) -> None:
        """Back to the start, as ``POST /_control/reset`` does."""
        self.state.reset()
