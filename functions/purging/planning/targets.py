"""What must be purged: the URLs of pending changes that no submitted purge covers yet. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from purging.changes import Change, ObjectChange, UrlChange
from purging.ledger.changesets import ChangeSet
from purging.urls import Root, UrlMap, wildcard_allowed

PART_WILDCARDS = ("/ik-*", "?*")
"""What stands behind the URL of an object in its variants' URLs. A wildcard is a prefix of the text of a URL
(ImageKit documentation, "Cache purge"), so that each of these reaches no other object."""


@dataclass(frozen=True, slots=True, eq=False)
class ChangedObject:
    """All waiting changes of one object (or URL): one purge after the last of them serves them all."""

    changes: tuple[Change, ...]
    manual: bool

    @property
    def since(self) -> float:
        """When the first of the changes happened, in unix seconds."""
        return min(change.occurred_at.timestamp() for change in self.changes)

    @property
    def may_be_new(self) -> bool:
        """Whether the object may never have existed before: only a bucket with versions can tell."""
        return not self.manual and all(
            isinstance(change, ObjectChange)
            and change.kind == "created"
            and change.version_id not in (None, "null")
            for change in self.changes
        )


@dataclass(frozen=True, slots=True, eq=False)
class PurgeTarget:
    """That one URL of a pending object be purged: as `url`, or as `exact` if ImageKit refuses `url`.

    `bucket`, `key` and `root` say where the URL comes from; a URL that someone asked for has no root.
    """

    changed_object: ChangedObject
    url: str
    exact: str
    bucket: str = ""
    key: str = ""
    root: Root | None = None

    @property
    def with_variants(self) -> bool:
        """Whether all variants of an object's URL are meant, so that `url` is `exact` and a `*`."""
        return self.root is not None and self.url.endswith("*") and not self.exact.endswith("*")

    def parts(self) -> tuple["PurgeTarget", ...]:
        """The same for what has variants, in purges that evict no other object: the URL itself, its query
        variants, and what ImageKit derives from a file (`/ik-thumbnail.jpg`, `/ik-video.mp4` and so on:
        ImageKit documentation, "Video API" and "Image transformation"). What ImageKit refuses of it is
        purged as `url`."""
        itself = replace(self, url=self.exact)
        return itself, *(
            replace(self, url=f"{self.exact}{variants}", exact=self.url) for variants in PART_WILDCARDS
        )


def gather(sets: Iterable[ChangeSet]) -> list[ChangedObject]:
    """The changes of all sets by object, without repeats, in the order they first appear."""
    changes: dict[tuple[str, str], dict[bytes, Change]] = defaultdict(dict)
    manual: set[tuple[str, str]] = set()
    for change_set in sets:
        for change in change_set.changes:
            changes[change.subject][change.identity] = change
            if change_set.manual:
                manual.add(change.subject)
    return [ChangedObject(tuple(each.values()), subject in manual) for subject, each in changes.items()]


def targets_of(
    pending: ChangedObject, url_map: UrlMap, *, query_variants: bool, refused: frozenset[str]
) -> Iterator[PurgeTarget]:
    """One need for each URL that shows the object. `refused` are wildcards that ImageKit did not accept.

    A key that ends in a slash is a folder marker: it has no variants, and its wildcard would be the folder's.
    """
    change = pending.changes[0]
    if isinstance(change, UrlChange):
        yield PurgeTarget(pending, url=change.url, exact=change.url)
        return
    query_variants = query_variants and not change.key.endswith("/")
    for root in url_map.roots_of(change):
        exact = url = root.url(change.key)
        if query_variants and f"{exact}*" not in refused and wildcard_allowed(root.path(exact)):
            url = f"{exact}*"
        yield PurgeTarget(pending, url, exact, change.bucket, change.key, root)
