"""Which URL-endpoints of the account show which folders of a bucket, and the UrlMap that follows."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from ops.doctor.account import Account, Endpoint, Origin

# Kinds of origins that name a bucket of S3. CLOUDINARY_BACKUP is a backup that Cloudinary writes to S3.
_BUCKETS = ("S3", "CLOUDINARY_BACKUP")
_AMAZON = re.compile(r"(^|\.)amazonaws\.com(\.cn)?$")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+?)\.s3([.-][a-z0-9.-]+)?\.amazonaws\.com(\.cn)?")
_PATH_HOST = re.compile(r"s3([.-][a-z0-9.-]+)?\.amazonaws\.com(\.cn)?")


@dataclass(frozen=True, slots=True)
class Showing:
    """An endpoint that shows a folder of a bucket. The `folder` is empty, or ends in a slash."""

    bucket: str
    folder: str
    endpoint: Endpoint
    before: tuple[str, ...] = ()
    """Names of the origins that ImageKit tries first. An object that they have hides the bucket's."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a UrlMap."""

    bucket: str
    folder: str
    url_endpoint: str

    def __str__(self) -> str:
        folder = self.folder.rstrip("/")
        return f"{self.bucket}{'/' if folder else ''}{folder}={self.url_endpoint}"


def url_endpoint(address: str, endpoint: Endpoint) -> str:
    """The beginning of the URLs of an endpoint, without a slash at its end."""
    return f"{address}/{quote(endpoint.prefix)}" if endpoint.prefix else address


def showings(account: Account, buckets: Sequence[str]) -> tuple[Showing, ...]:
    """The endpoints that show something of the buckets, in the order of the account."""
    origins = {origin.id: origin for origin in account.origins or ()}
    found: dict[Showing, None] = {}
    for endpoint in account.endpoints or ():
        tried = [origins[each] for each in endpoint.origins if each in origins]
        for position, origin in enumerate(tried):
            place = _place(origin)
            if place and place[0] in buckets:
                before = tuple(each.name for each in tried[:position] if _place(each) != place)
                found[Showing(*place, endpoint, before)] = None
    return tuple(found)


def proxies(account: Account) -> tuple[Endpoint, ...]:
    """The endpoints with a web proxy, which shows any URL: https://imagekit.io/docs/integration/web-proxy"""
    ids = {origin.id for origin in account.origins or () if origin.kind == "WEB_PROXY"}
    return tuple(each for each in account.endpoints or () if ids & {*each.origins})


def entries(found: Iterable[Showing], addresses: Iterable[str], *, any_bucket: bool) -> tuple[Entry, ...]:
    """The entries of a UrlMap for these endpoints. `any_bucket`: it says `*`, for a stack's own bucket."""
    return tuple(
        dict.fromkeys(
            Entry("*" if any_bucket else each.bucket, each.folder, url_endpoint(address, each.endpoint))
            for each in found
            for address in addresses
        )
    )


def text(found: Iterable[Entry]) -> str:
    """The entries as the parameter UrlMap takes them."""
    return ",".join(map(str, found))


def _place(origin: Origin) -> tuple[str, str] | None:
    """The bucket and the folder that an origin reads; None if it reads something else than S3."""
    if origin.kind in _BUCKETS:
        return origin.bucket, _folder(origin.folder)
    if origin.kind == "S3_COMPATIBLE":
        host = urlsplit(origin.address if "//" in origin.address else f"//{origin.address}").hostname
        return (origin.bucket, _folder(origin.folder)) if host and _AMAZON.search(host) else None
    if origin.kind == "WEB_FOLDER":
        return web_place(origin.address)
    return None


def on_path(host: str) -> bool:
    """Whether a host of S3 has the bucket's name in the path of its URLs, and not in its own."""
    return _PATH_HOST.fullmatch(host) is not None


def web_place(address: str) -> tuple[str, str] | None:
    """The bucket and the folder of an address of S3 itself, such as that of a bucket's website; or None."""
    parts = urlsplit(address)
    host, path = parts.hostname or "", unquote(parts.path).strip("/")
    if on_path(host):
        bucket, _, folder = path.partition("/")
        return (bucket, _folder(folder)) if bucket else None
    if named := _VIRTUAL_HOST.fullmatch(host):
        return named["bucket"], _folder(path)
    return None


def _folder(text: str) -> str:
    text = text.strip("/")
    return f"{text}/" if text else ""
