"""The forms of URLs in use, and whether the settings cover them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.doctor.account import Endpoint
from ops.doctor.addresses import old_addresses, split
from ops.doctor.domain import Settings, UrlMap, wildcard_allowed
from ops.doctor.forms import Form, Recognised, recognised
from ops.doctor.mapping import url_endpoint


@dataclass(frozen=True, slots=True)
class Place:
    """The beginning of the account's URLs, without a slash at its end, and the rewriter of its endpoint."""

    url: str
    rewriter: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """URLs of one form and variant at one place: how many, and one of them."""

    place: str
    form: Form
    marker: str
    covered: bool
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Uses:
    """What the URLs of pages and logs use."""

    uses: tuple[Use, ...] = ()
    foreign: int = 0
    """URLs of other hosts, or of other accounts."""
    hosts: tuple[str, ...] = ()
    """Those of the other hosts whose URLs look as ImageKit's do."""


@dataclass(frozen=True, slots=True)
class _Object:
    bucket: str
    key: str


def places(endpoints: Iterable[Endpoint], addresses: Sequence[str], url_map: UrlMap) -> tuple[Place, ...]:
    """Where the account's URLs begin: each endpoint on each address, and what the UrlMap names. The longest
    comes first: a URL lies under that one."""
    found = {root.endpoint: Place(root.endpoint) for root in url_map.roots}
    # Whatever lies under no other endpoint is the default one's.
    for endpoint in (Endpoint("default", "", ()), *endpoints):
        for address in addresses:
            for each in (address, *old_addresses(address)):
                url = url_endpoint(each, endpoint)
                found[url] = Place(url, endpoint.rewriter)
    return tuple(sorted(found.values(), key=lambda place: (-len(place.url), place.url)))


def uses(urls: Iterable[str], known: Sequence[Place], settings: Settings) -> Uses:
    """Sort URLs by place and form. Those that are not covered come first, then the frequent ones."""
    counts: Counter[tuple[str, Form, str, bool]] = Counter()
    examples: dict[tuple[str, Form, str, bool], str] = {}
    hosts: dict[str, None] = {}
    foreign = 0
    for url, times in Counter(urls).items():
        parts = split(url)
        whole = f"{parts.scheme}://{parts.netloc}{parts.path}" if parts else ""
        place = next((each for each in known if whole.startswith(f"{each.url}/")), None)
        if parts is None or place is None:
            foreign += times
            if parts and _looks_like_imagekit(parts.path, parts.query):
                hosts[f"{parts.scheme}://{parts.netloc}"] = None
            continue
        if path := whole[len(place.url) + 1 :]:
            for found in recognised(path, parts.query, place.rewriter):
                covered = is_covered(place.url, found, settings, has_query=bool(parts.query))
                kind = (place.url, found.form, found.marker, covered)
                counts[kind] += times
                examples.setdefault(kind, url)
    kinds = sorted(counts, key=lambda kind: (kind[3], -counts[kind], kind[0], kind[1].name, kind[2]))
    return Uses(tuple(Use(*kind, counts[kind], examples[kind]) for kind in kinds), foreign, tuple(hosts))


def is_covered(place: str, found: Recognised, settings: Settings, *, has_query: bool) -> bool:
    """Whether the purges for a change of the object cover the URL.

    The functions' own code says which URLs these purges are for. The object may be in any bucket that the
    UrlMap has for the place.
    """
    if not found.path:
        return False
    url = f"{place}/{found.path}"
    folders = {(root.bucket, root.folder) for root in settings.url_map.roots if root.endpoint == place}
    for bucket, folder in folders:
        changed = _Object(bucket, folder + found.key)
        if settings.ignores(changed.key):
            continue
        for target in settings.url_map.targets(changed):
            if target == url and not has_query:
                return True
            # A wildcard behind the target covers whatever begins with it: queries and derived files.
            if (
                url.startswith(target)
                and settings.query_variants
                and _takes_wildcard(target, changed, settings)
            ):
                return True
    return False


def _takes_wildcard(target: str, changed: _Object, settings: Settings) -> bool:
    return any(
        root.url(changed.key) == target and wildcard_allowed(root.path(target))
        for root in settings.url_map.roots_of(changed)
    )


def _looks_like_imagekit(path: str, query: str) -> bool:
    """Whether a URL of an unknown host has ImageKit's syntax."""
    return "/tr:" in path or "/ik-seo/" in path or query.startswith("tr=") or "&tr=" in query
