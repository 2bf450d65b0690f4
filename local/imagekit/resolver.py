"""From URLs to cache keys: which cache entry a request asks for, and which entries a purge covers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from local.imagekit import wildcards
from local.imagekit.encoding import canonical_path, canonical_query, decoded
from local.imagekit.forms import ObjectPath, read

PUBLIC_HOST = "ik.imagekit.io"

# ImageKit's old hosts, which still serve: https://ik.imgkit.net/demo/a.jpg and https://demo.imagekit.io/a.jpg
_OLD_HOST = "ik.imgkit.net"
_OLD_DOMAIN = "imagekit.io"

# A client never sends a fragment to a server, so a raw `#` in a URL is an encoding mistake. Guess: ImageKit
# refuses it, and blanks and control characters too.
_URL = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)?(?:\?([^#]*))?", re.IGNORECASE)
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class NotPurgeable(ValueError):
    """The purge API refuses a URL. The text says why, for debugging; the API's answer does not."""


@dataclass(frozen=True, slots=True)
class ResolvedUrl:
    """What a URL leads to.

    ``endpoint`` is the ImageKit id, with its URL pattern if it has one (``demo/shop``). ``site`` is what
    stands before ``path``: host and endpoint, but no host if it is ImageKit's public one. ``path`` is
    canonical, starts with a slash and contains all that is written around the key. ``query`` is None if there
    is no ``?``.
    """

    endpoint: str
    site: str
    path: str
    query: str | None
    rewritten: bool

    @property
    def cache_key(self) -> str:
        """The key of the cache entry."""
        return f"{self.site}{self.path}" + ("" if self.query is None else f"?{self.query}")

    @property
    def shown(self) -> ObjectPath:
        """What the path means."""
        return read(self.path, rewritten=self.rewritten)


@dataclass(frozen=True, slots=True)
class PurgeScope:
    """What a purge covers: the cache key ``text``; with ``wildcard``, every cache key that starts with it."""

    text: str
    wildcard: bool

    def covers(self, cache_key: str) -> bool:
        """Whether the purge drops the entry of this key."""
        return cache_key.startswith(self.text) if self.wildcard else cache_key == self.text


class UrlResolver:
    """Resolves URLs of the endpoints that the emulator serves.

    ``domains`` maps a custom domain (``images.example.com``, with a port unless it is the default one) to the
    endpoint that it stands for: it replaces host and id. ``rewriters`` are the endpoints that also understand
    Cloudinary's URLs. Each host has cache entries of its own, so it needs purges of its own. A local address
    stands for ImageKit's public host.
    """

    def __init__(
        self, endpoints: Iterable[str], domains: Mapping[str, str], rewriters: Iterable[str] = ()
    ) -> None:
        # The longest first: /demo/shop/a.jpg belongs to `demo/shop`, not to `demo`.
        self._endpoints = sorted(endpoints, key=len, reverse=True)
        self._domains = {domain.lower(): endpoint for domain, endpoint in domains.items()}
        self._rewriters = frozenset(rewriters)
        self._hosts = {PUBLIC_HOST}
        # By host: the id that it stands for, which the path has if this is empty.
        accounts = {endpoint.partition("/")[0] for endpoint in self._endpoints}
        self._old_hosts = {f"{each.lower()}.{_OLD_DOMAIN}": each for each in accounts} | {_OLD_HOST: ""}

    def add_host(self, authority: str) -> None:
        """Make ``authority`` (``127.0.0.1:8080``) an alias of ImageKit's public host."""
        self._hosts.add(authority.lower())

    def serves_no_api(self, authority: str) -> bool:
        """Whether a ``Host`` header names a custom domain or an old host. They serve files only."""
        return authority.lower() in self._domains or authority.lower() in self._old_hosts

    def resolve_request(self, authority: str, target: str) -> ResolvedUrl | None:
        """Returns what a request to the edge asks for; None if no endpoint serves it."""
        path, mark, query = target.partition("?")
        return self._resolve(authority.lower(), path, query if mark else None)

    def resolve_purge(self, url: str) -> PurgeScope:
        """Returns what a purge of ``url`` covers. Raises NotPurgeable."""
        stars = url.count("*")
        wildcard = url.endswith("*")
        if stars > 1 or (stars == 1 and not wildcard):
            raise NotPurgeable("one `*` is allowed, at the very end")
        parts = _URL.fullmatch(url.removesuffix("*"))
        if parts is None or _NOT_IN_A_URL.search(url):
            raise NotPurgeable("not an absolute http or https URL")
        scheme, authority, path, query = parts.groups()
        authority = authority.lower().removesuffix(_DEFAULT_PORTS[scheme.lower()])
        if "@" in authority:
            raise NotPurgeable("credentials in the URL")
        if not self.serves_no_api(authority) and authority not in self._hosts:
            raise NotPurgeable(f"host {authority!r} does not belong to this account")
        try:
            resolved = self._resolve(authority, path or "", query)
            if resolved is None:
                raise NotPurgeable("no such ImageKit id")
            # The rules for wildcards are about the path: a `*` at the end of a query is judged by the path.
            if wildcard and not wildcards.accepted(_readable(resolved.shown.counted)):
                raise NotPurgeable("the wildcard covers too much")
        except UnicodeEncodeError as error:  # JSON can carry half a surrogate pair
            raise NotPurgeable("not text") from error
        if not wildcard and resolved.path == "/":
            raise NotPurgeable("names no file")
        return PurgeScope(resolved.cache_key, wildcard)

    def _resolve(self, authority: str, raw_path: str, raw_query: str | None) -> ResolvedUrl | None:
        """Resolve a path of a host, in lower case. Any other host counts as ImageKit's public one."""
        path = canonical_path(raw_path)
        query = None if raw_query is None else canonical_query(raw_query)
        if domain := self._domains.get(authority):
            return ResolvedUrl(domain, f"//{authority}", path or "/", query, domain in self._rewriters)
        account = self._old_hosts.get(authority)
        host = "" if account is None else f"//{authority}"
        id_of_host = f"/{account}" if account else ""
        path = f"{id_of_host}{path}"
        for served in self._endpoints:
            if path.startswith(f"/{served}/"):
                site = host + f"/{served}".removeprefix(id_of_host)
                return ResolvedUrl(served, site, path[len(served) + 1 :], query, served in self._rewriters)
        return None


def _readable(path: str) -> str:
    """Returns the decoded path, or the encoded one if a wildcard cuts a character in two."""
    try:
        return decoded(path)
    except UnicodeDecodeError:
        return path
