"""An S3 bucket: keys with their versions, and S3's two listings of them."""

import time
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple
from urllib.parse import quote

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


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

    def page(self, query: Mapping[str, str]) -> bytes:
        """The answer to ListObjectsV2 or ListObjectVersions, in full or a page of it."""
        most = int(query.get("max-keys", "1000"))
        return self._versions(query, most) if "versions" in query else self._keys(query, most)

    def _after(self, key: str) -> list[str]:
        """The keys after one, as S3 sorts."""
        return sorted(each for each in self.history if each > key)

    def _keys(self, query: Mapping[str, str], most: int) -> bytes:
        keys = [key for key in self._after(query.get("start-after", "")) if self.holds(key)]
        entries = [f"<Contents><Key>{_quoted(key)}</Key></Contents>" for key in keys[:most]]
        return _page("ListBucketResult", entries, more=len(keys) > most)

    def _versions(self, query: Mapping[str, str], most: int) -> bytes:
        entries: list[str] = []
        for key in self._after(query.get("key-marker", "")):
            if len(entries) > most:
                break
            if not self.versioned and not self.holds(key):
                continue
            kept = self.history[key] if self.versioned else self.history[key][-1:]
            entries += [
                _entry(key, each, number if self.versioned else 0, latest=number == len(kept))
                for number, each in reversed(list(enumerate(kept, 1)))
            ]
        return _page("ListVersionsResult", entries[:most], more=len(entries) > most)


@cache
def _entry(key: str, version: Version, number: int, *, latest: bool) -> str:
    """A version in a listing. `number` counts those of a key from 1 on; 0 where there are none."""
    tag = "Version" if version.kind == "created" else "DeleteMarker"
    # S3 tells whole seconds.
    seen = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(version.seen))
    return (
        f"<{tag}><Key>{_quoted(key)}</Key><VersionId>{f'v{number}' if number else 'null'}</VersionId>"
        f"<IsLatest>{str(latest).lower()}</IsLatest><LastModified>{seen}</LastModified></{tag}>"
    )


def _quoted(key: str) -> str:
    # botocore asks for encoding-type=url, and decodes what it gets.
    return quote(key, safe="/")


def _page(name: str, entries: list[str], *, more: bool) -> bytes:
    return (
        f'<?xml version="1.0"?><{name} xmlns="{_NAMESPACE}"><EncodingType>url</EncodingType>'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{''.join(entries)}</{name}>"
    ).encode()
