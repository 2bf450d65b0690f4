"""Chooses purges for the SEO-friendly URLs of changed objects.

Such a URL has the key without its extension, and any words: `ik-seo/a/photo/any-words.jpg`. So each object
takes a wildcard, `ik-seo/a/photo/*`. It evicts `a/photo.png` and all below `a/photo/` as well, at any price,
since there is no other purge. The wildcards that join objects are prefixes of these texts, and not of keys.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import accumulate
from operator import itemgetter

from purging.cover import Purge
from purging.planning.frontier import Frontier
from purging.planning.neighbours import LEAST, UNLISTED_KEYS, Neighbours
from purging.planning.planned import PlannedPurge
from purging.planning.targets import PurgeTarget
from purging.urls import Root, seo_text


class SeoGroup:
    """Targets of one bucket with the same roots, all of SEO-friendly URLs. `unchanged` are the bucket's known
    unchanged keys. `weight` is what the eviction of a key costs; 1 without it. `accepted` says whether
    ImageKit accepts a wildcard behind a text."""

    def __init__(
        self,
        targets: Iterable[PurgeTarget],
        roots: tuple[Root, ...],
        neighbours: Neighbours,
        unchanged: Iterable[str],
        accepted: Callable[[str], bool],
        *,
        weight: Callable[[str], int] | None,
    ) -> None:
        self._targets: dict[str, dict[Root, list[PurgeTarget]]] = defaultdict(lambda: defaultdict(list))
        for target in targets:
            if target.root:
                self._targets[seo_text(target.key) or target.key][target.root].append(target)
        self._roots, self._neighbours, self._accepted, self._weight = roots, neighbours, accepted, weight
        self._texts = sorted(self._targets)
        counts, weights = Counter[str](), Counter[str]()
        for key in unchanged:
            if text := seo_text(key):
                counts[text] += 1
                weights[text] += weight(key) if weight else 1
        self._unchanged = sorted(counts)
        self._weights = weights
        # Sums over the first 0, 1, … of the unchanged texts.
        self._count_sums = list(accumulate((counts[text] for text in self._unchanged), initial=0))
        self._weight_sums = list(accumulate((weights[text] for text in self._unchanged), initial=0))

    @property
    def times(self) -> int:
        """How many times each purge is made: once for each root."""
        return len(self._roots)

    def at(self, price: float) -> Iterator[PlannedPurge]:
        """Yield the purges of the group at a price."""
        return self.purges(self.frontier.at(price * self.times))

    @cached_property
    def frontier(self) -> Frontier:
        """The trade-off between purges and evictions. Evictions that no plan can spare do not count."""
        keys = [
            each.key for by_root in self._targets.values() for found in by_root.values() for each in found
        ]
        weight = self._weight
        guessed = {
            _beside(text): UNLISTED_KEYS * (weight(text.removesuffix(LEAST)) if weight else 1)
            for text in self._neighbours.unlisted(keys)
        }
        return Frontier(
            self._texts,
            [*outside(self._unchanged, self._targets.keys()), *guessed],
            self._accepted,
            lambda _: 1,
            lambda text: guessed.get(text) or self._weights[text],
        )

    def purges(self, cover: Iterable[Purge]) -> Iterator[PlannedPurge]:
        """Yield the purges of a cover, under every root."""
        at = 0
        # They come sorted. Each covers the next `changed` texts in order.
        for chosen in cover:
            covered = self._texts[at : at + chosen.changed]
            at += chosen.changed
            start, end = _range(self._unchanged, chosen.prefix)
            evicted = self._count_sums[end] - self._count_sums[start]
            cost = self._weight_sums[end] - self._weight_sums[start]
            for root in self._roots:
                mine = tuple(target for text in covered for target in self._targets[text][root])
                yield PlannedPurge(f"{root.beginning(chosen.prefix)}*", mine, evicted, cost)


def seo_groups(targets: Iterable[PurgeTarget]) -> Iterator[tuple[tuple[Root, ...], list[PurgeTarget]]]:
    """Divide the targets of one bucket: those whose texts have the same roots belong together."""
    by_text: dict[str, list[PurgeTarget]] = defaultdict(list)
    for target in targets:
        by_text[seo_text(target.key) or target.key].append(target)
    alike: dict[frozenset[Root], list[PurgeTarget]] = defaultdict(list)
    for each in by_text.values():
        alike[frozenset(target.root for target in each if target.root)] += each
    for found in alike.values():
        yield tuple(dict.fromkeys(target.root for target in found if target.root)), found


def outside(texts: Sequence[str], changed: AbstractSet[str]) -> Iterator[str]:
    """Yield the texts that begin with none of the changed ones."""
    above: str | None = None
    for text in sorted({*texts, *changed}):
        if above is not None and text.startswith(above):
            continue
        if text in changed:
            above = text
        else:
            yield text


def _range(texts: Sequence[str], prefix: str) -> tuple[int, int]:
    """Where the texts with a prefix begin and end, among sorted ones."""
    start = bisect_left(texts, prefix)
    return start, bisect_right(texts, prefix, start, key=itemgetter(slice(len(prefix))))


def _beside(unlisted: str) -> str:
    """Where keys that nobody listed lie among SEO-friendly texts: beside the key, not below it."""
    key = unlisted.removesuffix(LEAST)
    return (seo_text(key) or f"{key}/")[:-1] + LEAST
