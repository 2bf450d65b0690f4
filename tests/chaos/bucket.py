"""An S3 bucket: keys with their versions, S3's two listings of them, and a lifecycle rule for old ones."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

_LISTS = {"created": "Versions", "removed": "DeleteMarkers"}
_DAY = 86_400.0


class Version(NamedTuple):
    """`kind` is "created" or "removed"; when, truly and by S3's clock, in unix seconds."""

    kind: str
    time: float
    seen: float


class Bucket:
    """What stands in the bucket, and every version that ever did.

    `history` has the versions of each key, oldest first; a bucket without versions keeps it too, for the
    invariants, but lists none of it. `expired` are those, by key and number, that a lifecycle rule deleted.
    """

    def __init__(self, *, versioned: bool) -> None:
        self.versioned = versioned
        self.history: dict[str, list[Version]] = {}
        self.expired: set[tuple[str, int]] = set()

    def change(self, key: str, version: Version) -> str | None:
        """Create, overwrite or remove; the id of the version that it made."""
        versions = self.history.setdefault(key, [])
        versions.append(version)
        return name_of(len(versions)) if self.versioned else None

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
        after = self._after(query.get("start-after", ""), query.get("prefix", ""))
        keys = [key for key in after if self.holds(key)]
        return {"IsTruncated": len(keys) > most, "Contents": [{"Key": key} for key in keys[:most]]}

    def _versions(self, query: Mapping[str, Any], most: int) -> dict[str, Any]:
        entries: list[tuple[str, dict[str, Any]]] = []
        for key in self._after(query.get("key-marker", ""), query.get("prefix", "")):
            if len(entries) > most:
                break
            if not self.versioned and not self.holds(key):
                continue
            kept = self.history[key]
            numbers = range(len(kept), 0, -1) if self.versioned else [len(kept)]
            entries += [
                (_LISTS[kept[number - 1].kind], self._entry(key, number))
                for number in numbers
                if (key, number) not in self.expired
            ]
        page: dict[str, Any] = {"IsTruncated": len(entries) > most}
        for name, entry in entries[:most]:
            page.setdefault(name, []).append(entry)
        return page

    def _entry(self, key: str, number: int) -> dict[str, Any]:
        """A version in a listing."""
        versions = self.history[key]
        return {
            "Key": key,
            "VersionId": name_of(number) if self.versioned else "null",
            "IsLatest": number == len(versions),
            # S3 tells whole seconds.
            "LastModified": datetime.fromtimestamp(int(versions[number - 1].seen), UTC),
        }


def name_of(number: int) -> str:
    """The id of a key's version, counted from 1."""
    return f"v{number}"


def expiry(noncurrent_since: float, days: int) -> float:
    """When a noncurrent version goes: so many days after its successor was created, rounded up to midnight in
    UTC (Amazon S3 user guide, "How Amazon S3 calculates how long an object has been noncurrent")."""
    return midnight(noncurrent_since + days * _DAY) + _DAY


def midnight(time: float) -> float:
    """The last midnight (UTC) before a time: what S3 dates the delete markers of its lifecycle rules by."""
    return time - time % _DAY
