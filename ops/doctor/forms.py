"""The forms of ImageKit's URLs: how each one looks, and which setting covers it.

This is the one place for that knowledge: each form's `setting`, its `remedy`, and what `recognised` takes
for marker, key and path. Whether a URL is covered is not decided here, but by the code of the functions
(`uses.py`).

docs/url-forms.md, https://imagekit.io/docs/transformations, https://imagekit.io/docs/seo-friendly-urls,
https://imagekit.io/docs/url-rewriting, https://imagekit.io/docs/integration/web-proxy
"""

import re
import string
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlsplit

from ops.doctor.domain import encode
from ops.doctor.mapping import on_path


@dataclass(frozen=True, slots=True)
class Form:
    """A form of URLs. `setting` names the parameter that covers it."""

    name: str
    setting: str
    remedy: str
    """What to do about a URL of this form that is not covered. `{marker}` is the URL's own variant, `{place}`
    its beginning, and `{source}` the URL of the bucket behind a web proxy."""


PLAIN = Form("plain", "UrlMap", "Add its URL-endpoint to UrlMap.")
QUERY = Form(
    "query",
    "QueryVariants",
    "Set QueryVariants=true. A key without extension at the top of an endpoint has no purge of its variants: "
    "give it an extension.",
)
DERIVED = Form("derived file", "QueryVariants", "Set QueryVariants=true.")
PATH = Form(
    "path transformation",
    "PathTransformations",
    "Add {marker} to PathTransformations, or write it as a query, which costs no purge.",
)
SEO = Form("ik-seo", "SeoUrls", "Set SeoUrls=true.")
REWRITTEN = Form(
    "rewriter",
    "PathTransformations",
    "Add {marker} to PathTransformations, or write it as a query, which costs no purge.",
)
PROXY = Form(
    "web proxy",
    "UrlMap",
    "Add BUCKET={place}/{source} to UrlMap, an entry that ends in the bucket's URL.",
)
OVERLAY = Form(
    "overlay, font or default image",
    "Dependents",
    "Add KEY=URL to Dependents: the whole key of {marker}, and the URL or the path of the images that show "
    "it.",
)

FORMS = (PLAIN, QUERY, DERIVED, PATH, SEO, REWRITTEN, PROXY, OVERLAY)
VARIED = (PATH, SEO, REWRITTEN, PROXY)
"""The forms whose marker is one of PathTransformations, or empty."""

