"""From URLs to cache entries: which entry a request asks for, and which entries a purge covers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from local.imagekit import wildcards
from local.imagekit.encoding import canonical_path, canonical_query, decoded

PUBLIC_HOST = "ik.imagekit.io"

# A fragment never reaches a server, so a URL with a raw `#` is a mistake in encoding (guess: refused).
# So are blanks and control characters.
_URL = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)?(?:\?([^#]*))?", re.IGNORECASE)
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f]")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class NotPurgeable(ValueError):
    """A URL that the purge API refuses. Its text says why, for whoever debugs; ImageKit does not tell."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads. ``endpoint`` is the id, with its URL pattern if it has one (``demo/shop``);
    ``path`` is canonical, starts with a slash and still has its ``tr:`` segments; ``query`` is None
    where the URL has no ``?``.
    """

    endpoint: str
    path: str
    query: str | None

    @property
    def entry(self) -> str:
        """The name of the cache entry."""
        return f"/{self.endpoint}{self.path}" + ("" if self.query is None else f"?{self.query}")

    def split(self) -> tuple[str, str]:
        """(path transformations, path of the object with its leading slash), both still encoded."""
        rest = self.path[1:]
        transformations = []
        while rest.startswith("tr:"):
            segment, _, rest = rest.partition("/")
            transformations.append(segment)
        return "/".join(transformations), f"/{rest}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a purge covers: the entry ``text``, or with ``wildcard`` every entry that starts with it."""

    text: str
    wildcard: bool

    def covers(self, entry: str) -> bool:
        """Whether the purge drops ``entry`` (a Place.entry)."""
        return entry.startswith(self.text) if self.wildcard else entry == self.text


class AddressBook:
    """Knows the endpoints served and the hosts that lead to them.

    ``domains`` maps a custom domain (``images.example.com``, with a port if it is not the default one)
    to the endpoint that it replaces, host and id together. All hosts of an endpoint share its cache
    entries: kinder than ImageKit, which wants every host purged.
    """

    def __init__(self, endpoints: Iterable[str], domains: Mapping[str, str]) -> None:
        # The longest first: of `demo` and `demo/shop` the latter is meant by /demo/shop/a.jpg.
        self._endpoints = sorted(endpoints, key=len, reverse=True)
        self._domains = {domain.lower(): endpoint for domain, endpoint in domains.items()}
        self._hosts = {PUBLIC_HOST}

    def add_host(self, authority: str) -> None:
        """Make ``authority`` (``127.0.0.1:8080``) an alias of ImageKit's public host."""
        self._hosts.add(authority.lower())

    def is_custom_domain(self, authority: str) -> bool:
        """Whether a ``Host`` header names a custom domain, on which no API is served."""
        return authority.lower() in self._domains

    def of_request(self, authority: str, target: str) -> Place | None:
        """The place that a request to the edge asks for; None where no endpoint serves it."""
        path, mark, query = target.partition("?")
        custom = self._domains.get(authority.lower())
        return self._place(custom, path, query if mark else None)

    def of_purge(self, url: str) -> Scope:
        """What a purge of ``url`` covers. Raises NotPurgeable."""
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
        custom = self._domains.get(authority)
        if custom is None and authority not in self._hosts:
            raise NotPurgeable(f"host {authority!r} is none of this account's")
        try:
            place = self._place(custom, path or "", query)
            if place is None:
                raise NotPurgeable("no such ImageKit id")
            # The conditions speak of the path: a star that ends a query is judged by the path before it.
            if wildcard and not wildcards.accepted(_readable(place.split()[1])):
                raise NotPurgeable("the wildcard covers too much")
        except UnicodeEncodeError as error:  # JSON can carry half a surrogate pair
            raise NotPurgeable("not text") from error
        if not wildcard and place.path == "/":
            raise NotPurgeable("names no file")
        return Scope(place.entry, wildcard)

    def _place(self, custom: str | None, raw_path: str, raw_query: str | None) -> Place | None:
        path = canonical_path(raw_path)
        query = None if raw_query is None else canonical_query(raw_query)
        if custom is not None:
            return Place(custom, path or "/", query)
        for endpoint in self._endpoints:
            if path.startswith(f"/{endpoint}/"):
                return Place(endpoint, path[len(endpoint) + 1 :], query)
        return None


def _readable(path: str) -> str:
    """Decoded; still encoded where a wildcard cuts a character in two."""
    try:
        return decoded(path)
    except UnicodeDecodeError:
        return path
