"""Which changes lie elsewhere: a large change, such as an upload, does not concern them."""

from collections import Counter
from collections.abc import Collection
from itertools import chain

from purging.planning.gathering import BURST_CHANGES
from purging.planning.targets import ChangedObject


def elsewhere(
    objects: Collection[ChangedObject], among: Collection[ChangedObject] | None = None
) -> set[ChangedObject]:
    """Return those `among` the changed objects (all, without it) that lie in no folder of a large change.

    Each object belongs to its deepest folder in which enough objects for a large change changed, or else to
    the bucket. If few belong to a folder, they are no large change. Of the bucket, only those `among` count:
    no wildcard joins its folders.
    """
    among = set(objects if among is None else among)
    folders = {each: _folders(*each.changes[0].subject) for each in objects}
    changed = Counter(chain.from_iterable(folders.values()))
    homes = {
        each: next((folder for folder in its if folder[1] and changed[folder] >= BURST_CHANGES), its[-1])
        for each, its in folders.items()
    }
    sizes = Counter(home for each, home in homes.items() if home[1] or each in among)
    return {each for each in among if sizes[homes[each]] < BURST_CHANGES}


def _folders(bucket: str, key: str) -> list[tuple[str, str]]:
    """The folders of a key, the deepest first; the bucket itself comes last."""
    parts = key.split("/")
    return [(bucket, "/".join(parts[:length])) for length in range(len(parts) - 1, -1, -1)]
