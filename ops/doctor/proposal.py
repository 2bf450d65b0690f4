"""The settings to deploy with: those of the stack, and what the account and the pages need besides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.doctor.addresses import PLACEHOLDER
from ops.doctor.dependents import dependents
from ops.doctor.domain import InvalidSetting, Settings, UrlMap, settings_of, split_web_proxy
from ops.doctor.facts import Facts
from ops.doctor.finding import Finding, mend
from ops.doctor.forms import PROXY, SEO, VARIED
from ops.doctor.mapping import Entry, Showing, entries, text, web_place
from ops.doctor.uses import Sighting, places, sightings

_RENAME = "Give the folder a name without commas, equals signs and percent signs, or leave it out."


@dataclass(frozen=True, slots=True)
class Proposal:
    """Parameters of template.yaml, and findings about what none of them can have."""

    url_map: str
    """Empty if nothing is known that shows a bucket."""
    transformations: tuple[str, ...] = ()
    seo: bool = False
    dependents: tuple[str, ...] = ()
    """The entries of Dependents."""
    unfit: tuple[Finding, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that differ from their defaults, as texts."""
        every = {
            "UrlMap": self.url_map,
            "PathTransformations": " ".join(self.transformations),
            "SeoUrls": "true" if self.seo else "",
            "Dependents": " ".join(self.dependents),
        }
        return {name: value for name, value in every.items() if value}

    @property
    def settings(self) -> Settings:
        """The settings of a new stack: the defaults, with these parameters."""
        return _settings(self.url_map, self.transformations, self.dependents, seo=self.seo)


def of_stack(facts: Facts) -> Proposal | None:
    """The parameters as the stack has them, if there is one."""
    if facts.stack is None:
        return None
    stack = facts.stack
    seo = any(root.seo for root in stack.settings.url_map.roots)
    return Proposal(
        stack.url_map_text,
        stack.transformations,
        seo,
        tuple(stack.parameters.get("Dependents", "").split()),
    )


def propose(facts: Facts, found: Sequence[Showing], known: Sequence[str], *, right: bool) -> Proposal:
    """The proposal. `known` are the account's addresses. `right`: the UrlMap of the stack is."""
    now = of_stack(facts)
    plain, unfit_entries = _url_map(facts, found, known, right=right)
    settings = facts.stack.settings if facts.stack else _settings(plain)
    where = places(facts.account.endpoints or (), known, settings.url_map)
    seen = tuple(sightings(facts.urls or (), where, settings.url_map))
    buckets = [each.name for each in facts.buckets]
    url_map = ",".join(filter(None, [plain, text(_proxied(plain, seen, buckets))]))
    wanted, unfit = _transformations(now, url_map, seen)
    shown_by, unfit_dependents = dependents(now.dependents if now else (), url_map, seen, settings)
    seo = (now is not None and now.seo) or any(each.found.form == SEO for each in seen)
    return Proposal(url_map, wanted, seo, shown_by, (*unfit_entries, *unfit, *unfit_dependents))


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
    # The account tells nothing about the entries of web proxies, so they stay.
    roots = facts.stack.settings.url_map.roots if facts.stack else ()
    fit += [Entry(root.bucket, root.folder, root.endpoint) for root in roots if root.web_proxy and root.plain]
    return text(fit), tuple(unfit)


def _proxied(url_map: str, seen: Iterable[Sighting], buckets: Sequence[str]) -> tuple[Entry, ...]:
    """Entries for the buckets' URLs that pages have behind a web proxy, and that the UrlMap does not have."""
    roots = UrlMap.parse(url_map).roots if url_map else ()
    have = [split_web_proxy(root.endpoint) for root in roots]
    needed: dict[Entry, None] = {}
    for each in seen:
        source = each.found.source
        place = web_place(source) if each.found.form == PROXY else None
        there = any(where == each.place and f"{url}/".startswith(f"{source}/") for where, url in have)
        if place and place[0] in buckets and not there:
            needed[Entry(*place, f"{each.place}/{source}")] = None
    return tuple(needed)


def _transformations(
    now: Proposal | None, url_map: str, seen: Iterable[Sighting]
) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """The path transformations of the stack and of the pages, and findings about those that cannot be set."""
    used = [each.found.marker for each in seen if each.found.form in VARIED and each.found.marker]
    wanted: list[str] = []
    unfit: list[Finding] = []
    for each in dict.fromkeys([*(now.transformations if now else ()), *used]):
        try:
            _settings(url_map, [each])
        except InvalidSetting as error:
            unfit.append(mend(f"PathTransformations cannot have {each}: {error}", "Write it as a query."))
        else:
            wanted.append(each)
    return tuple(wanted), tuple(unfit)


def _settings(
    url_map: str, transformations: Iterable[str] = (), shown_by: Iterable[str] = (), *, seo: bool = False
) -> Settings:
    """The settings of a new stack. Raises InvalidSetting."""
    environ = {
        "URL_MAP": url_map or f"*={PLACEHOLDER}",
        "PATH_TRANSFORMATIONS": " ".join(transformations),
        "SEO_URLS": str(seo).lower(),
        "DEPENDENTS": " ".join(shown_by),
    }
    return settings_of(environ)
