"""What the URLs in use, the path transformations, the usage and the quota give reason to say."""

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from ops.doctor.account import NamedTransformation, Usage
from ops.doctor.cost import Cost
from ops.doctor.domain import Settings
from ops.doctor.finding import Finding, advice, mend, unseen
from ops.doctor.forms import OVERLAY, PATH
from ops.doctor.mapping import LONGEST
from ops.doctor.uses import Uses

_LONGEST_TRANSFORMATIONS = 400  # characters that template.yaml takes
_MOST_404S = 5


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


def _purges(count: int) -> str:
    return f"{count} purge{'s' if count > 1 else ''}"
