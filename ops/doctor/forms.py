"""The forms of ImageKit's URLs: how each one looks, and which setting covers it.

This is the one place for that knowledge. When a form gets a setting of its own, change it here: its
`setting`, its `remedy`, and what `recognised` takes for marker, key and path. Whether a URL is covered is not
decided here, but by the code of the functions (`uses.py`).

https://imagekit.io/docs/transformations, https://imagekit.io/docs/seo-friendly-urls,
https://imagekit.io/docs/url-rewriting
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from ops.doctor.domain import encode


@dataclass(frozen=True, slots=True)
class Form:
    """A form of URLs. `setting` names the parameter that covers it, or is empty if there is none."""

    name: str
    setting: str
    remedy: str
    """What to do about a URL of this form that is not covered. `{marker}` is the URL's own variant."""


_BY_HAND = "There is no setting for this form: purge such URLs by hand, or write them as queries (?tr=…)."

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
SEO = Form("ik-seo", "", _BY_HAND)
REWRITTEN = Form("rewriter", "", _BY_HAND)
PROXY = Form(
    "web proxy", "", "There is no setting for this form: write the URL by the URL-endpoint of the bucket."
)
OVERLAY = Form(
    "overlay or default image",
    "",
    "There is no setting for images that contain another one: purge them by hand when {marker} changes.",
)

FORMS = (PLAIN, QUERY, DERIVED, PATH, SEO, REWRITTEN, PROXY, OVERLAY)

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
# Layers: `l-image,i-dir@@name.png,l-end`, and `di-name.png`. A slash is written `@@`.
_LAYER = re.compile(r"l-(?:image|video),(?:[^/]*?,)?i-([^,:/]+)")
_DEFAULT_IMAGE = re.compile(r"(?:^|[,:])di-([^,:/]+)")


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a URL asks for."""

    form: Form
    marker: str
    """The variant, such as `tr:w-300`."""
    key: str
    """The key behind the folder of the endpoint, decoded."""
    path: str
    """The path behind the endpoint, with the key encoded as the functions do; a page may encode it otherwise.
    Empty if the URL is not one of the object's own."""


def recognised(path: str, query: str, rewriter: str = "") -> tuple[Recognised, ...]:
    """What the path behind an endpoint asks for, without its first slash. `rewriter` is the endpoint's.

    The first one is the object itself; overlays and default images follow.
    """
    marker, rest = _transformations(path)
    if path.startswith("ik-seo/"):
        marker, rest = _transformations(path.removeprefix("ik-seo/"))
        before = f"ik-seo/{marker}".rstrip("/")
        main = Recognised(SEO, marker, unquote(_seo_key(rest)), f"{before}/{_encoded(rest)}")
    elif _REMOTE.match(rest):
        main = Recognised(PROXY, marker, unquote(rest), "")
    elif marker:
        main = Recognised(PATH, marker, unquote(_DERIVED.sub("", rest)), f"{marker}/{_encoded(rest)}")
    elif before := _rewritten(path, rewriter):
        rest = path[len(before) + 1 :]
        main = Recognised(REWRITTEN, before, unquote(rest), f"{before}/{_encoded(rest)}")
    elif derived := _DERIVED.search(path):
        main = Recognised(DERIVED, derived[0][1:], unquote(path[: derived.start()]), _encoded(path))
    else:
        main = Recognised(QUERY if query else PLAIN, "", unquote(path), _encoded(path))
    transformations = [marker, *parse_qs(query).get("tr", [])]
    return (main, *_overlays(transformations))


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


def _rewritten(path: str, rewriter: str) -> str:
    """The part of a path in the syntax of another service, without the slash at its end; empty if none."""
    upload = _CLOUDINARY.match(path)
    start = end = upload.end() if upload else 0
    parameters = _PARAMETERS if rewriter == "CLOUDINARY" or upload else _SIZES
    while found := parameters.match(path, end) or (_VERSION.match(path, end) if upload else None):
        end = found.end()
    # `image/upload/` alone is a folder like any other, unless there is a rewriter.
    if upload and end == start and rewriter != "CLOUDINARY":
        return ""
    return path[:end].rstrip("/")


def _overlays(transformations: list[str]) -> tuple[Recognised, ...]:
    names = [
        name for text in transformations for find in (_LAYER, _DEFAULT_IMAGE) for name in find.findall(text)
    ]
    return tuple(
        Recognised(OVERLAY, name, unquote(name).replace("@@", "/"), "") for name in dict.fromkeys(names)
    )
