"""The CDN edge: serves the objects of the bucket, and caches what it served."""

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

from local.imagekit.answers import Answer, Request, as_text
from local.imagekit.cache import Entry
from local.imagekit.encoding import decoded
from local.imagekit.origin import Bucket, Fetch, OriginError
from local.imagekit.resolver import PUBLIC_HOST, ResolvedUrl, UrlResolver
from local.imagekit.state import State
from local.imagekit.traffic import Served


class Edge:
    """Answers ``GET`` and ``HEAD`` of ``/{id}/…``.

    It transforms no image: a variant is only a cache entry of its own. It caches objects and 404s until a
    purge. If the origin fails, it answers 502 and caches nothing.
    """

    def __init__(
        self, state: State, resolver: UrlResolver, origins: Mapping[str, Bucket], fetch: Fetch | None
    ) -> None:
        self._state = state
        self._resolver = resolver
        self._origins = origins
        self._fetch = fetch

    def handle(self, request: Request) -> Answer:
        """Answer a request that is for no API, and count it."""
        answer = self._answer(request)
        self._state.count("edge", answer.outcome)
        return answer

    def _answer(self, request: Request) -> Answer:
        if request.method not in {"GET", "HEAD"}:
            return as_text(405, "bad-request", "The edge serves GET and HEAD.", [("Allow", "GET, HEAD")])
        url = self._resolver.resolve_request(request.host, request.target)
        if url is None or url.endpoint not in self._origins or self._fetch is None:
            known = ", ".join(self._origins) or "none"
            return as_text(404, "unknown-id", f"No ImageKit id serves this path; known ids: {known}.")
        answer = self._object(url, self._fetch)
        self._count(url, request.host, answer)
        return answer

    def _object(self, url: ResolvedUrl, fetch: Fetch) -> Answer:
        shown, origin = url.shown, self._origins[url.endpoint]
        # A web proxy names the bucket, and the whole key.
        origin = Bucket(shown.bucket) if shown.bucket else origin
        try:
            key = origin.key(decoded(shown.path)) if shown.path else ""
        except UnicodeDecodeError:
            return as_text(400, "bad-request", "The path is not UTF-8, as every S3 key is.")
        state = self._state
        with state.lock:
            now = state.advance()
            entry = state.cache.get(url.cache_key)
        if entry is not None:
            return _served(entry, "Hit", now, shown.written)
        try:
            entry = self._fetched(url, origin.name, key, fetch)
        except OriginError as error:
            return as_text(502, "bad-gateway", f"The origin failed: {error}")
        return _served(entry, "Miss", entry.as_of, shown.written)

    def _count(self, url: ResolvedUrl, host: str, answer: Answer) -> None:
        """Count the answer for the analytics, which name an asset by its URL without transformations."""
        shown = url.shown
        in_path = "/".join(each for each in shown.written.split("/") if each.startswith("tr:"))
        in_query = parse_qs(url.query or "").get("tr", [""])[0]
        transformation = in_path or (in_query and f"tr:{in_query}")
        state = self._state
        with state.lock:
            served = Served(
                day=datetime.fromtimestamp(state.clock(), UTC).date(),
                url=f"{_base(url, host)}{shown.path or url.path}",
                transformation=transformation,
                endpoint=url.endpoint.partition("/")[2] or "Default",
                status=answer.status,
                hit=answer.outcome == "hit",
                content_type=answer.content_type,
            )
            state.traffic.count(served, len(answer.body))

    def _fetched(self, url: ResolvedUrl, bucket: str, key: str, fetch: Fetch) -> Entry:
        """Fetch from the origin, without the lock, and cache the result. Raises OriginError."""
        if bucket not in {each.name for each in self._origins.values()}:
            raise OriginError(f"{bucket}: the web proxy fetches only from the buckets of the origins")
        state = self._state
        with state.lock:
            pending = state.cache.start_fetch(url.cache_key, state.advance())
        try:
            fetched = fetch(bucket, key)
            with state.lock:
                # A purge that became due during the fetch must complete before the result is stored.
                state.advance()
                state.cache.finish_fetch(pending, fetched)
        finally:
            with state.lock:
                state.cache.cancel_fetch(pending)
        return Entry(fetched, pending.started_at)


def _base(url: ResolvedUrl, host: str) -> str:
    """The beginning of the URLs of an endpoint, as the request named it."""
    if url.site.startswith("//"):
        return f"https:{url.site}"
    host = host or PUBLIC_HOST
    return f"{'https' if host == PUBLIC_HOST else 'http'}://{host}{url.site}"


def _served(entry: Entry, x_cache: str, now: float, written: str) -> Answer:
    fetched = entry.fetched
    headers = [("X-Cache", x_cache), ("Age", str(max(0, int(now - entry.as_of))))]
    if fetched.etag is not None:
        headers.append(("ETag", fetched.etag))
    if written:
        headers.append(("X-Transformation", written))
    return Answer(fetched.status, x_cache.lower(), fetched.body, fetched.content_type, headers)
