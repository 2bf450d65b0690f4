"""Why the CDN may still show an old image: the explanation of an object in sentences. Pure."""

from collections.abc import Iterator, Sequence

from purging.answers.explanation import Findings, Shown, state_of
from purging.answers.times import spoken
from purging.changes import Change

BROWSERS = (
    "Browsers keep an image for up to a year, whatever is purged: reload the page without its cache, or "
    "change the URL in the page, e.g. by ?v=2."
)
"""ImageKit sends `max-age=31536000`, and a purge does not reach browsers:
https://imagekit.io/docs/cdn-caching-and-purging"""

_OTHER_URLS = (
    "A URL of a form that the settings do not name, such as another path transformation, is a URL of "
    "its own, which no purge of these reaches (docs/url-forms.md)."
)


def why(found: Findings) -> str:
    """Return the answer to the question why the CDN still shows an old image, in plain sentences."""
    return " ".join([*_sentences(found), BROWSERS])


def _sentences(found: Findings) -> Iterator[str]:
    now, named = found.facts.conditions.now, found.named
    if not found.urls:
        yield (
            f"No entry of UrlMap serves the key {named.key!r} of the bucket {named.bucket!r}, so its changes "
            "are never purged. Add the bucket or the folder to UrlMap."
        )
        return
    if not found.served:
        yield "No entry of UrlMap serves the key, but Dependents names URLs that show the object."
    if found.ignored_by is not None:
        yield (
            f"The pattern {found.ignored_by!r} of IgnoreKeys matches the key, so its changes are not purged. "
            "Correct IgnoreKeys, or purge the key by hand."
        )
    if found.dry_run:
        yield "The stack is deployed with DryRun=true: it plans and counts purges, but makes none."
    if found.waiting:
        yield from _waiting(found, found.waiting.changes)
    elif not found.facts.searched_all:
        yield "More changes are pending than could be searched in time; one of this object may be among them."
    for url in found.urls:
        if url.failing:
            yield (
                f"ImageKit gave no usable answer to {url.failing.attempts} purges of {url.target.url}; the "
                f"next attempt comes after {spoken(url.failing.retry_at)}."
            )
    if not found.waiting:
        yield from _purged(found, now)
    yield from _variants(found)
    yield from _given_up(found)


def _waiting(found: Findings, changes: Sequence[Change]) -> Iterator[str]:
    """Sentences about changes for which a purge is still to be made."""
    latest = max(change.occurred_at for change in changes).timestamp()
    yield (
        f"The change of {spoken(latest)} is still pending: no accepted purge covers all URLs of the object, "
        "so the CDN still shows the old image."
    )
    for reason in found.reasons:
        until = f" The next attempt comes by {spoken(reason.until)}." if reason.until else ""
        yield f"{reason.detail}{until}"
    if not found.reasons:
        if found.facts.conditions.draining:
            yield "A drain is at work now, and takes it."
        else:
            yield "The next drain takes it, within a minute."


def _variants(found: Findings) -> Iterator[str]:
    """Sentences about variants that no purge reaches."""
    if any(url.refused for url in found.urls):
        yield "ImageKit refused the wildcard of some variants, so only the plain URLs are purged."
    if found.without_variants:
        yield (
            f"ImageKit accepts no wildcard for so short a path as that of {found.without_variants[0]}, so "
            "its variants, such as ?tr=w-300, are never purged: give the object a folder, or a longer name "
            "with an extension, or purge each variant by hand."
        )


def _given_up(found: Findings) -> Iterator[str]:
    """Sentences about URLs that people were alerted to, because they are given up."""
    dependent = {url.target.exact for url in found.urls if url.target.root is None}
    for place, at in found.facts.given_up.items():
        if place in dependent:
            yield (
                f"Since {spoken(at)}, {place} was given up, because ImageKit refuses it or gave no usable "
                "answer: correct Dependents."
            )
            continue
        yield (
            f"Since {spoken(at)}, URLs of {place} were given up, because ImageKit refuses them or gave no "
            'usable answer. This one may be among them: the log of SubmitPurge names each ("purge refused", '
            '"purge failed").'
        )


def _purged(found: Findings, now: float) -> Iterator[str]:
    """Sentences about the last purges, if nothing is pending."""
    missing = [url for url in found.urls if url.last is None]
    if missing:
        yield from _never(found, missing)
    for state, meaning in (
        (
            "in flight",
            "ImageKit accepted it at {at}, and was not seen to complete it yet. That usually takes minutes; "
            "until then the CDN may show the old image.",
        ),
        (
            "never seen Completed",
            "ImageKit accepted it at {at}, and was never seen to complete it. Nobody follows it any longer: "
            "purge the key by hand, and give the request id to ImageKit's support.",
        ),
    ):
        purges = [each for url in found.urls for each in url.purges if state_of(each, now) == state]
        if purges:
            last = max(purges, key=lambda purge: purge.submitted_at)
            yield f"The last purge is that of {last.url}: " + meaning.format(at=spoken(last.submitted_at))
    for url in found.urls:
        if url.last and not url.variants and url.target.with_variants and found.facts.all_purges:
            yield f"No purge of the last 40 days covers variants such as {url.target.exact}?tr=w-300."
    purges = [each for url in found.urls for each in url.purges]
    if not missing and all(each.completed_at is not None for each in purges):
        first = min(purges, key=lambda purge: purge.submitted_at)
        yield (
            f"Nothing is pending, and the last purge of every URL is Completed: accepted at "
            f"{spoken(first.submitted_at)}, by {first.url}. If the object changed after that, its event did "
            f"not come: see that EventBridge is on for the bucket, or purge the key by hand. {_OTHER_URLS}"
        )


def _never(found: Findings, missing: Sequence[Shown]) -> Iterator[str]:
    """Sentences about URLs that no purge covers."""
    which = "any of its URLs" if len(missing) == len(found.urls) else missing[0].target.exact
    if not found.facts.all_purges:
        yield f"Among the latest purges, none covers {which}; earlier ones could not be searched in time."
        return
    yield (
        f"Nothing is pending, and no purge of the last 40 days covers {which}. Either no event of a change "
        "came: see that EventBridge is on for the bucket. Or the object was new, so no cache could have an "
        f"older copy. {_OTHER_URLS}"
    )
