"""The forms of URLs in use, and whether the settings cover them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from ops.doctor.account import Endpoint
from ops.doctor.addresses import old_addresses, split
from ops.doctor.domain import Settings, UrlMap, split_web_proxy, wildcard_allowed
from ops.doctor.forms import PROXY, Form, Recognised, recognised
from ops.doctor.mapping import url_endpoint


@dataclass(frozen=True, slots=True)
class Place:
    """The beginning of the account's URLs, without a slash at its end, and the rewriter of its endpoint."""

    url: str
    rewriter: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A URL of the account, and one thing that it asks for. `query` has no question mark."""

    url: str
    place: str
    found: Recognised
    query: str


@dataclass(frozen=True, slots=True)
class Use:
    """URLs of one form and variant at one place: how many, and one of them."""

    place: str
    form: Form
    marker: str
    source: str
    """The URL of the bucket, if a web proxy shows it."""
    covered: bool
    count: int
    example: str

    @property
    def named(self) -> str:
        """The form, with what is special about these URLs."""
        return " ".join(filter(None, (self.form.name, self.marker, self.source)))


@dataclass(frozen=True, slots=True)
class Uses:
    """What the URLs of pages and logs use."""

    uses: tuple[Use, ...] = ()
    foreign: int = 0
    """URLs of other hosts, or of other accounts."""
    hosts: tuple[str, ...] = ()
    """Those of the other hosts whose URLs look as ImageKit's do."""


@dataclass(frozen=True, slots=True)
class Object:
    bucket: str
    key: str


def places(endpoints: Iterable[Endpoint], addresses: Sequence[str], url_map: UrlMap) -> tuple[Place, ...]:
    """Where the account's URLs begin: each endpoint on each address, and what the UrlMap names. The longest
    comes first: a URL lies under that one."""
    found = {url: Place(url) for url in endpoints_of(url_map)}
    # Whatever lies under no other endpoint is the default one's.
    for endpoint in (Endpoint("default", "", ()), *endpoints):
        for address in addresses:
            for each in (address, *old_addresses(address)):
                url = url_endpoint(each, endpoint)
                found[url] = Place(url, endpoint.rewriter)
    return tuple(sorted(found.values(), key=lambda place: (-len(place.url), place.url)))


def endpoints_of(url_map: UrlMap) -> tuple[str, ...]:
    """The endpoints of a UrlMap; of a web proxy only ImageKit's part."""
    return tuple(dict.fromkeys(split_web_proxy(root.endpoint)[0] for root in url_map.roots))


def sightings(urls: Iterable[str], known: Sequence[Place], url_map: UrlMap) -> Iterator[Sighting]:
    """What the URLs of the account ask for, in their order. URLs of others are left out."""
    transformations = {root.transformation for root in url_map.roots if root.transformation}
    for url in urls:
        place, path, query = _located(url, known)
        if place and path:
            for found in recognised(path, query, place.rewriter, transformations):
                yield Sighting(url, place.url, found, query)


def uses(urls: Iterable[str], known: Sequence[Place], settings: Settings) -> Uses:
    """Sort URLs by place and form. Those that are not covered come first, then the frequent ones."""
    times = Counter(urls)
    counts: Counter[tuple[str, Form, str, str, bool]] = Counter()
    examples: dict[tuple[str, Form, str, str, bool], str] = {}
    for each in sightings(times, known, settings.url_map):
        found = each.found
        kind = (each.place, found.form, found.marker, found.source, is_covered(each, settings))
        counts[kind] += times[each.url]
        examples.setdefault(kind, each.url)
    kinds = sorted(counts, key=lambda kind: (kind[4], -counts[kind], kind[0], kind[1].name, kind[2:4]))
    foreign = [url for url in times if _located(url, known)[0] is None]
    hosts = dict.fromkeys(host for url in foreign if (host := _host_like_imagekit(url)))
    return Uses(
        tuple(Use(*kind, counts[kind], examples[kind]) for kind in kinds),
        sum(times[url] for url in foreign),
        tuple(hosts),
    )


def is_covered(seen: Sighting, settings: Settings) -> bool:
    """Whether the purges for a change of the object cover the URL.

    The functions' own code says which URLs these purges are for. The object may be in any bucket that the
    UrlMap has for the place.
    """
    url = f"{seen.place}/{seen.found.path}"
    whole = f"{url}?{seen.query}" if seen.query else url
    return any(
        _covers(target, whole, changed, settings)
        for changed in objects(seen, settings.url_map)
        if not settings.ignores(changed.key)
        for target in settings.url_map.targets(changed)
    )


def objects(seen: Sighting, url_map: UrlMap) -> tuple[Object, ...]:
    """The objects that a URL may ask for: one in each folder that the UrlMap has for the place."""
    found = seen.found
    every: dict[Object, None] = {}
    for root in url_map.roots:
        endpoint, source = split_web_proxy(root.endpoint)
        before = f"{unquote(source)}/" if source else ""
        # A web proxy shows the object; what is laid over it comes from the endpoint's own origins.
        if endpoint == seen.place and bool(source) == (found.form == PROXY) and found.key.startswith(before):
            every[Object(root.bucket, root.folder + found.key[len(before) :])] = None
    return tuple(every)


def _covers(target: str, url: str, changed: Object, settings: Settings) -> bool:
    """Whether the purge for a target of a change covers a URL."""
    if target.endswith("*"):  # of an SEO-friendly URL, or of a dependent
        return url.startswith(target[:-1])
    # A wildcard behind the target covers whatever begins with it: queries and derived files.
    takes_wildcard = settings.query_variants and _takes_wildcard(target, changed, settings.url_map)
    return target == url or (takes_wildcard and url.startswith(target))


def _takes_wildcard(target: str, changed: Object, url_map: UrlMap) -> bool:
    return any(
        root.url(changed.key) == target and wildcard_allowed(root.path(target))
        for root in url_map.roots_of(changed)
    )


def _located(url: str, known: Sequence[Place]) -> tuple[Place | None, str, str]:
    """The place of a URL, or None; the path behind it without its first slash; and the query."""
    if parts := split(url):
        whole = f"{parts.scheme}://{parts.netloc}{parts.path}"
        for each in known:
            if whole.startswith(f"{each.url}/"):
                return each, whole[len(each.url) + 1 :], parts.query
    return None, "", ""


def _host_like_imagekit(url: str) -> str:
    """The host of a URL that has ImageKit's syntax; empty if it has not."""
    parts = split(url)
    if parts is None:
        return ""
    alike = "/tr:" in parts.path or "/ik-seo/" in parts.path or "&tr=" in f"&{parts.query}"
    return f"{parts.scheme}://{parts.netloc}" if alike else ""
