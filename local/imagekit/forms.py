"""The forms of a URL's path: which object it shows, and what is written around the object's key.

Sources: https://imagekit.io/docs/transformations (`tr:`), https://imagekit.io/docs/video-transformation (what
ImageKit derives from a video), https://docs.imagekit.io/features/dynamic-seo-suffix (`ik-seo`),
https://imagekit.io/docs/integration/web-proxy, and https://imagekit.io/docs/migration/overview (rewriters;
here that of Cloudinary, the only one that uses the path).
"""

import re
from dataclasses import dataclass

_SEO = "ik-seo/"
_DERIVED = (
    *("ik-video.mp4", "ik-gif-video.mp4", "ik-thumbnail.jpg", "ik-master.m3u8", "ik-master.mpd"),
    *("ik-seek-thumbnail-track.vtt", "ik-genchapter.vtt", "ik-gensubtitle.transcript"),
)
_PARAMETERS = r"(?:[a-z]{1,4}_[^/,]+(?:,[a-z]{1,4}_[^/,]+)*/)"
_CLOUDINARY = re.compile(rf"(?:image|video|raw)/(?:upload|fetch)/{_PARAMETERS}*(?:v[0-9]+/)?|{_PARAMETERS}+")
# A bucket's URL: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_S3 = re.compile(r"https?://([a-z0-9.-]+?)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?/(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ObjectPath:
    """What the path of a URL means. All texts are still encoded.

    ``path`` is the object's, with its leading slash; empty if the URL shows no object. ``bucket`` is the one
    that a web proxy names, or empty. ``written`` is what the URL has around the object: transformations,
    words for search engines, a derived file. ``counted`` is the path by which the rules for wildcards judge.
    The documentation leaves out the id and the URL pattern only; that transformations do not count either is
    the stricter reading.
    """

    path: str
    bucket: str
    written: str
    counted: str


def read(path: str, *, rewritten: bool) -> ObjectPath:
    """Read a canonical path, which starts with a slash. ``rewritten``: a rewriter understands Cloudinary's
    URLs."""
    rest = path[1:]
    seo = rest.startswith(_SEO)
    written = []
    if seo:
        rest = rest.removeprefix(_SEO)
    while rest.startswith("tr:"):
        segment, _, rest = rest.partition("/")
        written.append(segment)
    if rewritten and not seo and (found := _CLOUDINARY.match(rest)):
        written.append(found[0].rstrip("/"))
        rest = rest[found.end() :]
    counted = f"/{_SEO if seo else ''}{rest}"
    bucket = ""
    if proxied := _S3.fullmatch(rest):
        bucket, rest = proxied.groups()
    if seo:
        rest, words = _without_words(rest)
        written.append(f"{_SEO}{words}")
    elif derived := next((each for each in _DERIVED if rest.endswith(f"/{each}")), None):
        rest = rest.removesuffix(f"/{derived}")
        written.append(derived)
    return ObjectPath(f"/{rest}" if rest or not seo else "", bucket, "/".join(written), counted)


def _without_words(path: str) -> tuple[str, str]:
    """The object's path and the words: ``a/photo/any-words.jpg`` shows ``a/photo.jpg``."""
    stem, _, words = path.rpartition("/")
    name, dot, extension = words.rpartition(".")
    return (f"{stem}.{extension}" if stem and name and dot and extension else ""), words
