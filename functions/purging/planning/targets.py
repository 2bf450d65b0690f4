"""Changed objects, and their purge targets: the URLs that show them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from purging.changes import Change, ObjectChange, UrlChange
from purging.urls import Root, UrlMap, wildcard_allowed

PART_WILDCARDS = ("/ik-*", "?*")
"""What follows the URL of an object in the URLs of its variants. A wildcard is a prefix of the text of a URL
(https://imagekit.io/docs/cache-purge), so each of these reaches no other object."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangedObject:
    """An object (or a URL that a person asked to purge) with all its pending changes. One purge after the
    last of them covers them all. `manual`: a person asked for it."""

    changes: tuple[Change, ...]
    manual: bool
    since: float = field(init=False)
    """When the first of the changes happened, in unix seconds."""

    def __post_init__(self) -> None:
        since = min([change.occurred_at.timestamp() for change in self.changes])
        object.__setattr__(self, "since", since)

    @property
    def may_be_new(self) -> bool:
        """Whether the object may be new: its changes only created versions."""
        return not self.manual and all(
            isinstance(change, ObjectChange)
            and change.kind == "created"
            and change.version_id not in (None, "null")
            for change in self.changes
        )


@dataclass(frozen=True, slots=True, eq=False)
class PurgeTarget:
    """One URL of a changed object, to be purged as `url`, or as `exact` if ImageKit refuses `url`. Both are
    the same wildcard for all SEO-friendly URLs of an object.

    `bucket`, `key` and `root` say where the URL comes from. A URL that a person asked to purge has no root,
    and neither has one that depends on the object.
    """

    changed_object: ChangedObject
    url: str
    exact: str
    bucket: str = ""
    key: str = ""
    root: Root | None = None

    @property
    def is_part(self) -> bool:
        """Whether this is a part in `*` of a target with variants: see `parts`."""
        return self.root is not None and self.url != self.exact and self.exact.endswith("*")

    @property
    def with_variants(self) -> bool:
        """Whether `url` is `exact` followed by a `*`, which purges all variants of an object's URL."""
        return self.root is not None and self.url.endswith("*") and not self.exact.endswith("*")

    def parts(self) -> tuple["PurgeTarget", ...]:
        """Split a target with variants into purges that evict no other object.

        These are the URL itself, its query variants, and what ImageKit derives from a file, such as
        `/ik-thumbnail.jpg` and `/ik-video.mp4` (https://imagekit.io/docs/video-transformation). If ImageKit
        refuses one of them, the target is purged as a whole.
        """
        itself = replace(self, url=self.exact)
        return itself, *(
            replace(self, url=f"{self.exact}{variants}", exact=self.url) for variants in PART_WILDCARDS
        )


def changed_objects(changes: Iterable[tuple[Change, bool]]) -> list[ChangedObject]:
    """Group changes by object, without repeats, in the order in which the objects first appear.

    Each change comes with whether it is manual. One manual change makes the whole object manual.
    """
    by_subject: dict[tuple[str, str], list[Change]] = defaultdict(list)
    manual: set[tuple[str, str]] = set()
    for change, is_manual in changes:
        by_subject[change.subject].append(change)
        if is_manual:
            manual.add(change.subject)
    return [ChangedObject(_distinct(each), subject in manual) for subject, each in by_subject.items()]


def _distinct(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes without repeats. Most objects have a single one, so most identities are never needed."""
    if len(changes) == 1:
        return tuple(changes)
    return tuple({change.identity: change for change in changes}.values())


def targets_of(
    changed_object: ChangedObject, url_map: UrlMap, *, query_variants: bool, refused: frozenset[str]
) -> Iterator[PurgeTarget]:
    """Yield a target for each URL that shows the object, or depends on it. `refused` are wildcards that
    ImageKit refused.

    A key that ends in a slash is a folder marker. It has no variants: its wildcard would be the folder's.
    """
    change = changed_object.changes[0]
    if isinstance(change, UrlChange):
        yield PurgeTarget(changed_object, url=change.url, exact=change.url)
        return
    query_variants = query_variants and not change.key.endswith("/")
    for root in url_map.roots_of(change):
        exact = url = root.url(change.key)
        if (
            query_variants
            and not root.seo
            and f"{exact}*" not in refused
            and wildcard_allowed(root.path(exact))
        ):
            url = f"{exact}*"
        yield PurgeTarget(changed_object, url, exact, change.bucket, change.key, root)
    for url in url_map.dependents.of(change.key):
        yield PurgeTarget(changed_object, url, url)
