"""The baselines: policies of other systems that purge a CDN when a bucket changes.

A policy gets its changes in batches, and answers each batch with exact keys and wildcards. If ImageKit would
refuse a wildcard, the policy pays for the exact keys under it. A policy without quota is blocked until the
month ends. It never tries those changes again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.simulate.history import Change, History
from benchmarks.simulate.score import Score
from purging.urls import encode, wildcard_allowed
from purging.weights import WeightedPattern

WINDOW_SECONDS, BATCH = 2.0, 1000
"""Window and size of a batch, like ours. The first message opens the window."""

LONG_WINDOW_SECONDS = 300.0

Purges = Sequence[str]
"""Keys, and wildcards: key prefixes with a `*` at their end."""

Batch = tuple[float, list[Change]]
"""(when it is handled, in unix seconds; its changes)"""


@dataclass(frozen=True, slots=True)
class Policy:
    """`batches` splits the changes of a history into batches. `purges` answers the keys of a batch."""

    batches: Callable[[Sequence[Change]], Iterator[Batch]]
    purges: Callable[[list[str]], Purges]


def run(
    history: History,
    policy: Policy,
    *,
    versioned: bool,
    quota: int,
    weights: tuple[WeightedPattern, ...] = (),
) -> Score:
    """The score of a policy in a whole history, with a quota of so many purges a month. The weights of
    evictions are counted, and the policy does not know them."""
    score = Score(history, versioned, weights)
    changes = iter(history.changes)
    change = next(changes, None)
    needed: set[int] = set()
    for time, batch in sorted(policy.batches(history.changes), key=lambda each: each[0]):
        while change and change.at <= time:
            if score.changed(change):
                needed.add(change.number)
            change = next(changes, None)
        # A baseline gets only the keys that need a purge.
        keys = [each.key for each in batch if each.number in needed]
        for prefix, wildcard in _charged(policy.purges(keys), keys) if keys else ():
            if score.month(time).purges < quota:
                score.purged(time, prefix, wildcard=wildcard)
            else:
                score.out_of_quota(time)
    score.finish()
    return score


def _charged(purges: Purges, keys: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """(key or prefix, whether it is a wildcard) of each purge that ImageKit accepts. Keys may hold a `*`."""
    changed = set(keys)
    accepted, refused = set[str](), set[str]()
    for purge in purges:
        if purge not in changed and purge.endswith("*"):
            prefix = purge[:-1]
            (accepted if wildcard_allowed(f"/{encode(prefix)}") else refused).add(prefix)
    for purge in purges:
        if purge in changed:
            yield purge, False
    yield from ((prefix, True) for prefix in sorted(accepted))
    not_covered = [key for key in changed - set(purges) if not key.startswith(tuple(accepted))]
    yield from ((key, False) for key in sorted(not_covered) if key.startswith(tuple(refused)))


def _windows(seconds: float, size: float) -> Callable[[Sequence[Change]], Iterator[Batch]]:
    """Batches that end some seconds after their first change, or when they are full."""

    def batches(changes: Sequence[Change]) -> Iterator[Batch]:
        batch: list[Change] = []
        for change in changes:
            if batch and change.at > batch[0].at + seconds:
                yield batch[0].at + seconds, batch
                batch = []
            batch.append(change)
            if len(batch) >= size:
                yield change.at, batch
                batch = []
        if batch:
            yield batch[0].at + seconds, batch

    return batches


def _deploys(changes: Sequence[Change]) -> Iterator[Batch]:
    """One batch for each deploy, at its end."""
    deploys: dict[int, list[Change]] = defaultdict(list)
    for change in changes:
        deploys[change.deploy].append(change)
    for batch in deploys.values():
        yield batch[-1].at, batch


def _folder(key: str) -> str:
    """The folder of a key, with its slash. It is empty at the top of the bucket."""
    return key[: key.rfind("/") + 1]


def _per_key(keys: list[str]) -> Purges:
    return list(dict.fromkeys(keys))


def _per_folder(keys: list[str]) -> Purges:
    return sorted({f"{_folder(key)}*" for key in keys})


def _s3deploy(keys: list[str], most: int = 8) -> Purges:
    """At most 8 paths stay as they are. More become ever broader, in the end one wildcard for the bucket."""
    paths = sorted({f"/{key}" for key in keys})
    for level in range(max(path.count("/") for path in paths), 0, -1):
        if len(paths) <= most:
            break
        paths = sorted({_one_up(path) if path.count("/") > level else path for path in paths})
    return [path[1:] for path in paths] if len(paths) <= most else ["*"]


def _one_up(path: str) -> str:
    segments = path[1:].split("/")[:-1]
    return f"/{'/'.join(segments[:-1] or segments)}/*"


def _threshold(keys: list[str], files: int = 3, siblings: int = 10) -> Purges:
    """More than 3 files of a folder become the folder. More than 10 sibling folders become their parent."""
    exact, folders = set(keys), set[str]()
    while True:
        before = len(exact), len(folders)
        inside: dict[str, int] = defaultdict(int)
        for key in exact:
            inside[_folder(key)] += 1
        folders |= {folder for folder, count in inside.items() if count > files}
        beside: dict[str, int] = defaultdict(int)
        for folder in folders - {""}:
            beside[_folder(folder[:-1])] += 1
        folders |= {parent for parent, count in beside.items() if count > siblings}
        folders = {each for each in folders if not _above(each) & folders}
        exact = {key for key in exact if not (_above(key) & folders)}
        if (len(exact), len(folders)) == before:
            return [*sorted(exact), *(f"{folder}*" for folder in sorted(folders))]


def _above(path: str) -> set[str]:
    """The folders that hold a key or a folder."""
    return {""} - {path} | {path[: at + 1] for at, char in enumerate(path[:-1]) if char == "/"}


POLICIES = {
    "per-event": Policy(_windows(WINDOW_SECONDS, BATCH), lambda keys: keys),
    "per-key": Policy(_windows(WINDOW_SECONDS, BATCH), _per_key),
    "folder": Policy(_windows(WINDOW_SECONDS, BATCH), _per_folder),
    "s3deploy": Policy(_deploys, _s3deploy),
    "threshold": Policy(_windows(LONG_WINDOW_SECONDS, float("inf")), _threshold),
}
"""By name."""
