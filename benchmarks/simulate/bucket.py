"""A simulated bucket: the keys it holds, the versions it keeps of them, and listings as S3 gives them."""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterable

from purging.aws.listing import PAGE
from purging.planning.neighbours import Page


class Bucket:
    """A `Lister` for the planner, and the truth that decisions are scored against."""

    def __init__(self, keys: Iterable[str]) -> None:
        # Sorted by code point, as S3 sorts by the bytes of UTF-8.
        self._current = sorted(set(keys))
        self._exists = set(self._current)
        self._versions = Counter(self._current)
        self._kept = list(self._current)
        self._markers: dict[str, float] = {}
        self._removed: dict[str, float] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._exists

    def put(self, key: str) -> None:
        """Create or overwrite an object."""
        self._keep_version(key)
        self._removed.pop(key, None)
        if key not in self._exists:
            self._exists.add(key)
            insort(self._current, key)
            if key in self._markers:
                self._removed[key] = self._markers[key]

    def delete(self, key: str, at: float) -> None:
        """Delete an object: a delete marker becomes its latest version. `at`: unix seconds."""
        self._keep_version(key)
        self._markers[key] = float(int(at))  # S3 tells whole seconds
        if key in self._exists:
            self._exists.remove(key)
            del self._current[bisect_left(self._current, key)]

    def under(self, prefix: str) -> list[str]:
        """The keys that exist and start with a prefix, in order."""
        first = bisect_left(self._current, prefix)
        last = bisect_right(self._current, prefix, first, key=lambda key: key[: len(prefix)])
        return self._current[first:last]

    def page(
        self,
        bucket: str,  # noqa: ARG002 - there is one bucket
        after: str,
        *,
        versions: bool,
        prefix: str = "",
    ) -> Page:
        """Up to PAGE entries after the key `after` with a prefix: keys, or the versions kept of them."""
        return self._page_of_versions(after, prefix) if versions else self._page_of_keys(after, prefix)

    def _keep_version(self, key: str) -> None:
        if key not in self._versions:
            insort(self._kept, key)
        self._versions[key] += 1

    def _page_of_keys(self, after: str, prefix: str) -> Page:
        keys, more = _page(self._current, after, prefix)
        return Page(keys, Counter(), keys[-1] if keys else after, more)

    def _page_of_versions(self, after: str, prefix: str) -> Page:
        """As `S3Lister` makes it of S3's answer: the key at the end of a full page begins the next one."""
        counts: Counter[str] = Counter()
        room = PAGE
        kept, more = _page(self._kept, after, prefix)
        for key in kept:
            counts[key] = min(self._versions[key], room)
            room -= counts[key]
            if not room:
                break
        last = next(reversed(counts), after)
        more = bool(counts) and (more or last != kept[-1] or counts[last] < self._versions[last])
        if more and len(counts) > 1:
            del counts[last]
            last = next(reversed(counts))
        elif more:
            counts[last] += 1
        keys = [key for key in counts if key in self._exists]
        removed = {key: self._removed[key] for key in keys if key in self._removed}
        return Page(keys, counts, last, more, removed)


def _page(keys: list[str], after: str, prefix: str) -> tuple[list[str], bool]:
    """(up to PAGE of sorted keys after one, with a prefix; whether there are more of them)"""
    first = max(bisect_right(keys, after), bisect_left(keys, prefix))
    page = keys[first : first + PAGE + 1]
    page = page[: bisect_right(page, prefix, key=lambda key: key[: len(prefix)])] if prefix else page
    return page[:PAGE], len(page) > PAGE
