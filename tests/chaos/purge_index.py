"""Finds the purges that cover a URL. A wildcard covers every URL that begins with its prefix."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from math import inf

from tests.chaos.audit_log import Purge


def covers(purge: str, url: str) -> bool:
    """Whether a purge, exact or a wildcard, covers a URL. The URL may be a wildcard as well."""
    return purge == url or (purge.endswith("*") and url.removesuffix("*").startswith(purge[:-1]))


class PurgeIndex:
    """When each URL was purged, by exact purges and wildcards. The purges must be ordered by time."""

    def __init__(self, purges: Iterable[Purge]) -> None:
        self._exact: dict[str, list[float]] = defaultdict(list)
        self._prefixes: dict[str, list[float]] = defaultdict(list)
        for purge in purges:
            if purge.url.endswith("*"):
                self._prefixes[purge.url[:-1]].append(purge.time)
            else:
                self._exact[purge.url].append(purge.time)
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})

    def first(self, time: float, url: str) -> float:
        """Returns when a URL, exact or a wildcard, was first purged at `time` or later; infinity if never."""
        text = url.removesuffix("*")
        found = [self._prefixes[text[:length]] for length in self._lengths if text[:length] in self._prefixes]
        if text == url and url in self._exact:
            found.append(self._exact[url])
        later = (times[bisect_left(times, time) :][:1] for times in found)
        return min((times[0] for times in later if times), default=inf)
