"""The forms of an object's URLs: an endpoint, and what stands between it and the key."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote

# The characters that ImageKit's SDKs (imagekitio 5.x) leave unencoded in a path besides letters and digits,
# except `*`, which would change the meaning of a purge.
_SAFE = "/:@!$&'()+,;=-._~"
_needs_no_encoding = re.compile(rf"[A-Za-z0-9{re.escape(_SAFE)}]*").fullmatch

_SEO = "ik-seo"
# The endpoint of a web proxy: an endpoint of ImageKit, and behind it the URL of a bucket.
_WEB_PROXY = re.compile(r"(https?://.+?)/(https?://.+)")


def encode(key: str) -> str:
    """A decoded key as a URL path contains it: UTF-8, percent-encoded once."""
    return key if _needs_no_encoding(key) else quote(key, safe=_SAFE)


def seo_text(key: str) -> str | None:
    """What stands for a key in its SEO-friendly URLs: the key without its extension, and a slash.

    Any words and an extension follow: `a/photo.jpg` is shown by `ik-seo/a/photo/any-words.jpg`. A key without
    a name or an extension has no such URL, and None is returned:
    https://docs.imagekit.io/features/dynamic-seo-suffix
    """
    stem, _, extension = key.rpartition(".")
    named = stem.rpartition("/")[2] and extension and "/" not in extension
    return f"{stem}/" if named else None


def split_web_proxy(endpoint: str) -> tuple[str, str]:
    """ImageKit's endpoint, and the URL of the bucket behind it; that URL is empty without a web proxy."""
    proxy = _WEB_PROXY.fullmatch(endpoint)
    return (proxy[1], proxy[2]) if proxy else (endpoint, "")


def placed(endpoint: str, path: str) -> str:
    """The URL of a path under an endpoint. Path transformations and `ik-seo` at its beginning stand before
    the bucket of a web proxy: https://imagekit.io/docs/integration/web-proxy"""
    own, source = split_web_proxy(endpoint)
    rest = path.removeprefix("/")
    before: list[str] = []
    while source and rest.startswith((f"{_SEO}/", "tr:")) and "/" in rest:
        segment, _, rest = rest.partition("/")
        before.append(segment)
    return "/".join([*filter(None, [own, *before, source]), rest])


@dataclass(frozen=True, slots=True)
class Root:
    """One form of the URLs of a folder's objects: an endpoint, and perhaps a path transformation."""

    bucket: str
    """`*` stands for any bucket."""
    folder: str
    """The part of the key that the URL leaves out; empty, or ending in a slash:
    https://imagekit.io/docs/integration/s3-compatible-storage"""
    endpoint: str
    """Without a slash at its end. That of a web proxy ends in the URL of the bucket:
    https://imagekit.io/docs/integration/web-proxy"""
    transformation: str = ""
    """Such as `tr:w-300,h-300` (https://imagekit.io/docs/transformations), or a path that a URL rewriter
    understands, such as `image/upload/w_300` (https://imagekit.io/docs/migration/overview); or empty."""
    seo: bool = False
    """Whether these are SEO-friendly URLs. They have no exact form, since they end in any words."""
    prefix: str = field(init=False, compare=False, repr=False)
    """The beginning of each URL of this root, up to and including the slash before the key."""
    _above: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        own, source = split_web_proxy(self.endpoint)
        seo = _SEO if self.seo else ""
        prefix = "/".join(filter(None, [own, seo, self.transformation, source]))
        object.__setattr__(self, "prefix", f"{prefix}/")
        # What ImageKit counts to the path of a wildcard besides the key: it leaves out only the id and the
        # URL pattern. That path transformations do not count is the stricter reading.
        object.__setattr__(self, "_above", "".join(f"/{each}" for each in (seo, source) if each))

    @property
    def plain(self) -> bool:
        """Whether the URLs have neither a path transformation nor words for search engines."""
        return not self.transformation and not self.seo

    @property
    def web_proxy(self) -> bool:
        """Whether the endpoint is that of a web proxy."""
        return bool(split_web_proxy(self.endpoint)[1])

    def serves(self, bucket: str, key: str) -> bool:
        """Whether this root has a URL for the object. Keys outside the folder have none."""
        return (
            self.bucket in ("*", bucket)
            and key.startswith(self.folder)
            and key != self.folder
            and (not self.seo or seo_text(key[len(self.folder) :]) is not None)
        )

    def beginning(self, text: str) -> str:
        """The encoded beginning of the URLs of all keys that begin with a text; the text begins with the
        folder. With SEO-friendly URLs, those of all keys whose `seo_text` begins with it."""
        return self.prefix + encode(text[len(self.folder) :])

    def url(self, key: str) -> str:
        """The encoded URL of a key that this root serves: the exact one, or for SEO-friendly URLs the
        wildcard of all of them."""
        return f"{self.beginning(seo_text(key) or key)}*" if self.seo else self.beginning(key)

    def without_transformations(self, url: str) -> str:
        """The URL without what stands before the bucket's URL, if this is the endpoint of a web proxy."""
        own, source = split_web_proxy(self.endpoint)
        before = rf"{re.escape(own)}/((tr:[^/]+|{_SEO})/)+(?={re.escape(source)}/)"
        found = re.match(before, url) if source else None
        return f"{own}/{url[found.end() :]}" if found else url

    def path(self, url: str) -> str:
        """The part of this root's URL for which the rules for wildcards hold, with its slash."""
        return self._above + url[len(self.prefix) - 1 :]
