"""The policies of other systems that purge a CDN when a bucket changes, as they are, in miniature.

Each sees its changes in batches and answers with exact keys and wildcards. A wildcard that ImageKit would
refuse is charged as the exact keys that it stands for. Once the quota is used up a policy is blocked until
the month ends: what it could not purge is never tried again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.simulate.history import Change
from benchmarks.simulate.score import Score
from purging.urls import encode, wildcard_allowed

WINDOW_SECONDS, BATCH = 2.0, 1000
"""The queue's batching window, opened by its first message, and its size: like ours."""

LONG_WINDOW_SECONDS = 300.0

Purges = Sequence[str]
"""Keys, and wildcards: key prefixes with a `*` at their end."""

Batch = tuple[float, list[Change]]
"""(when it is handled in unix seconds, its changes)"""


@dataclass(frozen=True, slots=True)
class Policy:
    """`batches` says what is seen together, and when; `purges` which keys and wildcards that leads to."""

    batches: Callable[[Sequence[Change]], Iterator[Batch]]
    purges: Callable[[list[str]], Purges]


def run(score: Score, policy: Policy, quota: int) -> None:
    """Follow the whole history of a score by a policy, with a quota of so many purges a month."""
    changes = iter(score.history.changes)
    change = next(changes, None)
    needed: set[int] = set()
    for time, batch in sorted(policy.batches(score.history.changes), key=lambda each: each[0]):
        while change and change.at <= time:
            if score.happened(change):
                needed.add(change.number)
            change = next(changes, None)
        # With versions, a peer is granted that it knows which keys need no purge.
        keys = [each.key for each in batch if each.number in needed]
        for prefix, wildcard in _charged(policy.purges(keys), keys) if keys else ():
            month = score.month(time)
            if month.purges < quota:
                score.purged(time, prefix, wildcard=wildcard)
            else:
                month.over_quota = True
    score.finish()


def _charged(purges: Purges, keys: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """(key or prefix, whether a wildcard) of what ImageKit accepts. Keys may hold a `*`, too."""
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
    left = [key for key in changed - set(purges) if not key.startswith(tuple(accepted))]
    yield from ((key, False) for key in sorted(left) if key.startswith(tuple(refused)))


def _windows(seconds: float, size: float) -> Callable[[Sequence[Change]], Iterator[Batch]]:
    """Batches that end so long after their first change, or when they are full."""

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
    """A deploy tool sees all of a deploy, when it is done."""
    deploys: dict[int, list[Change]] = defaultdict(list)
    for change in changes:
        deploys[change.deploy].append(change)
    for batch in deploys.values():
        yield batch[-1].at, batch


def _folder(key: str) -> str:
    """The folder of a key, with its slash; empty at the top."""
    return key[: key.rfind("/") + 1]


def _per_key(keys: list[str]) -> Purges:
    return list(dict.fromkeys(keys))


def _per_folder(keys: list[str]) -> Purges:
    return sorted({f"{_folder(key)}*" for key in keys})


def _s3deploy(keys: list[str], most: int = 8) -> Purges:
    """At most 8 paths as they are; otherwise ever broader ones, at last everything."""
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
    """More than 3 files of a folder become the folder, more than 10 sibling folders their parent."""
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
    """The folders that a key or a folder lies in."""
    return {""} - {path} | {path[: at + 1] for at, char in enumerate(path[:-1]) if char == "/"}


POLICIES = {
    "per-event": Policy(_windows(WINDOW_SECONDS, BATCH), lambda keys: keys),
    "per-key": Policy(_windows(WINDOW_SECONDS, BATCH), _per_key),
    "folder": Policy(_windows(WINDOW_SECONDS, BATCH), _per_folder),
    "s3deploy": Policy(_deploys, _s3deploy),
    "threshold": Policy(_windows(LONG_WINDOW_SECONDS, float("inf")), _threshold),
}
"""By name."""
