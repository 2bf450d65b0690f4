"""From a changed object to the ImageKit URLs that show it: mapping, encoding and wildcard rules."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, unquote, urlsplit

from purging.errors import InvalidRequest, InvalidSetting
from purging.quoting import quoted, shown, shown_url, without_credentials

# What ImageKit's SDKs leave unencoded in a path besides letters and digits (imagekitio 5.x), but for `*`,
# which would change a purge's meaning.
_SAFE = "/:@!$&'()+,;=-._~"

# Amazon S3 user guide, "Bucket naming rules"; older buckets may have capitals and underscores.
_BUCKET = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9._-]*")
_PLAIN = re.compile(r"[!-)+-~]+")  # visible ASCII, but for the *
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}

# ImageKit documentation, "Cache purge", wildcards.
_BANNED_WILDCARDS = {"/media/catalog/", "/s/files/"}
_FILE_WITH_EXTENSION = re.compile(r"/[^/]*[^/.]\.[A-Za-z0-9]{1,10}$")
_LONG_ENOUGH = 15

# A key of 1,024 bytes takes 3,072 when encoded; the rest is for the endpoint and a query.
_LONGEST_URL = 8192


class Named(Protocol):
    """Whatever has a bucket and a decoded key, such as an ObjectChange."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...


def encode(key: str) -> str:
    """A key's text as it stands in a URL path: UTF-8, percent-encoded once."""
    return quote(key, safe=_SAFE)


def wildcard_allowed(path: str) -> bool:
    """Whether ImageKit accepts a purge of `path` followed by `*`.

    `path` is what follows the endpoint (host, ImageKit id and URL pattern excluded), encoded, with its
    leading slash; a `*` at its end is taken as that wildcard. Any one of three rules suffices: two levels
    of nesting, 15 characters, or a file path with an extension; two paths are banned (ImageKit
    documentation, "Cache purge"). A folder's trailing slash adds no level: `/folder/*` is refused in use.
    """
    path = path.removesuffix("*")
    if not path.startswith("/") or "*" in path or path in _BANNED_WILDCARDS:
        return False
    levels = sum(1 for segment in path.split("/") if segment)
    return levels >= 2 or len(path) >= _LONG_ENOUGH or _FILE_WITH_EXTENSION.search(path) is not None


def is_file(key: str) -> bool:
    """Whether a key is a file path with an extension, as `a/photo.jpg` is: few others begin with it."""
    return _FILE_WITH_EXTENSION.search(f"/{key}") is not None


@dataclass(frozen=True, slots=True)
class Root:
    """One way into a bucket: an endpoint, and a path transformation or none, over a folder's keys."""

    bucket: str
    """`*` stands for any bucket."""
    folder: str
    """Empty, or ending in a slash: the part of the key that the URL leaves out."""
    endpoint: str
    """Without a slash at its end."""
    transformation: str = ""

    @property
    def prefix(self) -> str:
        """What a URL of this root starts with, up to and including the slash before the path."""
        return f"{self.endpoint}/{self.transformation}/" if self.transformation else f"{self.endpoint}/"

    def serves(self, bucket: str, key: str) -> bool:
        """Whether the object has a URL here: keys outside the folder have none."""
        return self.bucket in ("*", bucket) and key.startswith(self.folder) and key != self.folder

    def url(self, key: str) -> str:
        """The exact URL of a key that this root serves."""
        return self.prefix + encode(key[len(self.folder) :])

    def path(self, url: str) -> str:
        """What follows the endpoint and the transformation in one of this root's URLs, slash included."""
        return url[len(self.prefix) - 1 :]


@dataclass(frozen=True, slots=True)
class SharedPrefix:
    """That what begins with `here` in one bucket has the same URLs as what begins with `there` in `bucket`,
    which may be the same one; `*` stands for buckets that nobody can name."""

    here: str
    bucket: str
    there: str

    def over(self, key: str) -> str:
        """The key there that has the URL of a key which begins with `here`."""
        return self.there + key[len(self.here) :]

    def back(self, key: str) -> str:
        """The inverse of `over`."""
        return self.here + key[len(self.there) :]


