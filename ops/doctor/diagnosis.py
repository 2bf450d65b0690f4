"""From what ImageKit, AWS and pages say to a proposal and findings. It asks nobody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ops.doctor import findings, findings_of_use
from ops.doctor.account import Account, KeyCheck, KeyState
from ops.doctor.addresses import PLACEHOLDER, addresses
from ops.doctor.bucket import Bucket
from ops.doctor.comparison import compare, plain_roots
from ops.doctor.cost import Cost, cost
from ops.doctor.domain import InvalidSetting, Settings, UrlMap, settings_of
from ops.doctor.finding import Finding, Severity, mend
from ops.doctor.forms import PATH
from ops.doctor.mapping import Entry, Showing, entries, showings, text
from ops.doctor.stack import Stack
from ops.doctor.uses import Uses, places, uses

_RENAME = "Give the folder a name without commas, equals signs and percent signs, or leave it out."


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was asked and given. `unseen` are findings of the asking itself."""

    account: Account
    buckets: tuple[Bucket, ...]
    stack: Stack | None = None
    key: KeyCheck | None = None
    """The check of the key that the stack purges with."""
    reader: KeyState = KeyState.UNKNOWN
    """The state of the key that asked for the account."""
    given: tuple[str, ...] = ()
    """URL-endpoints of the account, as the user named them."""
    urls: tuple[str, ...] | None = None
    """Those of pages and logs; None if none were given."""
    changes: int | None = None
    unseen: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A proposal with its cost, the forms of URLs in use, and what is wrong, the worst first."""

    facts: Facts
    addresses: tuple[str, ...]
    showings: tuple[Showing, ...]
    url_map: str
    """Empty if nothing is known that shows a bucket."""
    transformations: tuple[str, ...]
    cost: Cost | None
    uses: Uses
    findings: tuple[Finding, ...]

    @property
    def well(self) -> bool:
        """Whether all was seen, and nothing is to be mended."""
        return all(each.severity == Severity.ADVICE for each in self.findings)


def diagnose(facts: Facts) -> Diagnosis:
    """Put everything together."""
    account, stack = facts.account, facts.stack
    names = tuple(bucket.name for bucket in facts.buckets)
    found = showings(account, names)
    named = (*facts.given, *(root.endpoint for root in (plain_roots(stack) if stack else ())))
    known = addresses(
        named,
        (each.name for each in (account.usage.assets if account.usage else ())),
        facts.urls or (),
    )
    compared = compare(stack, account, known) if stack else ()
    url_map, unfit_entries = _url_map(
        facts, found, known, right=all(each.severity != Severity.MEND for each in compared)
    )
    wanted, unfit = _transformations(facts, url_map, known)
    settings = stack.settings if stack else _settings(url_map, wanted)
    in_use = uses(facts.urls or (), places(account.endpoints or (), known, settings.url_map), settings)
    price = cost(url_map, wanted, settings, facts.changes) if url_map else None
    in_force = stack.transformations if stack else wanted
    queries = settings.query_variants
    everything = [
        *facts.unseen,
        *(findings.about_stack_key(facts.key) if facts.key else ()),
        *findings.about_refusals(account.refusals, facts.reader),
        *findings.about_account(account, found, names, known, named),
        *unfit_entries,
        *compared,
        *(each for bucket in facts.buckets for each in findings.about_bucket(bucket, stack)),
        *unfit,
        *findings_of_use.about_uses(
            in_use,
            [root.endpoint for root in settings.url_map.roots],
            stack.transformations if stack else (),
        ),
        *(
            findings_of_use.about_variants(price, account.named, in_force, query_variants=queries)
            if price
            else ()
        ),
        *(
            findings_of_use.about_usage(account.usage, wanted, facts.urls or (), settings)
            if account.usage
            else ()
        ),
        *(findings_of_use.about_limits(url_map, wanted, price) if price else ()),
    ]
    order = list(Severity)
    ordered = sorted(dict.fromkeys(everything), key=lambda each: order.index(each.severity))
    return Diagnosis(facts, known, found, url_map, wanted, price, in_use, tuple(ordered))


def _url_map(
    facts: Facts, found: Sequence[Showing], known: Sequence[str], *, right: bool
) -> tuple[str, tuple[Finding, ...]]:
    """The proposed UrlMap, and findings about entries that cannot be set.

    It is the stack's own text if that is `right`, or if the account was not seen: an entry for a part of what
    an endpoint shows may be meant.
    """
    seen = facts.account.endpoints is not None and facts.account.origins is not None
    if facts.stack and (right or not seen):
        return facts.stack.url_map_text, ()
    names = tuple(bucket.name for bucket in facts.buckets)
    any_bucket = facts.stack is not None and facts.stack.owns_bucket and names == facts.stack.buckets
    fit: list[Entry] = []
    unfit: list[Finding] = []
    for entry in entries(found, known or (PLACEHOLDER,), any_bucket=any_bucket):
        try:
            UrlMap.parse(str(entry))
        except InvalidSetting as error:
            unfit.append(mend(f"An endpoint shows {entry.bucket}/{entry.folder}, but {error}", _RENAME))
        else:
            fit.append(entry)
    return text(fit), tuple(unfit)


def _transformations(
    facts: Facts, url_map: str, known: Sequence[str]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The path transformations of the stack and of the pages, and findings about those that cannot be set."""
    settings = facts.stack.settings if facts.stack else _settings(url_map, ())
    in_use = uses(facts.urls or (), places(facts.account.endpoints or (), known, settings.url_map), settings)
    used = [use.marker for use in in_use.uses if use.form == PATH]
    wanted: list[str] = []
    unfit: list[Finding] = []
    for each in dict.fromkeys([*(facts.stack.transformations if facts.stack else ()), *used]):
        try:
            _settings(url_map, [each])
        except InvalidSetting as error:
            unfit.append(mend(f"PathTransformations cannot have {each}: {error}", "Write it as a query."))
        else:
            wanted.append(each)
    return tuple(wanted), tuple(unfit)


