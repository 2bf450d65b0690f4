"""Reads the texts of the settings UrlMap and PathTransformations. Every function raises InvalidSetting."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from purging.errors import InvalidSetting
from purging.quoting import quoted, shown_url, without_credentials

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
# Older buckets may have capitals and underscores.
_BUCKET = re.compile(r"\*|[A-Za-z0-9][A-Za-z0-9._-]*")
# A port is 1 to 65535. The path is printable ASCII without * ? # @ and the comma.
_ENDPOINT = re.compile(
    r"(https://[A-Za-z0-9][A-Za-z0-9._-]*|http://(127\.0\.0\.1|localhost))"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?"
    r'(/[!"$-)+\-->A-~]*)?'
)
# A transformation of ImageKit without its `tr:`. Those of other services have no such names with a hyphen:
# https://imagekit.io/docs/transformations
_FORGOTTEN = re.compile(r"(?:ar|bl|c|cm|di|dpr|e|f|fo|h|l|lo|n|o|pr|q|r|rt|t|w|x|y)-")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_BLANKS = " \t\r\n"


class Entry(NamedTuple):
    """An entry of UrlMap: a `bucket` or `*`, a `folder` that is empty or ends in a slash, and an `endpoint`
    that does not end in one."""

    bucket: str
    folder: str
    endpoint: str


def entries(text: str) -> Iterator[Entry]:
    """The entries of a UrlMap, in their order. Raises InvalidSetting, which names the wrong entry."""
    for entry in filter(None, (part.strip(_BLANKS) for part in text.split(","))):
        origin, equals, endpoint = entry.partition("=")
        bucket, _, folder = origin.strip(_BLANKS).partition("/")
        if not equals or not _BUCKET.fullmatch(bucket):
            raise InvalidSetting(f"{_named(entry)}: write bucket[/folder]=https://ik.imagekit.io/id")
        folder = folder.strip("/")
        if _ENCODED.search(folder):
            # No key would match it, and no alert would follow. The intended folder is a guess.
            raise InvalidSetting(
                f"{_named(entry)}: the folder is percent-encoded; write it as its keys begin in the "
                f"bucket, perhaps {shown_url(unquote(folder))}"
            )
        _check_endpoint(endpoint.strip(_BLANKS), entry)
        yield Entry(bucket, f"{folder}/" if folder else "", endpoint.strip(_BLANKS).rstrip("/"))


def check_transformation(text: str) -> None:
    """Raise InvalidSetting, which names the text, if it is no path transformation: neither one of ImageKit,
    nor the path that a URL rewriter understands."""
    if _FORGOTTEN.match(text):
        raise InvalidSetting(
            f"path transformation {quoted(text)}: write it as in the URL, perhaps {quoted('tr:' + text)}"
        )
    segments = text.split("/")
    wrong = text == "tr:" or re.search(r"[?#*]|[^!-~]", text) or {"", ".", "..", "ik-seo"} & {*segments}
    if wrong or (len(segments) > 1 and "tr:" in text):
        raise InvalidSetting(
            f"path transformation {quoted(text)}: write what stands in the URL between the endpoint and the "
            "key, percent-encoded, e.g. tr:w-300,h-300, or image/upload/w_300 for a URL rewriter; no slash "
            "at its beginning or end, and SeoUrls for ik-seo"
        )


def _check_endpoint(text: str, entry: str) -> None:
    if not _ENDPOINT.fullmatch(text):
        raise InvalidSetting(
            f"{_named(entry)}: an endpoint is https://host[:port][/path], percent-encoded, with no user, "
            "query, fragment or *, and a port from 1 to 65535"
        )


def _named(entry: str) -> str:
    """A refused entry, for a message, without the credentials that it may contain."""
    before, slashes, after = entry.partition("//")
    origin, equals, endpoint = entry.partition("=")
    if slashes:
        text = before + without_credentials(slashes + after)
    elif equals and ":" not in origin:
        text = f"{origin}={without_credentials(endpoint.strip(_BLANKS))}"
    else:
        text = re.sub(".*@", "***@", entry)
    return f"UrlMap entry {quoted(text)}"
