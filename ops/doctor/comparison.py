"""Compares the UrlMap of a stack with what the account's URL-endpoints show."""

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from ops.doctor.account import Account, Endpoint
from ops.doctor.addresses import address_of, is_custom_domain, is_old_host
from ops.doctor.domain import Root, split_web_proxy
from ops.doctor.finding import Finding, advice, mend
from ops.doctor.mapping import Entry, Showing, entries, proxies, showings, url_endpoint, web_place
from ops.doctor.stack import Stack


def compare(stack: Stack, account: Account, addresses: Sequence[str]) -> tuple[Finding, ...]:
    """What is wrong with the stack's UrlMap; nothing if the account could not be seen."""
    roots = plain_roots(stack)
    unserved = tuple(_of_other_buckets(stack, roots))
    if account.endpoints is None or account.origins is None:
        return unserved
    found = showings(account, stack.buckets)
    direct = [root for root in roots if not root.web_proxy]
    return (
        *unserved,
        *(finding for root in direct for finding in _wrong(root, found, account.endpoints)),
        *(finding for root in roots if root.web_proxy for finding in _wrong_proxy(root, account)),
        *_missing(stack, account.endpoints, found, addresses),
    )


def plain_roots(stack: Stack) -> tuple[Root, ...]:
    """The entries of the stack's UrlMap."""
    return tuple(root for root in stack.settings.url_map.roots if root.plain)


def _of_other_buckets(stack: Stack, roots: Sequence[Root]) -> Iterator[Finding]:
    for bucket in dict.fromkeys(root.bucket for root in roots):
        if bucket not in ("*", *stack.buckets):
            yield mend(
                f"UrlMap names bucket {bucket}, but the stack takes no events of it.",
                "Add it to OriginBuckets, or correct its name in UrlMap.",
            )
    for bucket in stack.buckets:
        if not any(root.bucket in ("*", bucket) for root in roots):
            yield mend(
                f"UrlMap has no entry for bucket {bucket}: its changes are not purged.", "Add one to UrlMap."
            )


def _wrong(root: Root, found: Sequence[Showing], endpoints: Sequence[Endpoint]) -> Iterator[Finding]:
    """What is wrong with an entry, if anything."""
    entry = Entry(root.bucket, root.folder, root.endpoint)
    shown = [each for each in found if root.bucket in ("*", each.bucket)]
    address = address_of(root.endpoint) or root.endpoint
    below, endpoint, rest = _located(root.endpoint, endpoints)
    here = [each for each in shown if each.endpoint == endpoint]
    fits = [each.folder + rest for each in here]
    if is_custom_domain(address):
        # It may show any one of the endpoints, with or without a prefix: the API does not tell.
        fits += [each.folder + (f"{below}/" if below else "") for each in shown]
    if root.folder in fits:
        return
    if rest and not fits:
        yield mend(
            f"UrlMap entry {entry}: the account has no such URL-endpoint, so its purges show nothing fresh.",
            "Remove the entry, or correct the URL-endpoint.",
        )
    elif not fits:
        yield mend(
            f"UrlMap entry {entry}: this URL-endpoint shows nothing of the bucket, so its purges are wasted.",
            "Remove the entry, or add an S3 origin of the bucket to the URL-endpoint.",
        )
    else:
        right = ", ".join(str(Entry(root.bucket, folder, root.endpoint)) for folder in dict.fromkeys(fits))
        yield mend(
            f"UrlMap entry {entry}: the URL-endpoint shows another folder, so the wrong URLs are purged.",
            f"Write {right}.",
        )


def _wrong_proxy(root: Root, account: Account) -> Iterator[Finding]:
    """What is wrong with an entry for the URLs of a web proxy, if anything."""
    entry = Entry(root.bucket, root.folder, root.endpoint)
    own, source = split_web_proxy(root.endpoint)
    with_proxy = proxies(account)
    _, endpoint, _ = _located(own, account.endpoints or ())
    if endpoint not in with_proxy and not (with_proxy and is_custom_domain(own)):
        yield mend(
            f"UrlMap entry {entry}: this URL-endpoint has no web proxy, so its purges are wasted.",
            "Remove the entry, or add a web proxy to the URL-endpoint.",
        )
    shown = web_place(source)
    if shown and (shown[0] != root.bucket != "*" or shown[1] != root.folder):
        bucket = "*" if root.bucket == "*" else shown[0]
        yield mend(
            f"UrlMap entry {entry}: the URL behind the endpoint is that of s3://{shown[0]}/{shown[1]}, so "
            "the wrong URLs are purged.",
            f"Write {Entry(bucket, shown[1], root.endpoint)}.",
        )


def _missing(
    stack: Stack, endpoints: Sequence[Endpoint], found: Sequence[Showing], addresses: Sequence[str]
) -> Iterator[Finding]:
    """The endpoints that show a bucket although the UrlMap does not have them."""
    roots = [root for root in plain_roots(stack) if not root.web_proxy]
    for each in found:
        for address in addresses:
            here = [root for root in roots if root.bucket in ("*", each.bucket)]
            url = url_endpoint(address, each.endpoint)
            [entry] = entries([each], [address], any_bucket=stack.owns_bucket)
            if any((root.endpoint, root.folder) == (url, each.folder) for root in here):
                continue
            if any(
                root.endpoint.startswith(f"{url}/")
                and root.folder.startswith(each.folder)
                and _located(root.endpoint, endpoints)[1] == each.endpoint
                for root in here
            ):
                yield advice(
                    f"{url} shows all of s3://{each.bucket}/{each.folder}, but UrlMap has only parts of it.",
                    f"Add {entry} if the other keys are shown too.",
                )
            elif is_old_host(address):
                yield advice(
                    f"The old host of {url} may still show s3://{each.bucket}/{each.folder}, but UrlMap does "
                    "not have it.",
                    f"Add {entry} to UrlMap if your pages still use this host.",
                )
            elif is_custom_domain(address):
                if not any(
                    address_of(root.endpoint) == address and root.folder == each.folder for root in here
                ):
                    yield advice(
                        f"The custom domain {address} may show s3://{each.bucket}/{each.folder}; the API "
                        "does not say which URL-endpoint it belongs to.",
                        f"Add {entry} to UrlMap if it does.",
                    )
            else:
                yield mend(
                    f"{url} shows s3://{each.bucket}/{each.folder}, but UrlMap does not have it: its URLs "
                    "are never purged.",
                    f"Add {entry} to UrlMap.",
                )


def _located(url: str, endpoints: Sequence[Endpoint]) -> tuple[str, Endpoint | None, str]:
    """Where the URLs of an entry lie: the path behind the address, the endpoint that the path belongs to, and
    the rest of the path, as a folder."""
    address = address_of(url) or url
    below = unquote(url[len(address) :]).strip("/")
    fitting = [each for each in endpoints if not each.prefix or f"{below}/".startswith(f"{each.prefix}/")]
    endpoint = max(fitting, key=lambda each: len(each.prefix), default=None)
    rest = below[len(endpoint.prefix) if endpoint else 0 :].strip("/")
    return below, endpoint, f"{rest}/" if rest else ""