def _settings(url_map: str, transformations: Sequence[str]) -> Settings:
    """The settings of a new stack: the defaults, with these. Raises InvalidSetting."""
    environ = {"URL_MAP": url_map or f"*={PLACEHOLDER}", "PATH_TRANSFORMATIONS": " ".join(transformations)}
    return settings_of(environ)


def as_json(diagnosis: Diagnosis) -> dict[str, object]:
    """The diagnosis as an object of JSON. It has no secret."""
    price = diagnosis.cost
    return {
        "url_map": diagnosis.url_map,
        "path_transformations": list(diagnosis.transformations),
        "cost": price
        and {
            "purges_for_a_change": price.purges,
            "plain": price.plain,
            "variants": {each.transformation: each.purges for each in price.variants},
            "quota": price.quota,
            "left_for_changes": price.left,
            "most_changes": price.most_changes,
            "changes": price.changes,
            "purges_for_the_changes": price.needed,
        },
        "addresses": list(diagnosis.addresses),
        "url_endpoints": list(_endpoints(diagnosis)),
        "buckets": [
            {
                "name": bucket.name,
                "region": bucket.region,
                "keeps_versions": bucket.keeps_versions,
                "sends_to_event_bridge": bucket.sends_to_event_bridge,
            }
            for bucket in diagnosis.facts.buckets
        ],
        "urls": [
            {
                "place": use.place,
                "form": use.form.name,
                "variant": use.marker,
                "setting": use.form.setting,
                "covered": use.covered,
                "count": use.count,
                "example": use.example,
            }
            for use in diagnosis.uses.uses
        ],
        "findings": [
            {"severity": each.severity.value, "what": each.what, "remedy": each.remedy}
            for each in diagnosis.findings
        ],
    }


def _endpoints(diagnosis: Diagnosis) -> Iterator[dict[str, object]]:
    for endpoint in diagnosis.facts.account.endpoints or ():
        shown = [each for each in diagnosis.showings if each.endpoint == endpoint]
        yield {
            "prefix": endpoint.prefix,
            "rewriter": endpoint.rewriter,
            "shows": [f"s3://{each.bucket}/{each.folder}" for each in shown],
        }