# What ImageKit makes of an object, under URLs that begin with the object's own.
_DERIVED = re.compile(
    r"/ik-(thumbnail\.jpg|master\.m3u8|master\.mpd|video\.mp4|gif-video\.mp4|seek-thumbnail-track\.vtt"
    r"|genchapter\.vtt|gensubtitle\.transcript)$"
)
# Cloudinary's syntax. A folder may look alike (`e_books/`), so without a rewriter only sizes count.
_CLOUDINARY = re.compile(r"(image|video|raw)/(upload|fetch|private|authenticated)/")
_PARAMETERS = re.compile(r"[a-z]{1,3}_[\w.:-]+(,[a-z]{1,3}_[\w.:-]+)*/")
_SIZES = re.compile(r"([a-z]{1,3}_[\w.:-]+,)*[wh]_[0-9]+(,[a-z]{1,3}_[\w.:-]+)*/")
_VERSION = re.compile(r"v[0-9]+/")
_REMOTE = re.compile(r"https?(:|%3A)/", re.IGNORECASE)
# Layers: `l-image,i-dir@@name.png,l-end`, `di-name.png`, and `ff-name.ttf`. A slash is written `@@`.
# https://imagekit.io/docs/add-overlays-on-images, https://imagekit.io/docs/add-overlays-on-images#text-overlay
_LAYER = re.compile(r"l-(?:image|video),(?:[^/]*?,)?i-([^,:/]+)")
_DEFAULT_IMAGE = re.compile(r"(?:^|[,:])di-([^,:/]+)")
_FONT = re.compile(r"[,:]ff-([^,:/]+\.(?:ttf|otf|woff2?))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a URL asks for."""

    form: Form
    marker: str
    """The variant, such as `tr:w-300`."""
    key: str
    """The key behind the folder of the endpoint, decoded; of a web proxy, with the bucket's URL before it."""
    path: str
    """The path behind the endpoint, with the key encoded as the functions do; a page may encode it otherwise.
    Behind a web proxy it stands as the page has it, because other URLs are other copies there. That of an
    overlay is the path of the image that shows it."""
    source: str = ""
    """Behind a web proxy, the URL of the bucket, without a slash at its end."""


def recognised(
    path: str, query: str, rewriter: str = "", transformations: Collection[str] = ()
) -> tuple[Recognised, ...]:
    """What the path behind an endpoint asks for, without its first slash.

    `rewriter` is the endpoint's, and `transformations` are those of the settings: a function of the endpoint
    may understand any path. The first result is the object itself; overlays and default images follow.
    """
    marker, rest = _transformations(path)
    if path.startswith("ik-seo/"):
        marker, rest = _transformations(path.removeprefix("ik-seo/"))
        before = f"ik-seo/{marker}".rstrip("/")
        main = Recognised(SEO, marker, unquote(_seo_key(rest)), f"{before}/{_encoded(rest)}")
    elif _REMOTE.match(rest):
        key = unquote(_DERIVED.sub("", rest))
        main = Recognised(PROXY, marker, key, quote(path, safe=string.printable), _source(unquote(rest)))
    elif marker:
        main = Recognised(PATH, marker, unquote(_DERIVED.sub("", rest)), f"{marker}/{_encoded(rest)}")
    elif marker := _rewritten(path, rewriter, transformations):
        rest = path[len(marker) + 1 :]
        main = Recognised(REWRITTEN, marker, unquote(rest), f"{marker}/{_encoded(rest)}")
    elif derived := _DERIVED.search(path):
        main = Recognised(DERIVED, derived[0][1:], unquote(path[: derived.start()]), _encoded(path))
    else:
        main = Recognised(QUERY if query else PLAIN, "", unquote(path), _encoded(path))
    overlays = _overlays([marker, *parse_qs(query).get("tr", [])])
    return (main, *(Recognised(OVERLAY, key, key, main.path) for key in overlays))


def _encoded(path: str) -> str:
    return encode(unquote(path))


def _transformations(path: str) -> tuple[str, str]:
    """The `tr:` segments at the beginning of a path, and the rest."""
    rest = path
    while rest.startswith("tr:") and "/" in rest:
        rest = rest.partition("/")[2]
    return path[: len(path) - len(rest)].rstrip("/"), rest


def _seo_key(path: str) -> str:
    """`dir/name/words.ext` shows `dir/name.ext`."""
    before, _, words = path.rpartition("/")
    return f"{before}.{words.rpartition('.')[2]}" if before and "." in words else path


def _source(url: str) -> str:
    """The URL of the bucket at the beginning of an object's URL: the host, and for some the bucket's name."""
    parts = urlsplit(url)
    name = parts.path[1:].partition("/")[0] if on_path(parts.hostname or "") else ""
    return "/".join(filter(None, [f"{parts.scheme}://{parts.netloc}", name]))


def _rewritten(path: str, rewriter: str, transformations: Collection[str]) -> str:
    """The part of a path that a rewriter understands, without the slash at its end; empty if none."""
    upload = _CLOUDINARY.match(path)
    start = end = upload.end() if upload else 0
    parameters = _PARAMETERS if rewriter == "CLOUDINARY" or upload else _SIZES
    while found := parameters.match(path, end) or (_VERSION.match(path, end) if upload else None):
        end = found.end()
    # `image/upload/` alone is a folder like any other, unless there is a rewriter.
    if upload and end == start and rewriter != "CLOUDINARY":
        end = 0
    known = [each for each in transformations if path.startswith(f"{each}/") and not each.startswith("tr:")]
    return max([path[:end].rstrip("/"), *known], key=len)


def _overlays(transformations: list[str]) -> tuple[str, ...]:
    """The keys of the objects that are part of an image."""
    finds = (_LAYER, _DEFAULT_IMAGE, _FONT)
    names = (name for text in transformations for find in finds for name in find.findall(text))
    return tuple(dict.fromkeys(unquote(name).replace("@@", "/") for name in names))
