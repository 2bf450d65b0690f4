"""An S3 bucket in memory: its objects, the versions that it keeps of them, and S3's two listings."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

Answer = dict[str, Any]

MAX_KEYS = 1000
"""The most keys or versions on one page (Amazon S3 API reference, "ListObjectsV2")."""


class Version(NamedTuple):
    """A version of an object, or a delete marker. `modified` has whole seconds, as in S3."""

    id: str
    modified: datetime
    is_delete_marker: bool = False


class Bucket:
    """One bucket, and boto3's client for it.

    The objects of `keys` exist from the start. A bucket that is not `versioned` keeps only the latest version
    of each object. All times are unix seconds.
    """

    def __init__(self, keys: Iterable[str] = (), *, versioned: bool = True) -> None:
        self.versioned = versioned
        # Keys are sorted by code point, as S3 sorts by the bytes of UTF-8.
        self._keys = sorted(set(keys))
        self._kept_keys = list(self._keys)
        # By key, newest first. A million objects can share one tuple, since tuples never change.
        first = _version(1 if versioned else 0, 0.0)
        self._versions: dict[str, tuple[Version, ...]] = dict.fromkeys(self._keys, (first,))
        self._made: dict[str, int] = {}

    def __contains__(self, key: str) -> bool:
        """Whether an object exists now."""
        versions = self._versions.get(key)
        return versions is not None and not versions[0].is_delete_marker

    def under(self, prefix: str) -> list[str]:
        """The keys of the objects that exist and start with a prefix, in order."""
        first = bisect_left(self._keys, prefix)
        return self._keys[first : _end(self._keys, first, prefix)]

    # --- changes ---

    def put(self, key: str, at: float = 0.0) -> str | None:
        """Create or overwrite an object. Returns the id of the new version; None without versions."""
        if key not in self:
            insort(self._keys, key)
        return self._add(key, at, is_delete_marker=False)

    def delete(self, key: str, at: float = 0.0) -> str | None:
        """Delete an object. Returns the id of the new delete marker; None without versions."""
        if key in self:
            del self._keys[bisect_left(self._keys, key)]
        if self.versioned:
            return self._add(key, at, is_delete_marker=True)
        self._keep(key, ())
        return None

    def delete_version(self, key: str, version_id: str) -> None:
        """Delete an old version for good."""
        self._keep(key, tuple(each for each in self._versions[key] if each.id != version_id))

    def _add(self, key: str, at: float, *, is_delete_marker: bool) -> str | None:
        if not self.versioned:
            self._keep(key, (_version(0, at),))
            return None
        older = self._versions.get(key, ())
        number = self._made.get(key, len(older)) + 1
        self._made[key] = number
        version = _version(number, at, is_delete_marker=is_delete_marker)
        self._keep(key, (version, *older))
        return version.id

    def _keep(self, key: str, versions: tuple[Version, ...]) -> None:
        """Keep these versions of a key, and no others."""
        if not versions:
            if self._versions.pop(key, None):
                del self._kept_keys[bisect_left(self._kept_keys, key)]
            return
        if key not in self._versions:
            insort(self._kept_keys, key)
        self._versions[key] = versions

    # --- listings, with boto3's names ---

    def list_objects_v2(
        self,
        *,
        Bucket: str = "",  # noqa: ARG002, N803 - boto3's names, here and below; there is one bucket
        Prefix: str = "",  # noqa: N803
        StartAfter: str = "",  # noqa: N803
        MaxKeys: int = MAX_KEYS,  # noqa: N803
    ) -> Answer:
        """One page of the objects that exist."""
        page, most = _page(self._keys, StartAfter, Prefix, MaxKeys)
        return {"IsTruncated": len(page) > most, "Contents": [{"Key": key} for key in page[:most]]}

    def list_object_versions(
        self,
        *,
        Bucket: str = "",  # noqa: ARG002, N803
        Prefix: str = "",  # noqa: N803
        KeyMarker: str = "",  # noqa: N803
        MaxKeys: int = MAX_KEYS,  # noqa: N803
    ) -> Answer:
        """One page of the kept versions. Those of one key are listed newest first."""
        page, most = _page(self._kept_keys, KeyMarker, Prefix, MaxKeys)
        left = most
        versions: list[Answer] = []
        markers: list[Answer] = []
        for key in page:
            kept = self._versions[key]
            for version in kept[:left]:
                (markers if version.is_delete_marker else versions).append(
                    {
                        "Key": key,
                        "VersionId": version.id,
                        "IsLatest": version is kept[0],
                        "LastModified": version.modified,
                    }
                )
            left -= len(kept)
            if left < 0:
                break
        # The page has one key too many if there are more: that key makes `left` negative, too.
        answer: Answer = {"IsTruncated": left < 0}
        if versions:
            answer["Versions"] = versions
        if markers:
            answer["DeleteMarkers"] = markers
        return answer


def version_id(number: int) -> str:
    """The id of a key's version, counted from 1; without versions, S3 calls it `null`."""
    return f"v{number}" if number else "null"


def _version(number: int, at: float, *, is_delete_marker: bool = False) -> Version:
    return Version(version_id(number), datetime.fromtimestamp(int(at), UTC), is_delete_marker)


def _page(keys: list[str], after: str, prefix: str, most: int) -> tuple[list[str], int]:
    """(the keys of a page and one more, if there is one; how many entries a page holds)"""
    most = min(most, MAX_KEYS)
    first = max(bisect_right(keys, after), bisect_left(keys, prefix))
    page = keys[first : first + most + 1]
    return page[: _end(page, 0, prefix)], most


def _end(keys: list[str], first: int, prefix: str) -> int:
    """The position after the last key with a prefix. The first such key is at `first`."""
    return bisect_right(keys, prefix, first, key=lambda key: key[: len(prefix)]) if prefix else len(keys)
