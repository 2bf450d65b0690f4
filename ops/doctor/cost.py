"""What a change costs: how many purges, and how many changes the month's quota takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.doctor.domain import Settings, UrlMap


@dataclass(frozen=True, slots=True)
class Variant:
    """A path transformation, and the purges that it adds to a change."""

    transformation: str
    purges: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Purges for the change of one object that changes alone. Changes of neighbours may share a wildcard."""

    plain: int
    """For the plain URLs: one for each entry of the UrlMap that shows the object."""
    queries: bool
    """Whether these purges also cover the queries."""
    variants: tuple[Variant, ...]
    quota: int
    left: int
    """The part of the quota that changes may use."""
    changes: int | None = None
    """The changes a month that the user expects."""

    @property
    def purges(self) -> int:
        """For a change, all in all."""
        return self.plain + sum(variant.purges for variant in self.variants)

    @property
    def most_changes(self) -> int:
        """The changes a month that the quota takes if each object changes alone."""
        return self.left // self.purges

    @property
    def needed(self) -> int | None:
        """The purges for the changes that the user expects."""
        return None if self.changes is None else self.changes * self.purges


def cost(url_map: str, transformations: Sequence[str], settings: Settings, changes: int | None) -> Cost:
    """Count the purges of a change by the functions' own code. Raises InvalidSetting for a wrong text."""
    plain = UrlMap.parse(url_map).most_urls
    variants = tuple(
        Variant(each, UrlMap.parse(url_map, [each]).most_urls - plain) for each in transformations
    )
    left = settings.automatic_quota
    return Cost(plain, settings.query_variants, variants, settings.monthly_quota, left, changes)
