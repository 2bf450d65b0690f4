"""The account's addresses: what stands before the prefix of a URL-endpoint in the URLs of objects.

An address is `https://ik.imagekit.io/ID` or a custom domain such as `https://images.example.com`, which
replaces host and id: https://imagekit.io/docs/custom-domain
ImageKit's API tells neither of them. So they come from what the user says, from the stack, and from URLs.
"""

from collections import Counter
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

PLACEHOLDER = "https://ik.imagekit.io/YOUR_IMAGEKIT_ID"
"""Stands in a proposal if nothing tells the address."""

# On these hosts, the first part of a path is the account's id. The second one is ImageKit's old host.
_HOSTS_WITH_ID = {"ik.imagekit.io", "ik.imgkit.net"}
_LOOPBACK = {"127.0.0.1", "localhost"}  # the emulator
_OLD_HOST = ".imagekit.io"


def split(url: str) -> SplitResult | None:
    """The parts of an http or https URL, with the scheme that ImageKit serves; None for other texts."""
    try:
        parts = urlsplit(f"https:{url}" if url.startswith("//") else url)
        host = parts.hostname
        _ = parts.port  # raises if it is no number
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    scheme = parts.scheme if host in _LOOPBACK else "https"
    return parts._replace(scheme=scheme, netloc=parts.netloc.lower())


def address_of(url: str) -> str | None:
    """The address that a URL lies under; None if the text has none."""
    parts = split(url)
    if parts is None:
        return None
    if not _has_id(parts):
        return f"{parts.scheme}://{parts.netloc}"
    account_id = parts.path.split("/")[1] if "/" in parts.path else ""
    return f"{parts.scheme}://{parts.netloc}/{account_id}" if account_id else None


def is_custom_domain(address: str) -> bool:
    """Whether an address is a host of the user's own: the API does not say which URL-endpoint it shows."""
    parts = split(address)
    return parts is not None and not _has_id(parts) and not parts.netloc.endswith(_OLD_HOST)


def is_old_host(address: str) -> bool:
    """Whether an address is on a host that ImageKit gave to accounts for years, and that still serves."""
    host = urlsplit(address).netloc
    return host == "ik.imgkit.net" or (host.endswith(_OLD_HOST) and host != "ik.imagekit.io")


def old_addresses(address: str) -> tuple[str, ...]:
    """The addresses of old that may show the same objects: `https://ID.imagekit.io`, and ImageKit's old host.

    ImageKit made no account for them for years, but old pages may use them.
    """
    parts = split(address)
    if parts is None or parts.netloc != "ik.imagekit.io":
        return ()
    account_id = parts.path.strip("/")
    return (f"https://{account_id}.imagekit.io", f"https://ik.imgkit.net/{account_id}")


def addresses(known: Iterable[str], seen: Iterable[str], used: Iterable[str]) -> tuple[str, ...]:
    """The account's addresses.

    `known` are URLs that are the account's own. `seen` are URLs of its analytics, and are taken too. `used`
    are URLs of pages, which may show images of other accounts: only if nothing else is known, the most
    frequent address with an id is taken.
    """
    found = [address for url in (*known, *seen) if (address := address_of(url))]
    if not found:
        counts = Counter(address_of(url) for url in used if (parts := split(url)) and _has_id(parts))
        found = [address for address, _ in counts.most_common(1) if address]
    return tuple(dict.fromkeys(found))


def _has_id(parts: SplitResult) -> bool:
    return parts.netloc in _HOSTS_WITH_ID or parts.hostname in _LOOPBACK
