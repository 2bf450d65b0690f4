"""What the URLs in use, the path transformations, the usage and the quota give reason to say."""

from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from ops.doctor.account import NamedTransformation, Usage
from ops.doctor.cost import Cost
from ops.doctor.domain import Settings
from ops.doctor.finding import Finding, advice, mend, unseen
from ops.doctor.forms import PATH, PROXY, SEO, VARIED
from ops.doctor.limits import LONGEST
from ops.doctor.mapping import web_place
from ops.doctor.proposal import Proposal
from ops.doctor.uses import Use, Uses, endpoints_of

_MOST_404S = 5
# A URL that was answered 404 no more often may have been asked for by the stack alone: its freshness check
# asks once for each Completed purge, also for that of a removed object.
_OWN_404S = 5
_SET_ALREADY = "The setting is there, but not for this key: see IgnoreKeys, and docs/url-forms.md."


def about_uses(found: Uses, settings: Settings, buckets: Sequence[str]) -> Iterator[Finding]:
    """URLs in use that the settings do not cover, and hosts that are not known."""
    for use in found.uses:
        if use.covered:
            continue
        urls = f"{use.count} URL{'s' if use.count > 1 else ''} in use of the form {use.named}"
        if use.form == PROXY and (web_place(use.source) or ("", ""))[0] not in buckets:
            yield advice(
                f"It is not known whether {urls}, such as {use.example}, show the bucket.",
                f"If they do: {_remedy(use, settings)}",
            )
        else:
            yield mend(f"The settings do not cover {urls}, such as {use.example}", _remedy(use, settings))
    for host in found.hosts:
        yield unseen(
            f"URLs of {host} look as ImageKit's do, but the host is not known as yours.",
            f"If it is your custom domain, name it: --url-endpoint {host}",
        )


def _remedy(use: Use, settings: Settings) -> str:
    roots = settings.url_map.roots
    if use.form != PROXY and use.place not in endpoints_of(settings.url_map):
        return f"UrlMap has no entry for {use.place}: add one if this address shows the bucket."
    texts = [use.form.remedy]
    if use.form in (SEO, PROXY):
        # Such a URL may need two settings.
        whole = f"{use.place}/{use.source}/"
        is_set = any(root.seo if use.form == SEO else f"{root.endpoint}/".startswith(whole) for root in roots)
        varied = not use.marker or any(root.transformation == use.marker for root in roots)
        texts = [*(() if is_set else texts), *(() if varied else [PATH.remedy])]
    remedy = " ".join(texts) or _SET_ALREADY
    return remedy.format(marker=use.marker, place=use.place, source=use.source)


def about_unused(found: Uses, in_force: Proposal) -> Iterator[Finding]:
    """Settings that cost purges although no page needs them."""
    if not found.uses:
        return
    used = {use.marker for use in found.uses if use.form in VARIED}
    for each in in_force.transformations:
        if each not in used:
            yield advice(
                f"PathTransformations has {each}, but none of these pages uses it in a path.",
                "If no other page does, remove it: each change then costs fewer purges.",
            )
    if in_force.seo and all(use.form != SEO for use in found.uses):
        yield advice(
            "SeoUrls is true, but none of these pages uses an SEO-friendly URL.",
            "If no other page does, set SeoUrls=false: each change then costs fewer purges.",
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
        name = variant.text.removeprefix("tr:n-")
        if named is not None and name != variant.text and name not in enabled:
            yield mend(
                f"{variant.text}: the account has no such named transformation, or it is disabled.",
                "Remove it from PathTransformations, or correct it.",
            )
        elif query_variants and variant.text in set_already and variant.text.startswith("tr:"):
            query = variant.text.replace("tr:", "?tr=", 1)
            yield advice(
                f"{variant.text} in a path adds {_purges(variant.purges)} to each change.",
                f"Write it as a query in your pages ({query}): the plain purge covers it at no cost.",
            )


def about_usage(
    usage: Usage,
    transformations: Sequence[str],
    urls: Sequence[str],
    settings: Settings,
    *,
    checked: bool,
) -> Iterator[Finding]:
    """What visitors asked for that the settings may not cover. The `urls` of pages show where it stands.
    `checked`: a stack is deployed, whose freshness check may ask for URLs of removed objects."""
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
    missing = [each for each in usage.missing if not checked or each.requests > _OWN_404S]
    if missing:
        shown = ", ".join(f"{each.name} ({each.requests})" for each in missing[:_MOST_404S])
        yield advice(
            f"Visitors were answered 404 the most at: {shown}",
            "The CDN keeps a 404, too. If your pages link to objects before they exist, set "
            "SkipNewObjects=false, so that new objects are purged."
            if settings.skip_new_objects
            else "Correct the links, or upload the objects: SkipNewObjects=false purges the 404 then.",
        )


_SHORTER = {
    "UrlMap": "Leave out entries that nobody uses, or deploy a stack for each part.",
    "PathTransformations": "Write some of them as queries.",
    "Dependents": "Write a wildcard of a folder above several of these URLs, or a pattern for several keys.",
}


def about_limits(proposal: Proposal, cost: Cost) -> Iterator[Finding]:
    """Settings that are too long, and a quota that is too small."""
    for name, longest in LONGEST.items():
        length = len(proposal.parameters.get(name, ""))
        if length > longest:
            yield mend(f"{name} would have {length} characters; it takes {longest}.", _SHORTER[name])
    if cost.needed is not None and cost.needed > cost.left:
        yield advice(
            f"{cost.changes} changes a month need up to {cost.needed} purges; the quota leaves {cost.left} "
            "for changes. Changes that come together need fewer, and needless evictions are the price.",
            "Ask ImageKit for more and raise MonthlyPurgeQuota, or let fewer URLs show each object. "
            "docs/planner.md shows how to simulate your month.",
        )


def _purges(count: int) -> str:
    return f"{count} purge{'s' if count > 1 else ''}"
