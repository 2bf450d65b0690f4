"""What is wrong, besides the UrlMap itself: the key, the buckets, the URLs in use, the usage, the quota."""

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from ops.doctor.account import Account, Endpoint, KeyCheck, KeyState, NamedTransformation, Refusal, Usage
from ops.doctor.addresses import is_custom_domain
from ops.doctor.bucket import Bucket
from ops.doctor.cost import Cost
from ops.doctor.domain import Settings
from ops.doctor.finding import Finding, advice, mend, unseen
from ops.doctor.forms import OVERLAY, PATH
from ops.doctor.mapping import LONGEST, Showing, proxies
from ops.doctor.stack import Stack
from ops.doctor.uses import Uses

_LONGEST_TRANSFORMATIONS = 400  # characters that template.yaml takes
_MOST_404S = 5
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
    for each in refusals:
        if each.status not in (401, 403):
            yield unseen(f"{each.call} has no usable answer: {each.message}", "Try again later.")


def about_account(
    account: Account, found: Sequence[Showing], buckets: Sequence[str], addresses: Sequence[str]
) -> Iterator[Finding]:
    """What is worth knowing of the URL-endpoints, and buckets that none of them shows."""
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
    for each in found:
        if each.before:
            yield advice(
                f"{_named(each.endpoint)} tries {', '.join(each.before)} before "
                f"s3://{each.bucket}/{each.folder}: an object that is there too hides the bucket's.",
                "Nothing, if they have no keys in common. Purges of hidden objects are wasted.",
            )
    for endpoint in dict.fromkeys(each.endpoint for each in found):
        if endpoint.rewriter:
            yield advice(
                f"{_named(endpoint)} has the URL rewriter {endpoint.rewriter}: objects have further URLs in "
                "the syntax of that service.",
                "URLs whose parameters are in the path are covered by no setting; --pages counts them.",
            )
    for endpoint in proxies(account):
        yield advice(
            f"{_named(endpoint)} has a web proxy: it shows any object that has a URL of its own, such as "
            "https://my-bucket.s3.amazonaws.com/key.",
            "Purges do not cover such URLs; --pages counts them.",
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


def about_uses(
    found: Uses, map_endpoints: Sequence[str], transformations: Sequence[str]
) -> Iterator[Finding]:
    """URLs in use that no setting covers, and path transformations that cost purges."""
    for use in found.uses:
        if not use.covered:
            lies = use.place in map_endpoints or use.form == OVERLAY
            yield mend(
                f"No setting covers {use.count} URL{'s' if use.count > 1 else ''} in use of the form "
                f"{' '.join(filter(None, (use.form.name, use.marker)))}, such as {use.example}",
                use.form.remedy.format(marker=use.marker)
                if lies
                else f"UrlMap has no entry for {use.place}: add one if this address shows the bucket.",
            )
    for host in found.hosts:
        yield unseen(
            f"URLs of {host} look as ImageKit's do, but the host is not known as yours.",
            f"If it is your custom domain, name it: --url-endpoint {host}",
        )
    if found.uses:
        used = {use.marker for use in found.uses if use.form == PATH}
        for each in transformations:
            if each not in used:
                yield advice(
                    f"PathTransformations has {each}, but none of these pages uses it in a path.",
                    "If no other page does, remove it: each change then costs fewer purges.",
                )


def about_variants(
    cost: Cost,
    named: Sequence[NamedTransformation] | None,
    set_already: Sequence[str],
    *,
    query_variants: bool,
) -> Iterator[Finding]:
    """Path transformations that should be queries, and named ones that are not there."""
    enabled = {each.name for each in named or () if each.enabled}
    for variant in cost.variants:
        name = variant.transformation.removeprefix("tr:n-")
        if named is not None and name != variant.transformation and name not in enabled:
            yield mend(
                f"{variant.transformation}: the account has no such named transformation, or it is disabled.",
                "Remove it from PathTransformations, or correct it.",
            )
        elif query_variants and variant.transformation in set_already:
            query = variant.transformation.replace("tr:", "?tr=", 1)
            yield advice(
                f"{variant.transformation} in a path adds {_purges(variant.purges)} to each change.",
                f"Write it as a query in your pages ({query}): the plain purge covers it at no cost.",
            )


def about_usage(
    usage: Usage, transformations: Sequence[str], urls: Sequence[str], settings: Settings
) -> Iterator[Finding]:
    """What visitors asked for that the settings may not cover. The `urls` of pages show where it stands."""
    others = [
        each
        for each in usage.transformations
        if each.name not in transformations
        and not any(each.name.removeprefix("tr:") in unquote(url) for url in urls)
    ]
    if others:
        shown = ", ".join(f"{each.name} ({each.requests})" for each in others[:5])
        yield advice(
            f"Visitors ask for these transformations the most: {shown}. The API does not say whether they "
            "are in the path or in the query of a URL.",
            "In a query they are covered. For the path, run --pages on your pages or on a log.",
        )
    if usage.missing:
        shown = ", ".join(f"{each.name} ({each.requests})" for each in usage.missing[:_MOST_404S])
        yield advice(
            f"Visitors were answered 404 the most at: {shown}",
            "The CDN keeps a 404, too. If your pages link to objects before they exist, set "
            "SkipNewObjects=false, so that new objects are purged."
            if settings.skip_new_objects
            else "Correct the links, or upload the objects: SkipNewObjects=false purges the 404 then.",
        )


def about_limits(url_map: str, transformations: Sequence[str], cost: Cost) -> Iterator[Finding]:
    """Settings that are too long, and a quota that is too small."""
    if len(url_map) > LONGEST:
        yield mend(
            f"UrlMap would have {len(url_map)} characters; it takes {LONGEST}.",
            "Leave out entries that nobody uses, or deploy a stack for each part.",
        )
    length = len(" ".join(transformations))
    if length > _LONGEST_TRANSFORMATIONS:
        yield mend(
            f"PathTransformations would have {length} characters; it takes {_LONGEST_TRANSFORMATIONS}.",
            "Write some of them as queries.",
        )
    if cost.needed is not None and cost.needed > cost.left:
        yield advice(
            f"{cost.changes} changes a month need up to {cost.needed} purges; the quota leaves {cost.left} "
            "for changes. Changes that come together need fewer, and needless evictions are the price.",
            "Ask ImageKit for more and raise MonthlyPurgeQuota, or let fewer URLs show each object. "
            "docs/planner.md shows how to simulate your month.",
        )


def _named(endpoint: Endpoint) -> str:
    return f"URL-endpoint /{endpoint.prefix}" if endpoint.prefix else "The default URL-endpoint"


def _purges(count: int) -> str:
    return f"{count} purge{'s' if count > 1 else ''}"
