"""Draws one deployment: its settings, its bucket, and its account at ImageKit."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

_DAY = 86_400.0
_MID_MONTH = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()
_MONTH_END = datetime(2030, 6, 1, tzinfo=UTC).timestamp()

FOLDERS = ("", "img/", "img/a b/", "img/2030/05/", "docs/", "docs/über/", "s/files/", "x//y/")
_NAMES = ("{n}.jpg", "photo {n}+1.png", "{n}", "ö%{n}.webp", "q?{n}#.gif", "star*{n}.jpg", "a&'({n})!.svg")
_ENDPOINT = "https://ik.imagekit.io/demo"
# URL-endpoints of no account: ImageKit refuses to purge them.
_WRONG = ("https://ik.imagekit.io/dem0", "https://images.example.org")

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/:@!$&'()+,;=-._~")


@dataclass(frozen=True, slots=True)
class Setup:
    """One deployment. `start` is in unix seconds.

    ImageKit allows `account_quota` purges a month and `write_rate` purges a second. `quota_answer` and
    `quota_headers` say how it refuses more. One invocation gets at most `batch` messages, which the queue
    gathers for `coalesce` seconds.

    A page of a listing has `page` entries and takes `listing_seconds`. `listing_fault` is `denied` or `hangs`
    if the bucket cannot be listed. A version expires `expiry_days` after it was overwritten, or never if this
    is 0. `bad_urls` are URLs, each with the status that answers every purge of it. `seo`: pages use
    SEO-friendly URLs. When a key that ends in the first of the `dependent` texts changes, its second one is
    purged too.
    """

    url_map: str
    transformations: str
    versioned: bool
    skip_new: bool
    query_variants: bool
    start: float
    quota: int
    reserve_percent: int
    account_quota: int
    quota_answer: int
    quota_headers: bool
    write_rate: float
    max_hold: int
    batch: int
    coalesce: float
    page: int
    listing_seconds: float
    listing_fault: str
    expiry_days: int
    existing: tuple[str, ...]
    bad_urls: tuple[tuple[str, int], ...]
    seo: bool = False
    dependent: tuple[str, str] | None = None


def draw(random: Random, changes: int, enabled: Collection[str]) -> Setup:
    """Draws a deployment, with the enabled faults."""
    endpoints = [
        "origin=https://ik.imagekit.io/demo",
        random.choice(("origin/img=https://ik.imagekit.io/demo/shop", "*=https://img.example.com")),
    ][: random.choice((1, 1, 2))]
    keys = {random.choice(FOLDERS) + random.choice(_NAMES).format(n=n) for n in range(150)}
    small_quota = random.random() < 0.3 and "quota" in enabled
    start = (
        _MONTH_END - random.uniform(60, 1500) if small_quota else _MID_MONTH + random.uniform(-3, 3) * _DAY
    )
    quota = max(12, int(changes * random.uniform(0.15, 0.4))) if small_quota else 100_000
    # ImageKit allows the same quota, less (people also purge in the dashboard), or practically no limit.
    account_quota = random.choice((quota, max(8, quota * 2 // 3), 10**6))
    if "wrong-endpoint" in enabled and random.random() < 0.1:
        endpoints.append(random.choice(("origin=", "origin/img=", "*=")) + random.choice(_WRONG))
    url_map, transformations = ",".join(endpoints), random.choice(("", "", "tr:w-300,h-300"))
    # Drawn apart, so that a seed draws the same deployment as before there were these forms.
    forms = Random(f"{url_map} {random.getstate()[1][:5]}")
    transformations += forms.choice(("", "", " image/upload/w_300"))
    versioned = random.random() < 0.6
    existing = tuple(sorted(keys))
    huge = "huge-bucket" in enabled and random.random() < 0.2
    unlistable = "listless-bucket" in enabled and random.random() < 0.1
    bad_urls = [
        (random.choice(list(targets_of(url_map, transformations, random.choice(existing)))), status)
        for status in random.choices((404, 413, 414, 500, 301), k=2)
        if "bad-url" in enabled and random.random() < 0.08
    ]
    return Setup(
        url_map=url_map,
        transformations=transformations,
        versioned=versioned,
        skip_new=random.random() < 0.7,
        query_variants=random.random() < 0.8,
        start=start,
        quota=quota,
        reserve_percent=random.choice((0, 10)),
        account_quota=account_quota if small_quota else 10**6,
        quota_answer=random.choice((429, 403)),
        quota_headers=random.random() < 0.5,
        write_rate=random.choice((1e6, 1e6, 5.0)) if "rate" in enabled else 1e6,
        max_hold=random.choice((0, 60, 900)),
        batch=random.choice((10, 100)),
        coalesce=random.choice((0.0, 2.0, 20.0)),
        page=5 if huge else random.choice((20, 1000)),
        listing_seconds=random.choice((0.5, 1.0, 2.5)) if huge else 0.02,
        listing_fault=random.choice(("denied", "hangs")) if unlistable else "",
        expiry_days=30 if versioned and "lifecycle" in enabled and random.random() < 0.5 else 0,
        existing=existing,
        bad_urls=tuple(bad_urls),
        seo=forms.random() < 0.25,
        dependent=forms.choice(
            (None, None, (".gif", f"{_ENDPOINT}/img/2030/*"), (".svg", f"{_ENDPOINT}/a.jpg"))
        ),
    )


def targets(setup: Setup, key: str) -> Iterator[str]:
    """Yields the URLs to purge for an object of the bucket `origin`, after the documentation and not the
    code: exact ones, then wildcards of SEO-friendly ones, then the one that depends on the object."""
    yield from targets_of(setup.url_map, setup.transformations, key)
    if setup.seo:
        for endpoint, path in _paths(setup.url_map, key):
            if found := re.fullmatch(r"((?:.*/)?[^/]+)\.[^/.]+", path):
                for each in ("", *(t for t in setup.transformations.split() if t.startswith("tr:"))):
                    yield f"{endpoint}/ik-seo/{f'{each}/' if each else ''}{found[1]}/*"
    if setup.dependent and key.endswith(setup.dependent[0]):
        yield setup.dependent[1]


def targets_of(url_map: str, transformations: str, key: str) -> Iterator[str]:
    """Yields the exact URLs of an object from the two settings that decide them."""
    for endpoint, path in _paths(url_map, key):
        yield f"{endpoint}/{path}"
        for transformation in transformations.split():
            yield f"{endpoint}/{transformation}/{path}"


def _paths(url_map: str, key: str) -> Iterator[tuple[str, str]]:
    """Yields each endpoint that serves a key, and the encoded path of the key there."""
    for entry in url_map.split(","):
        origin, endpoint = entry.split("=", 1)
        folder = origin.partition("/")[2]
        start = f"{folder}/" if folder else ""
        if key.startswith(start) and key != start:
            text = key[len(start) :].encode()
            yield endpoint, "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in text)
