"""One look into a bucket: where to list, in which order, and when to stop.

No full listing: a run of pages goes on as long as the next changed key is not more than a page away, and
starts again just before the next changed key if it is. So the requests are bounded by the changes, not by
the bucket; and they end when the time for them does, after the places where most changed keys stand together.
A prefix is only worth a wildcard if every key under it lies within such a run. What no run reached is asked
for key by key.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import itemgetter
from os.path import commonprefix
from typing import Protocol

from purging.aws.clients import AWS_CALL_SECONDS
from purging.planning.neighbours import Neighbours, Page

MAX_PAGES, MAX_QUESTIONS = 300, 1000
"""For one look: pages of runs, and requests about single keys. What they do not reach is not known."""

_TOGETHER = 100  # changed keys that are looked for as one at most
_DENSE = 10  # changed keys on a page for which the next page is listed before anything else
_PAGES_OF_A_KEY = 3  # at most, until one shows an unchanged key: the first may be full of old versions


class Lister(Protocol):
    """A bucket to list: S3's, or a simulated one."""

    def page(self, bucket: str, after: str, *, versions: bool, prefix: str = "") -> Page:
        """Up to a page of entries after the key `after` that begin with a prefix. `versions`: count
        them; only versioned buckets can."""


class Survey:
    """`remaining` gives the seconds that it may still take."""

    def __init__(
        self,
        lister: Lister,
        bucket: str,
        changed: Sequence[str],
        *,
        versions: bool,
        remaining: Callable[[], float],
    ) -> None:
        self._lister = lister
        self._bucket = bucket
        self._changed = changed
        self._members = frozenset(changed)
        self._versions = versions
        self._remaining = remaining
        self._counts: dict[str, int] = {}
        self._pages = 0
        self._spare = AWS_CALL_SECONDS  # seconds that runs leave
        self._reached = bytearray(len(changed))
        self._found = Neighbours()

    def found(self) -> Neighbours:
        """What was seen so far."""
        self._found.unchanged = sorted(set(self._found.unchanged))
        self._found.new = {key for key in self._members if self._counts.get(key) == 1}
        self._found.kept |= self._members & self._counts.keys()
        return self._found

    def run(self, ask: Sequence[str]) -> None:
        """List around the changed keys, then ask for those that were not reached: half the time for each."""
        if ask:
            self._spare = (self._remaining() + AWS_CALL_SECONDS) / 2
        for first, end in _places_together(self._changed):
            at = first
            while self._may_list() and (at := self._reached.find(0, at, end)) >= 0:
                self._list(at, end)
        # A run may have ended at a key, before others that begin with it.
        self._ask([key for key in ask if not self._found.counted(key)])

    def _may_list(self) -> bool:
        return self._pages < MAX_PAGES and self._remaining() >= self._spare

    def _list(self, at: int, end: int) -> None:
        """One run, from before the changed key `at`: as far as keys before `end` are reached, or many are."""
        self._reached[at] = 1
        start = self._start(at)
        if start is None:
            return
        after, page = start
        reached = self._take(after, page)
        while page.more and self._may_list():
            if reached < _DENSE and self._reached.find(0, at, end) < 0:
                break
            after, page = page.last, self._page(page.last)
            reached = self._take(after, page)
            if not reached:
                break

    def _ask(self, keys: Sequence[str]) -> None:
        questions = MAX_QUESTIONS
        for key in keys:
            after = ""
            for _ in range(_PAGES_OF_A_KEY):
                if not questions or self._remaining() < AWS_CALL_SECONDS:
                    return
                questions -= 1
                page = self._lister.page(self._bucket, after, versions=self._versions, prefix=key)
                after = page.last
                self._record(page)
                if not page.more:
                    self._found.asked.add(key)
                    break
                # Whether others begin with a key decides about its wildcard, and not how many more there are.
                self._found.crowded.add(key)
                if any(each not in self._members for each in page.keys):
                    break

    def _start(self, at: int) -> tuple[str, Page] | None:
        """(where a run starts, its first page): as early before a changed key as a page can be to reach it;
        None if there is no time left to find it.

        The places to start from are those before prefixes of the key, short ones first: the shorter, the more
        keys lie between, so bisection finds the shortest from which one page suffices.
        """
        key = self._changed[at]
        listed = self._found.listed_before(key)
        places = [place for place in self._places(at) if place >= listed] or [listed]
        low, high = 0, len(places) - 1
        best: tuple[str, Page] | None = None
        while low < high and self._may_list():
            middle = (low + high) // 2
            page = self._page(places[middle])
            if page.more and page.last < key:
                low = middle + 1
            else:
                high, best = middle, (places[middle], page)
        if best or not self._may_list():
            return best
        return places[-1], self._page(places[-1])

    def _places(self, at: int) -> list[str]:
        """Where to start listing so as to meet a changed key and to count what lies under prefixes of it:
        the whole bucket, its folders, the parts of its name that it shares with keys after it, itself."""
        key = self._changed[at]
        lengths = {slash + 1 for slash, character in enumerate(key) if character == "/"} | {len(key)}
        name = key.rfind("/") + 1
        position = at + 1
        while position < len(self._changed):
            shared = len(commonprefix((key, self._changed[position])))  # noqa: RUF071 - of characters
            if shared <= name:
                break
            lengths.add(shared)
            # The next that shares less: tens of thousands may share as much.
            position = bisect_right(self._changed, key[:shared], position, key=itemgetter(slice(shared)))
        return sorted({"", *(_before(key[:length]) for length in lengths)})

    def _record(self, page: Page) -> None:
        for key in page.keys:
            if key in self._members:
                self._found.kept.add(key)
            else:
                self._found.unchanged.append(key)
        self._counts.update(page.versions)
        self._found.removed.update((key, page.removed[key]) for key in page.removed if key in self._members)

    def _page(self, after: str) -> Page:
        """A page. The keys on it are known from now on, whatever comes of it."""
        self._pages += 1
        page = self._lister.page(self._bucket, after, versions=self._versions)
        self._record(page)
        return page

    def _take(self, after: str, page: Page) -> int:
        """Make a page part of a run; how many changed keys it is the first to reach."""
        self._found.add_run(after, page.last if page.more else None)
        first = bisect_right(self._changed, after)
        end = bisect_right(self._changed, page.last) if page.more else len(self._changed)
        reached = self._reached.count(0, first, end)
        self._reached[first:end] = b"\1" * (end - first)
        return reached


