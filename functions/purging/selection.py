"""Which purges satisfy the needs: one for each URL, or a wildcard for many. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from purging.cover import cover
from purging.inventory import Neighbours
from purging.needs import Need
from purging.urls import Root, wildcard_allowed


@dataclass(frozen=True, slots=True)
class PlannedPurge:
    """One call to make, the needs it satisfies, and how many unchanged objects it evicts as well."""

    url: str
    needs: tuple[Need, ...]
    collateral: int = 0

    @property
    def manual(self) -> bool:
        """Whether someone asked for it, so that it may use the reserve."""
        return any(need.pending.manual for need in self.needs)

    @property
    def since(self) -> float:
        """When the oldest change that it serves happened, in unix seconds."""
        return min(need.pending.since for need in self.needs)

    @property
    def identities(self) -> frozenset[bytes]:
        """Those of every change that it serves."""
        return frozenset(change.identity for need in self.needs for change in need.pending.changes)

    @property
    def sample(self) -> str | None:
        """An exact URL that it covers, to look at afterwards; None if a request for it would go astray."""
        exact = self.needs[0].exact
        segments = exact.split("/")
        return None if exact.endswith("*") or "." in segments or ".." in segments else exact

    def instead(self) -> "PlannedPurge | None":
        """The exact purge that does the same; None if this is exact, as asked for, or serves several."""
        (need, *more) = self.needs
        return None if more or need.exact == self.url else PlannedPurge(need.exact, (need,))


def select(
    needs: Iterable[Need], neighbours: Mapping[str, Neighbours], price: float, refused: frozenset[str]
) -> list[PlannedPurge]:
    """The purges that satisfy all needs at the least `price x purges + collateral`; none lies under another.

    `neighbours` are those of each bucket; keys of a bucket without are purged one by one. Objects with the
    same roots are covered together: every purge chosen for them is made once for each root, which
    multiplies its price. `refused` are wildcards that ImageKit did not accept.
    """
    purges: list[PlannedPurge] = []
    together: dict[tuple[str, str], list[Need]] = defaultdict(list)
    for need in needs:
        if need.root is None or need.pending.manual or need.bucket not in neighbours:
            purges.append(PlannedPurge(need.url, (need,)))
        else:
            together[need.bucket, need.key].append(need)
    alike: dict[tuple[str, tuple[Root, ...]], dict[str, list[Need]]] = defaultdict(dict)
    for (bucket, key), each in together.items():
        alike[bucket, tuple(need.root for need in each if need.root)][key] = each
    for (bucket, roots), by_key in alike.items():
        purges += _cover(by_key, roots, neighbours[bucket], price, refused)
    return without_covered(purges)


def _cover(
    needs: Mapping[str, list[Need]],
    roots: tuple[Root, ...],
    neighbours: Neighbours,
    price: float,
    refused: frozenset[str],
) -> Iterable[PlannedPurge]:
    keys = sorted(needs)
    at = 0
    # The chosen purges come sorted, and each serves the next so many of the sorted keys.
    for chosen in cover(keys, neighbours.unchanged, price * len(roots), _rule(roots, neighbours, refused)):
        served = keys[at : at + chosen.changed]
        at += chosen.changed
        for position, root in enumerate(roots):
            mine = tuple(needs[key][position] for key in served)
            url = f"{root.url(chosen.prefix)}*" if chosen.wildcard else mine[0].url
            yield PlannedPurge(url, mine, chosen.collateral)


def _rule(roots: tuple[Root, ...], neighbours: Neighbours, refused: frozenset[str]) -> Callable[[str], bool]:
    """Whether a wildcard may stand behind a key prefix: under every root, and with a known collateral."""

    def allowed(prefix: str) -> bool:
        if not neighbours.counted(prefix) or prefix.rpartition("/")[2] in (".", ".."):
            return False
        for root in roots:
            if len(prefix) <= len(root.folder) or not prefix.startswith(root.folder):
                return False
            url = root.url(prefix)
            if f"{url}*" in refused or not wildcard_allowed(root.path(url)):
                return False
        return True

    return allowed


def without_covered(purges: list[PlannedPurge]) -> list[PlannedPurge]:
    """A purge that lies under another one is left to that one."""
    kept: list[PlannedPurge] = []
    # A wildcard sorts right before everything that it covers, itself as an exact URL included.
    for purge in sorted(purges, key=lambda each: (each.url.removesuffix("*"), not each.url.endswith("*"))):
        above = kept[-1] if kept else None
        text = purge.url.removesuffix("*")
        if above and (
            above.url == purge.url or (above.url.endswith("*") and text.startswith(above.url[:-1]))
        ):
            kept[-1] = PlannedPurge(above.url, above.needs + purge.needs, above.collateral)
        else:
            kept.append(purge)
    return kept
