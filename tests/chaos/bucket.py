"""An S3 bucket: keys with their versions, and S3's two listings of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

_LISTS = {"created": "Versions", "removed": "DeleteMarkers"}


class Version(NamedTuple):
    """`kind` is "created" or "removed"; when, truly and by S3's clock, in unix seconds."""

    kind: str
    time: float
    seen: float


class Bucket:
    """What stands in the bucket, and every version that ever did.

    `history` has the versions of each key, oldest first; a bucket without versions keeps it too, for the
    invariants, but lists none of it.
    """

    def __init__(self, *, versioned: bool) -> None:
        self.versioned = versioned
        self.history: dict[str, list[Version]] = {}

    def change(self, key: str, version: Version) -> str | None:
        """Create, overwrite or remove; the id of the version that it made."""
        versions = self.history.setdefault(key, [])
        versions.append(version)
        return f"v{len(versions)}" if self.versioned else None

    def holds(self, key: str) -> bool:
        """Whether the key exists now."""
        return key in self.history and self.history[key][-1].kind == "created"

    def page(self, operation: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ListObjectsV2 or ListObjectVersions, in full or a page of it."""
        most = int(query.get("max-keys", 1000))
        return {"ListObjectsV2": self._keys, "ListObjectVersions": self._versions}[operation](query, most)

    def _after(self, key: str, prefix: str) -> list[str]:
        """The keys after one that begin with a prefix, as S3 sorts."""
        return sorted(each for each in self.history if each > key and each.startswith(prefix))

    def _keys(self, query: Mapping[str, Any], most: int) -> dict[str, Any]:
        keys = [
            key
            for key in self._after(query.get("start-after", ""), query.get("prefix", ""))
            if self.holds(key)
        ]
        return {"IsTruncated": len(keys) > most, "Contents": [{"Key": key} for key in keys[:most]]}

    def _versions(self, query: Mapping[str, Any], most: int) -> dict[str, Any]:
        entries: list[tuple[str, dict[str, Any]]] = []
        for key in self._after(query.get("key-marker", ""), query.get("prefix", "")):
            if len(entries) > most:
                break
            if not self.versioned and not self.holds(key):
                continue
            kept = self.history[key] if self.versioned else self.history[key][-1:]
            entries += [
                (
                    _LISTS[each.kind],
                    _entry(key, each, number if self.versioned else 0, latest=number == len(kept)),
                )
                for number, each in reversed(list(enumerate(kept, 1)))
            ]
        page: dict[str, Any] = {"IsTruncated": len(entries) > most}
        for name, entry in entries[:most]:
            page.setdefault(name, []).append(entry)
        return page


def _entry(key: str, version: Version, name: str, *, latest: bool) -> dict[str, Any]:
    """A version in a listing."""
    return {
        "Key": key,
        "VersionId": name,
        "IsLatest": latest,
        # S3 tells whole seconds.
        "LastModified": datetime.fromtimestamp(int(version.seen), UTC),
    }