@dataclass(frozen=True, slots=True)
class UrlMap:
    """Which buckets, or folders of them, are the origin of which ImageKit URL-endpoints."""

    roots: tuple[Root, ...]

    @classmethod
    def parse(cls, text: str, path_transformations: Sequence[str] = ()) -> "UrlMap":
        """Read `bucket[/folder]=url-endpoint`, comma-separated; `*` is any bucket, buckets may repeat.

        The folder stands as in the bucket, not as in a URL: `my photos`, not `my%20photos`.

        Each path transformation, e.g. `tr:w-300,h-300`, adds a root to each endpoint. Raises
        InvalidSetting naming the entry at fault.
        """
        roots: dict[Root, None] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            origin, equals, endpoint = entry.partition("=")
            bucket, _, folder = origin.strip().partition("/")
            if not equals or not _BUCKET.fullmatch(bucket):
                raise InvalidSetting(f"{_named(entry)}: write bucket[/folder]=https://ik.imagekit.io/id")
            folder = folder.strip("/")
            if _ENCODED.search(folder):
                # It would match no key, and nobody would hear of it. What is meant is a guess.
                raise InvalidSetting(
                    f"{_named(entry)}: the folder is percent-encoded; write it as its keys begin in the "
                    f"bucket, perhaps {shown_url(unquote(folder))}"
                )
            endpoint = _endpoint(endpoint.strip(), entry)
            for transformation in ("", *path_transformations):
                roots[Root(bucket, f"{folder}/" if folder else "", endpoint, _checked(transformation))] = None
        if not roots:
            raise InvalidSetting("UrlMap is empty: write bucket[/folder]=https://ik.imagekit.io/id")
        return cls(tuple(roots))

    @property
    def most_urls(self) -> int:
        """How many URLs an object can have at most."""
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
        """What else has URLs of a bucket's objects: entries of the same URL-endpoint, and of one whose path
        begins with the other's. `several`: `*` stands for more buckets than are named."""
        # A path transformation changes the URLs of all entries alike.
        plain = [root for root in self.roots if not root.transformation]
        named = [root.bucket for root in plain if root.bucket != "*"]
        any_bucket = [bucket, *named, *("*" if several else "")]
        found: dict[SharedPrefix, None] = {}
        for root in plain:
            if root.bucket not in ("*", bucket):
                continue
            for other in plain:
                here, there = root.folder, other.folder
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
        """Whether any URL shows the object."""
        return any(True for _ in self.roots_of(change))

    def targets(self, change: Named) -> list[str]:
        """The exact, encoded URLs of a changed object, plain ones and path transformations, no repeats."""
        return list(dict.fromkeys(root.url(change.key) for root in self.roots_of(change)))

    def check(self, url: object) -> str:
        """A URL that someone asks to purge, if it lies under one of the endpoints.

        Raises InvalidRequest naming the URL and the remedy.
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
        root = max(
            (root for root in self.roots if url.startswith(root.prefix)),
            key=lambda root: len(root.prefix),
            default=None,
        )
        if root is None:
            known = ", ".join(sorted({root.endpoint for root in self.roots}))
            raise InvalidRequest(f"{shown_url(url)} lies under none of the endpoints of UrlMap: {known}")
        path = root.path(url)
        # Decoded, as a server or a client on the way may do before it resolves them.
        segments = re.split(r"[/\\]", unquote(path.partition("?")[0]))
        if "." in segments or ".." in segments:
            raise InvalidRequest(f"{shown_url(url)} has a dot segment: write the path in full")
        if "#" in path or "*" in path[:-1] or (path.endswith("*") and not wildcard_allowed(path)):
            raise InvalidRequest(
                f"{shown_url(url)}: a wildcard is one * at the end of two levels, of 15 characters, or of a "
                "file with an extension; write a literal * as %2A and # as %23"
            )
        return url


def _endpoint(text: str, entry: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        # Its own words quote what may be a password.
        host = None
    secure = host and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK))
    if not secure or "@" in parts.netloc or re.search("[?#]", text) or not _PLAIN.fullmatch(text):
        raise InvalidSetting(
            f"{_named(entry)}: an endpoint is https://host[:port][/path], percent-encoded, with no user, "
            "query, fragment or *"
        )
    return text.rstrip("/")


def _named(entry: str) -> str:
    """An entry of UrlMap that is refused, for a message, without the credentials it may carry."""
    before, slashes, rest = entry.partition("//")
    origin, equals, endpoint = entry.partition("=")
    if slashes:
        text = before + without_credentials(slashes + rest)
    elif equals and ":" not in origin:
        text = f"{origin}={without_credentials(endpoint.strip())}"
    else:
        text = re.sub(".*@", "***@", entry)
    return f"UrlMap entry {quoted(text)}"


def _checked(transformation: str) -> str:
    if transformation and (not transformation.startswith("tr:") or re.search(r"[/?#*\s]", transformation)):
        raise InvalidSetting(
            f"path transformation {transformation!r}: write it as in the URL, e.g. tr:w-300,h-300"
        )
    return transformation
