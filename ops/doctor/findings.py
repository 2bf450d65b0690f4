"""What is wrong with the private key, the account and the buckets."""

from collections.abc import Iterator, Sequence

from ops.doctor.account import Account, Endpoint, KeyCheck, KeyState, Refusal
from ops.doctor.addresses import address_of, is_custom_domain
from ops.doctor.bucket import Bucket
from ops.doctor.finding import Finding, advice, mend, unseen
from ops.doctor.mapping import Showing, proxies
from ops.doctor.stack import Stack

_FULL_KEY = (
    "Run it once with a standard key: put the key into the environment variable IMAGEKIT_PRIVATE_KEY, which "
    "goes before the key of the stack."
)


def about_stack_key(check: KeyCheck) -> Iterator[Finding]:
    """What is wrong with the key that the stack purges with."""
    match check.state:
        case KeyState.REFUSED:
            yield mend(
                f"ImageKit refuses the stack's private key ({check.message}): nothing is purged.",
                "Put the current key into the stack's secret.",
            )
        case KeyState.UNKNOWN:
            yield unseen(
                f"Whether ImageKit accepts the stack's private key is not known: {check.message}",
                "Check the address of the API, and try again.",
            )
        case KeyState.FULL:
            yield advice(
                "The stack's private key is wider than needed: it can read the account's settings.",
                'Make a restricted key with only "Media access: read and write", and put it into the secret.',
            )


def about_refusals(refusals: Sequence[Refusal], reader: KeyState) -> Iterator[Finding]:
    """What the account did not tell. `reader` is the state of the key that asked."""
    forbidden = [each for each in refusals if each.status in (401, 403)]
    if forbidden and reader == KeyState.REFUSED:
        yield mend(
            f"ImageKit refuses the private key that should read the account ({forbidden[0].message}).",
            "Copy it anew (dashboard → Developer options), and give it again.",
        )
    elif forbidden:
        calls = ", ".join(each.call for each in forbidden)
        yield unseen(f"The key may not read {calls} ({forbidden[0].message}).", _FULL_KEY)
    others = [each for each in refusals if each.status not in (401, 403)]
    for message in dict.fromkeys(each.message for each in others):
        calls = ", ".join(each.call for each in others if each.message == message)
        yield unseen(
            f"ImageKit gave no usable answer to {calls}: {message}",
            "Check the network and the address of the API, and try again.",
        )


def about_account(
    account: Account,
    found: Sequence[Showing],
    buckets: Sequence[str],
    addresses: Sequence[str],
    named: Sequence[str],
) -> Iterator[Finding]:
    """What is worth knowing of the URL-endpoints, and buckets that none of them shows. `named` are the URLs
    whose addresses are the account's for sure."""
    if account.endpoints is None or account.origins is None:
        return
    for bucket in buckets:
        if bucket not in {each.bucket for each in found}:
            yield mend(
                f"No URL-endpoint of the account shows bucket {bucket}.",
                "Add it as an S3 origin, and the origin to a URL-endpoint (dashboard → External storage).",
            )
    if not addresses:
        yield unseen(
            "ImageKit's API does not tell the account's address.",
            "Name it: --url-endpoint https://ik.imagekit.io/YOUR_IMAGEKIT_ID, and custom domains likewise.",
        )
    for address in addresses:
        if address not in map(address_of, named):
            yield advice(
                f"{address} is an address of the account only by a guess: URLs of the analytics or of the "
                "pages begin with it.",
                "Confirm it with --url-endpoint, or leave out its entries of UrlMap: each costs purges.",
            )
    for each in found:
        if each.before:
            yield advice(
                f"{_named(each.endpoint)} tries {', '.join(each.before)} before "
                f"s3://{each.bucket}/{each.folder}: an object that is there too hides the bucket's.",
                "Nothing, if they have no keys in common. Purges of hidden objects are wasted.",
            )
    for endpoint in dict.fromkeys(each.endpoint for each in found):
        # The other rewriters read parameters of the query, which is covered: https://imagekit.io/docs/url-rewriting
        if endpoint.rewriter == "CLOUDINARY":
            yield advice(
                f"{_named(endpoint)} has the URL rewriter of Cloudinary: objects have further URLs, with "
                "parameters in the path.",
                "If your pages use them, PathTransformations covers what stands before the key, as in "
                "PathTransformations=w_300,h_300. --pages finds it.",
            )
    for endpoint in proxies(account):
        yield advice(
            f"{_named(endpoint)} has a web proxy: it shows any object that has a URL of its own, such as "
            "https://my-bucket.s3.amazonaws.com/key.",
            "If your pages use such URLs, a further entry of UrlMap covers them. It ends in the bucket's "
            "URL; --pages finds it.",
        )
    if len(found) > 1 and (custom := [each for each in addresses if is_custom_domain(each)]):
        yield advice(
            f"The API does not say which URL-endpoint a custom domain belongs to ({', '.join(custom)}).",
            "Look it up on the dashboard, and leave out entries that it does not serve: each costs purges.",
        )


def about_bucket(bucket: Bucket, stack: Stack | None) -> Iterator[Finding]:
    """What is wrong with a bucket's events and versions."""
    yield from bucket.findings
    own = stack is not None and stack.owns_bucket and bucket.name in stack.buckets
    if own and not bucket.queues and bucket.sends_to_event_bridge is not None:
        yield mend(
            f"Bucket {bucket.name} does not send its events to the stack's queue.",
            "Somebody replaced its notification configuration: deploy the stack again.",
        )
    if not own and bucket.sends_to_event_bridge is False:
        yield mend(
            f"Bucket {bucket.name} sends no events to EventBridge, so its changes are not seen.",
            f"Switch it on: python -m ops connect {bucket.name}",
        )
    if bucket.keeps_versions is False:
        yield advice(
            f"Bucket {bucket.name} keeps no versions: SkipNewObjects cannot tell new objects, so each new "
            "object costs purges, too.",
            "Enable versioning, with a lifecycle rule that removes noncurrent versions.",
        )
    if stack and bucket.region and bucket.region != stack.region:
        yield advice(
            f"Bucket {bucket.name} is in {bucket.region}, the stack is in {stack.region}: its events come "
            "only if there is a forwarder.",
            "Deploy forwarding/template.yaml there (docs/forwarding.md), unless it is there already.",
        )


def _named(endpoint: Endpoint) -> str:
    return f"URL-endpoint /{endpoint.prefix}" if endpoint.prefix else "The default URL-endpoint"
