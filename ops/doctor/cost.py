"""What a change costs: how many purges, and how many changes the month's quota takes."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ops.doctor.domain import Settings, UrlMap
from ops.doctor.proposal import Proposal


@dataclass(frozen=True, slots=True)
class Variant:
    """A path transformation or a pattern of Dependents, and the purges that it adds to a change."""

    text: str
    purges: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Purges for the change of one object that changes alone. Changes of neighbours may share a wildcard."""

    plain: int
    """For the plain URLs: one for each entry of the UrlMap that shows the object."""
    proxied: int
    """For the URLs of a web proxy, likewise."""
    queries: bool
    """Whether these purges also cover the queries."""
    variants: tuple[Variant, ...]
    seo: int
    """For SEO-friendly URLs."""
    dependents: tuple[Variant, ...]
    """What comes on top for an object that matches a pattern of Dependents."""
    quota: int
    left: int
    """The part of the quota that changes may use."""
    changes: int | None = None
    """The changes a month that the user expects."""

    @property
    def purges(self) -> int:
        """For a change, all in all, without Dependents."""
        return self.plain + self.proxied + sum(variant.purges for variant in self.variants) + self.seo

    @property
    def most_changes(self) -> int:
        """The changes a month that the quota takes if each object changes alone."""
        return self.left // self.purges

    @property
    def needed(self) -> int | None:
        """The purges for the changes that the user expects."""
        return None if self.changes is None else self.changes * self.purges


def cost(proposal: Proposal, settings: Settings, changes: int | None) -> Cost:
    """Count the purges of a change by the functions' own code. `settings` give quota and QueryVariants.

    Raises InvalidSetting for a wrong text.
    """
    alone = UrlMap.parse(proposal.url_map)
    whole = alone.most_urls
    direct = tuple(root for root in alone.roots if not root.web_proxy)
    plain = replace(alone, roots=direct).most_urls if direct else 0
    variants = tuple(
        Variant(each, UrlMap.parse(proposal.url_map, [each]).most_urls - whole)
        for each in proposal.transformations
    )
    varied = UrlMap.parse(proposal.url_map, proposal.transformations)
    all_forms = UrlMap.parse(proposal.url_map, proposal.transformations, seo=proposal.seo)
    return Cost(
        plain,
        whole - plain,
        settings.query_variants,
        variants,
        all_forms.most_urls - varied.most_urls,
        tuple(_dependents(proposal)),
        settings.monthly_quota,
        settings.automatic_quota,
        changes,
    )


def _dependents(proposal: Proposal) -> Iterable[Variant]:
    """The purges for an object that matches a pattern: one for each of its URLs."""
    every = UrlMap.parse(proposal.url_map, dependent=" ".join(proposal.dependents)).dependents.all
    for pattern in dict.fromkeys(each.pattern for each in every):
        yield Variant(pattern, len({each.url for each in every if each.pattern == pattern}))
