"""The explanation of an object, from facts: its URLs, what became of them, and what that means. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from purging.answers.holding import Held, held
from purging.answers.reading import FOLLOWED_SECONDS, ObjectFacts, Wanted, reaches
from purging.answers.status import as_json
from purging.answers.times import iso, iso_or_none
from purging.changes import ObjectChange
from purging.events.questions import NamedObject
from purging.planning.coverage import Coverage
from purging.planning.targets import PART_WILDCARDS, ChangedObject, PurgeTarget, changed_objects, targets_of
from purging.purges import AcceptedPurge, FailingUrl
from purging.settings import Settings

_QUERY_VARIANT = "?"


@dataclass(frozen=True, slots=True)
class Shown:
    """One URL that shows the object. `last` is the last purge that covers it, `variants` the last one that
    covers its query variants, and `failing` what is known of its failed ones; None if there is none.
    `refused`: ImageKit refused the wildcard of its variants. `given_up_at`: when people were alerted that
    URLs of its endpoint were given up, or that it was given up if it depends on the object; unix seconds."""

    target: PurgeTarget
    last: AcceptedPurge | None
    variants: AcceptedPurge | None
    failing: FailingUrl | None
    refused: bool
    given_up_at: float | None

    @property
    def purges(self) -> list[AcceptedPurge]:
        """The last purges of the URL and of its variants."""
        return [purge for purge in (self.last, self.variants) if purge]


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known of an object. `waiting` are its pending changes that no accepted purge covers."""

    named: NamedObject
    ignored_by: str | None
    urls: Sequence[Shown]
    waiting: ChangedObject | None
    reasons: Sequence[Held]
    facts: ObjectFacts
    dry_run: bool
    query_variants: bool

    @property
    def without_variants(self) -> list[str]:
        """The plain URLs whose variants should be purged, and cannot be: their path is too short for a
        wildcard."""
        if not self.query_variants or self.named.key.endswith("/"):
            return []
        return [
            each.target.exact
            for each in self.urls
            if each.target.root
            and not each.target.root.seo
            and not each.target.with_variants
            and not each.refused
        ]

    @property
    def served(self) -> bool:
        """Whether the object has URLs of its own, and not only URLs that depend on it."""
        return any(each.target.root for each in self.urls)


def wanted(named: NamedObject, settings: Settings) -> Wanted:
    """Return what explains an object: URLs, and places of alerts. URLs in `*` are wildcards.

    A purge of the variants of a URL reaches the URL followed by the beginning of a variant.
    """
    urls = settings.url_map.targets(named)
    parts = PART_WILDCARDS if settings.query_variants else ()
    variants = [f"{url}{part.removesuffix('*')}" for url in urls for part in parts]
    endpoints = (root.endpoint for root in settings.url_map.roots_of(named))
    places = dict.fromkeys([*endpoints, *settings.url_map.dependents.of(named.key)])
    return Wanted([*urls, *variants], list(places))


def findings(named: NamedObject, facts: ObjectFacts, settings: Settings) -> Findings:
    """Find out what the facts say about an object."""
    state = facts.conditions.state
    changed = next(iter(changed_objects(facts.pending)), None)
    urls = [
        _shown(target, facts)
        for target in targets_of(
            changed or _unchanged(named, facts.conditions.now),
            settings.url_map,
            query_variants=settings.query_variants,
            refused=state.refused,
        )
    ]
    waiting = changed
    if changed:
        coverage = Coverage(facts.last.values())
        waiting = None if not any(coverage.missing(each.target) for each in urls) else changed
    failing = {each.target.url: each.failing for each in urls if each.failing}
    return Findings(
        named,
        next((pattern for pattern in settings.ignore_keys if fnmatchcase(named.key, pattern)), None),
        urls,
        waiting,
        held(facts.conditions, settings, failing, manual=waiting.manual) if waiting else (),
        facts,
        settings.dry_run,
        settings.query_variants,
    )


def as_answer(found: Findings, why: str) -> dict[str, Any]:
    """Return the answer, as JSON has it. `why` is the explanation in sentences."""
    facts = found.facts
    return {
        "at": iso(facts.conditions.now),
        "bucket": found.named.bucket,
        "key": found.named.key,
        "why": why,
        "served": found.served,
        "ignored_by": found.ignored_by,
        "dry_run": found.dry_run,
        "pending": [
            {
                "kind": getattr(change, "kind", "asked for"),
                "occurred_at": iso(change.occurred_at.timestamp()),
                "manual": manual,
            }
            for change, manual in facts.pending
        ],
        "all_pending_searched": facts.searched_all,
        "covered": bool(facts.pending) and found.waiting is None,
        "held": as_json(found.reasons),
        "urls": [_url(each, facts.conditions.now) for each in found.urls],
        "all_purges_searched": facts.all_purges,
    }


def _shown(target: PurgeTarget, facts: ObjectFacts) -> Shown:
    state = facts.conditions.state
    parts = {part.url for part in target.parts()} if target.with_variants else set()
    concerned = (each for url, each in state.failing.items() if reaches(url, target.exact) or url in parts)
    return Shown(
        target,
        facts.last.get(target.exact),
        facts.last.get(f"{target.exact}{_QUERY_VARIANT}"),
        next(concerned, None),
        f"{target.exact}*" in state.refused,
        facts.given_up.get(target.root.endpoint if target.root else target.exact),
    )


def _url(shown: Shown, now: float) -> dict[str, Any]:
    return {
        "url": shown.target.exact,
        "purged_as": shown.target.url,
        "form": _form(shown.target),
        "transformation": shown.target.root.transformation if shown.target.root else "",
        "last_purge": _purge(shown.last, now),
        "last_purge_of_variants": _purge(shown.variants, now),
        "failing": {
            "attempts": shown.failing.attempts,
            "failed_at": iso(shown.failing.failed_at),
            "retry_at": iso(shown.failing.retry_at),
        }
        if shown.failing
        else None,
        "wildcard_refused": shown.refused,
        "endpoint_given_up_at": iso_or_none(shown.given_up_at),
    }


def _form(target: PurgeTarget) -> str:
    """`plain`, `seo` (the wildcard of SEO-friendly URLs), or `dependent`."""
    if target.root is None:
        return "dependent"
    return "seo" if target.root.seo else "plain"


def _purge(purge: AcceptedPurge | None, now: float) -> dict[str, Any] | None:
    if purge is None:
        return None
    return {
        "request_id": purge.request_id,
        "url": purge.url,
        "state": state_of(purge, now),
        "accepted_at": iso(purge.submitted_at),
        "completed_at": iso_or_none(purge.completed_at),
    }


def state_of(purge: AcceptedPurge, now: float) -> str:
    """Return `Completed`, `in flight`, or `never seen Completed` if nobody follows the purge any longer."""
    if purge.completed_at is not None:
        return "Completed"
    return "in flight" if purge.submitted_at >= now - FOLLOWED_SECONDS else "never seen Completed"


def _unchanged(named: NamedObject, now: float) -> ChangedObject:
    """The object as if it changed now: its URLs do not depend on its changes."""
    change = ObjectChange(named.bucket, named.key, "created", datetime.fromtimestamp(now, UTC))
    return ChangedObject((change,), manual=False)
