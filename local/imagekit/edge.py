"""The CDN edge: serves the bucket's objects, and remembers what it served."""

from collections.abc import Mapping

from local.imagekit.addresses import AddressBook, Place
from local.imagekit.answers import Answer, Request, as_text
from local.imagekit.cache import Entry
from local.imagekit.encoding import decoded
from local.imagekit.origin import Bucket, Fetch, OriginError
from local.imagekit.state import State


class Edge:
    """``GET`` and ``HEAD`` of ``/{id}/…``. Nothing is transformed: a variant is only an entry of its own.

    Found and not found are both cached until purged; an origin's failure is 502 and not cached.
    """

    def __init__(
        self, state: State, addresses: AddressBook, origins: Mapping[str, Bucket], fetch: Fetch | None
    ) -> None:
        self._state = state
        self._addresses = addresses
        self._origins = origins
        self._fetch = fetch

    def handle(self, request: Request) -> Answer:
        """Answer any request that is for no API."""
        answer = self._answer(request)
        self._state.count("edge", answer.outcome)
        return answer

    def _answer(self, request: Request) -> Answer:
        if request.method not in {"GET", "HEAD"}:
            return as_text(405, "bad-request", "The edge serves GET and HEAD.", [("Allow", "GET, HEAD")])
        place = self._addresses.of_request(request.host, request.target)
        if place is None or place.endpoint not in self._origins or self._fetch is None:
            known = ", ".join(self._origins) or "none"
            return as_text(404, "unknown-id", f"No ImageKit id serves this path; known ids: {known}.")
        transformations, object_path = place.split()
        try:
            key = self._origins[place.endpoint].key(decoded(object_path))
        except UnicodeDecodeError:
            return as_text(400, "bad-request", "The path is not UTF-8, as every S3 key is.")
        state = self._state
        with state.lock:
            now = state.settle()
            entry = state.cache.get(place.entry)
        if entry is not None:
            return _served(entry, "Hit", now, transformations)
        try:
            entry = self._fetched(place, key, self._fetch)
        except OriginError as error:
            return as_text(502, "bad-gateway", f"The origin failed: {error}")
        return _served(entry, "Miss", entry.as_of, transformations)

    def _fetched(self, place: Place, key: str, fetch: Fetch) -> Entry:
        """Fetch from the origin, without the lock, and store it unless a purge completed meanwhile."""
        state = self._state
        with state.lock:
            flight = state.cache.take_off(place.entry, state.settle())
        try:
            fetched = fetch(self._origins[place.endpoint].name, key)
            with state.lock:
                # A purge that fell due during the fetch must complete before this lands.
                state.settle()
                state.cache.land(flight, fetched)
        finally:
            with state.lock:
                state.cache.crash(flight)
        return Entry(fetched, flight.started_at)


def _served(entry: Entry, x_cache: str, now: float, transformations: str) -> Answer:
    fetched = entry.fetched
    headers = [("X-Cache", x_cache), ("Age", str(max(0, int(now - entry.as_of))))]
    if fetched.etag is not None:
        headers.append(("ETag", fetched.etag))
    if transformations:
        headers.append(("X-Transformation", transformations))
    return Answer(fetched.status, x_cache.lower(), fetched.body, fetched.content_type, headers)
