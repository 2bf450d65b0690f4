"""From what ImageKit, AWS and pages say to a proposal and findings. It asks nobody."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.doctor import findings, findings_of_use
from ops.doctor.addresses import addresses
from ops.doctor.comparison import compare, plain_roots
from ops.doctor.cost import Cost, cost
from ops.doctor.facts import Facts
from ops.doctor.finding import Finding, Severity
from ops.doctor.mapping import Showing, showings
from ops.doctor.proposal import Proposal, of_stack, propose
from ops.doctor.uses import Uses, places, uses


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A proposal with its cost, the forms of URLs in use, and what is wrong, the worst first."""

    facts: Facts
    addresses: tuple[str, ...]
    showings: tuple[Showing, ...]
    proposal: Proposal
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
    proposal = propose(facts, found, known, right=all(each.severity != Severity.MEND for each in compared))
    settings = stack.settings if stack else proposal.settings
    in_use = uses(facts.urls or (), places(account.endpoints or (), known, settings.url_map), settings)
    price = cost(proposal, settings, facts.changes) if proposal.url_map else None
    in_force = of_stack(facts)
    everything = [
        *facts.unseen,
        *(findings.about_stack_key(facts.key) if facts.key else ()),
        *findings.about_refusals(account.refusals, facts.reader),
        *findings.about_account(account, found, names, known, named),
        *compared,
        *(each for bucket in facts.buckets for each in findings.about_bucket(bucket, stack)),
        *proposal.unfit,
        *findings_of_use.about_uses(in_use, settings, names),
        *(findings_of_use.about_unused(in_use, in_force) if in_force else ()),
        *(
            findings_of_use.about_variants(
                price,
                account.named,
                (in_force or proposal).transformations,
                query_variants=settings.query_variants,
            )
            if price
            else ()
        ),
        *(
            findings_of_use.about_usage(
                account.usage,
                proposal.transformations,
                facts.urls or (),
                settings,
                checked=stack is not None and settings.verify_freshness,
            )
            if account.usage
            else ()
        ),
        *(findings_of_use.about_limits(proposal, price) if price else ()),
    ]
    order = list(Severity)
    ordered = sorted(dict.fromkeys(everything), key=lambda each: order.index(each.severity))
    return Diagnosis(facts, known, found, proposal, price, in_use, tuple(ordered))


def as_json(diagnosis: Diagnosis) -> dict[str, object]:
    """The diagnosis as an object of JSON. It has no secret."""
    price, proposal = diagnosis.cost, diagnosis.proposal
    return {
        "url_map": proposal.url_map,
        "path_transformations": list(proposal.transformations),
        "seo_urls": proposal.seo,
        "dependents": list(proposal.dependents),
        "cost": price
        and {
            "purges_for_a_change": price.purges,
            "plain": price.plain,
            "web_proxy": price.proxied,
            "variants": {each.text: each.purges for each in price.variants},
            "seo_urls": price.seo,
            "dependents": {each.text: each.purges for each in price.dependents},
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
                "source": use.source,
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
