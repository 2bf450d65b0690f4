"""The ImageKit URLs of an object of S3: the mapping, and the rules for wildcards."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import unquote

from purging.dependents import Dependents, dependents
from purging.errors import InvalidRequest, InvalidSetting
from purging.quoting import shown, shown_url
from purging.roots import Root, encode, placed, seo_text
from purging.url_map_text import check_transformation, entries

__all__ = ["Named", "Root", "SharedPrefix", "UrlMap", "encode", "is_file", "seo_text", "wildcard_allowed"]

# Wildcards: https://imagekit.io/docs/api-reference/caching/purge-cache
_BANNED_WILDCARDS = {"/media/catalog/", "/s/files/"}
# A name of dots alone before the extension is no file with an extension here: the stricter reading.
_FILE_WITH_EXTENSION = re.compile(r"/[^/]*[^/.][^/]*\.[A-Za-z0-9]{1,10}$")
_LONG_ENOUGH = 15

# Characters. A key of 1,024 bytes, each percent-encoded, has 3,072; the rest is for the endpoint and a query.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_LONGEST_URL = 8192


class Named(Protocol):
    """Anything with a bucket and a decoded key, such as an ObjectChange."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...


def wildcard_allowed(path: str) -> bool:
    """Whether ImageKit accepts a purge of `path` followed by `*`.

    `path` is encoded, starts with a slash and follows the endpoint: host, ImageKit id and URL pattern are not
    part of it. It may already end in that `*`. One of three rules is enough: two levels of nesting, 15
    characters, or a file path with an extension. Two paths are banned:
    https://imagekit.io/docs/api-reference/caching/purge-cache
    The slash at the end of a folder adds no level: users report that ImageKit refuses `/folder/*`.
    """
    path = path.removesuffix("*")
    if not path.startswith("/") or "*" in path or path in _BANNED_WILDCARDS:
        return False
    if len(path) >= _LONG_ENOUGH:
        return True
    levels = sum(1 for segment in path.split("/") if segment)
    return levels >= 2 or _FILE_WITH_EXTENSION.search(path) is not None


def _counted(path: str) -> str:
    """What counts of a path under an endpoint, for the rule where a wildcard may stand. That neither path
    transformations nor the query count is the stricter reading of the rule."""
    levels = path.partition("?")[0].split("/")
    return "/".join(level for level in levels if not level.startswith("tr:"))


def is_file(key: str) -> bool:
    """Whether a key is a file path with an extension, such as `a/photo.jpg`: few other keys begin with it."""
    return _FILE_WITH_EXTENSION.search(f"/{key}") is not None


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """Two groups of objects that have the same URLs: keys of one bucket that begin with `here`, and keys of
    `bucket` that begin with `there`."""

    here: str
    bucket: str
    """Another bucket or the same one; `*` stands for buckets that are not named."""
    there: str

    def over(self, key: str) -> str:
        """The key in `bucket` that has the same URL as a key that begins with `here`."""
        return self.there + key[len(self.here) :]

    def back(self, key: str) -> str:
        """The key in the first bucket that has the same URL as a key of `bucket` that begins with `there`."""
        return self.here + key[len(self.there) :]


