"""Which purges, exact or wildcards, are of which URLs: a wildcard is a prefix of the text of a URL."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from math import inf

from tests.chaos.books import Purge


def covers(purge: str, url: str) -> bool:
    """Whether a purge, exact or a wildcard, is of a URL, which may be a wildcard as well."""
    return purge == url or (purge.endswith("*") and url.removesuffix("*").startswith(purge[:-1]))


class Purged:
    """When each URL was purged, exactly or by a wildcard, by purges in the order of their times."""

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
        """When a URL, exact or a wildcard, was first purged at a time or later; infinity if it was not."""
        text = url.removesuffix("*")
        found = [self._prefixes[text[:length]] for length in self._lengths if text[:length] in self._prefixes]
        if text == url and url in self._exact:
            found.append(self._exact[url])
        later = (times[bisect_left(times, time) :][:1] for times in found)
        return min((times[0] for times in later if times), default=inf)