def _places_together(changed: Sequence[str]) -> list[tuple[int, int]]:
    """Where changed keys stand together, as ranges of them, those of most keys first.

    Those that share a prefix, as short a one as at most `_TOGETHER` share; of equally many keys, the longer
    prefix comes first, as less is likely to lie between them. A key that stands alone is worth no listing: a
    wildcard is for two at least.
    """
    found: list[tuple[int, int, int, int]] = []
    open_ranges = [(0, len(changed))]
    while open_ranges:
        first, end = open_ranges.pop()
        if end - first < 2:
            continue
        shared = len(commonprefix((changed[first], changed[end - 1])))  # noqa: RUF071 - of characters
        if end - first <= _TOGETHER:
            found.append((first - end, -shared, first, end))
            continue
        while first < end:
            part = changed[first][: shared + 1]
            after = bisect_right(changed, part, first, end, key=itemgetter(slice(shared + 1)))
            open_ranges.append((first, after))
            first = after
    return [(first, end) for _, _, first, end in sorted(found)]


def _before(prefix: str) -> str:
    """A text that sorts before everything that starts with a prefix, with little in between."""
    last = ord(prefix[-1]) - 1
    # Neither a control character nor a surrogate, which no request could carry.
    return prefix[:-1] + chr(last) if last >= ord(" ") and last != 0xDFFF else prefix[:-1]