@dataclass(frozen=True, slots=True)
class UrlMap:
    """Which buckets, or folders of buckets, are the origins of which ImageKit URL-endpoints."""

    roots: tuple[Root, ...]
    dependents: Dependents = field(default_factory=Dependents)

    @classmethod
    def parse(
        cls, text: str, path_transformations: Sequence[str] = (), *, seo: bool = False, dependent: str = ""
    ) -> "UrlMap":
        """Read comma-separated entries `bucket[/folder]=url-endpoint`.

        `*` is any bucket, and a bucket may have several entries. The folder is written as in the bucket, not
        as in a URL: `my photos`, not `my%20photos`. Each path transformation, e.g. `tr:w-300,h-300`, adds a
        root to each endpoint, and `seo` adds one to each of those. `dependent` is the text of Dependents.
        Raises InvalidSetting, which names the wrong text.
        """
        for transformation in path_transformations:
            check_transformation(transformation)
        roots = [
            Root(*entry, transformation)
            for entry in entries(text)
            for transformation in ("", *path_transformations)
        ]
        if not roots:
            raise InvalidSetting("UrlMap is empty: write bucket[/folder]=https://ik.imagekit.io/id")
        if seo:
            # In these URLs, `ik-seo` comes first. Rewriters do not know it.
            roots += [
                replace(root, seo=True) for root in roots if root.plain or root.transformation[:3] == "tr:"
            ]
        alone = cls(tuple(dict.fromkeys(roots)))
        endpoints = list(dict.fromkeys(root.endpoint for root in roots))
        return cls(
            alone.roots,
            dependents(dependent, lambda path: [placed(each, path) for each in endpoints], alone.validated),
        )

    @property
    def most_targets(self) -> int:
        """The largest number of URLs that a change can have to purge, with those of dependents."""
        return self.most_urls + len({each.url for each in self.dependents.all})

    @property
    def most_urls(self) -> int:
        """The largest number of URLs that an object itself can have."""
        places = Counter((root.bucket, root.folder) for root in self.roots)
        buckets, folders = {bucket for bucket, _ in places}, {folder for _, folder in places}
        return max(
            sum(
                count
                for (other, above), count in places.items()
                if other in ("*", bucket) and folder.startswith(above)
            )
            for bucket in buckets
            for folder in folders
        )

    def shared_prefixes(self, bucket: str, *, several: bool) -> tuple[SharedPrefix, ...]:
        """The places of other objects that have the same URLs as objects of a bucket.

        Two entries share URLs if one's URL-endpoint begins with the other's. `several` says whether `*`
        stands for more buckets than the map names.
        """
        # Other roots share URLs exactly where the plain ones do.
        plain = [root for root in self.roots if root.plain]
        named = [root.bucket for root in plain if root.bucket != "*"]
        any_bucket = [bucket, *named, *("*" if several else "")]
        found: dict[SharedPrefix, None] = {}
        for root in plain:
            if root.bucket not in ("*", bucket):
                continue
            for other in plain:
                here, there = root.folder, other.folder
                if root.web_proxy != other.web_proxy:
                    continue  # no key begins with the URL of a bucket
                if other.prefix.startswith(root.prefix):
                    here += unquote(other.prefix[len(root.prefix) :])
                elif root.prefix.startswith(other.prefix):
                    there += unquote(root.prefix[len(other.prefix) :])
                else:
                    continue
                for each in any_bucket if other.bucket == "*" else [other.bucket]:
                    if (each, there) != (bucket, here):
                        found[SharedPrefix(here, each, there)] = None
        return tuple(found)

    def roots_of(self, change: Named) -> Iterator[Root]:
        """The roots that serve an object."""
        return (root for root in self.roots if root.serves(change.bucket, change.key))

    def serves(self, change: Named) -> bool:
        """Whether any URL shows the object, its own or one that depends on it."""
        return any(root.serves(change.bucket, change.key) for root in self.roots) or bool(
            self.dependents.of(change.key)
        )

    def targets(self, change: Named) -> list[str]:
        """The encoded URLs to purge for a changed object, no repeats: exact ones, wildcards of SEO-friendly
        ones, and those of dependents."""
        own = (root.url(change.key) for root in self.roots_of(change))
        return list(dict.fromkeys([*own, *self.dependents.of(change.key)]))

    def validated(self, url: object) -> str:
        """The URL of a manual purge, if it can be purged and lies under one of the endpoints.

        Raises InvalidRequest, which names the URL and the remedy.
        """
        if not isinstance(url, str) or not url:
            raise InvalidRequest(
                f"{shown(url)} is no URL: write a text such as '{self.roots[0].prefix}photo.jpg'"
            )
        if not re.fullmatch(r"[!-~]+", url):
            raise InvalidRequest(
                f"{shown_url(url)} is no URL: percent-encode blanks, and all characters beyond ASCII"
            )
        if len(url) > _LONGEST_URL:
            raise InvalidRequest(f"{shown_url(url)} has {len(url)} characters: give at most {_LONGEST_URL}")
        plain, root = max(
            (
                (each, root)
                for root in self.roots
                for each in (url, root.without_transformations(url))
                if each.startswith(root.prefix)
            ),
            key=lambda found: len(found[1].prefix),
            default=(url, None),
        )
        if root is None:
            known = ", ".join(sorted({root.endpoint for root in self.roots}))
            raise InvalidRequest(f"{shown_url(url)} lies under none of the endpoints of UrlMap: {known}")
        path = root.path(plain)
        # A client or a server on the way may decode the segments before it resolves them.
        segments = re.split(r"[/\\]", unquote(path.partition("?")[0]))
        if "." in segments or ".." in segments:
            raise InvalidRequest(f"{shown_url(url)} has a dot segment: write the path in full")
        if "#" in path or "*" in path[:-1] or (path.endswith("*") and not wildcard_allowed(_counted(path))):
            raise InvalidRequest(
                f"{shown_url(url)}: a wildcard is one * at the end of two levels, of 15 characters, or of a "
                f"file with an extension. They are counted behind {root.endpoint}, the longest endpoint of "
                "UrlMap above it, without path transformations and the query. Write a literal * as %2A and # "
                "as %23"
            )
        return url
