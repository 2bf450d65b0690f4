"""Keeps other sites and other host names away from the console, and says what the page may load.

Any page that a browser shows can send requests to the loopback address, and a name of its own can point there
(DNS rebinding). Both are refused here, before any route sees the request.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy"""

_READING = ("GET", "HEAD")
_PAGES = ("/", "/static/")


class Guard:
    """Middleware. `port` is the port that the console listens on."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = (f"127.0.0.1:{port}", f"localhost:{port}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 421 or 403, or pass the request on and add the headers of security to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", POLICY)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        status, problem = refusal(scope["method"], scope["path"], Headers(scope=scope), self._hosts)
        if status:
            await PlainTextResponse(f"{problem}\n", status)(scope, receive, secured)
            return
        await self._app(scope, receive, secured)


def refusal(method: str, path: str, headers: Headers, hosts: tuple[str, ...]) -> tuple[int, str]:
    """Return (status, what to tell the caller) of a request that is refused; (0, "") if it is served.

    Browsers send `Origin` with each request that may change something, and `Sec-Fetch-Site` with each one:
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    A request without both may only read the page.
    """
    host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
    if host not in hosts:
        return 421, f"The console answers as {' or '.join(hosts)} only, not as {host!r}."
    if origin is not None and origin != f"http://{host}":
        return 403, f"The console takes requests of its own page only, not of {origin!r}."
    reads_page = method in _READING and (path == _PAGES[0] or path.startswith(_PAGES[1]))
    if site not in (None, "same-origin") and not (site == "none" and method in _READING):
        return 403, f"The console takes requests of its own page only; this one is {site}."
    if origin is None and site is None and not reads_page:
        return 403, "The console takes requests of its own page only; this one has no Origin header."
    return 0, ""
