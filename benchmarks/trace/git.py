"""Reads a trace from a git repository, as if each commit had been deployed to a bucket."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.trace.steps import Step, Trace, Unreadable, kept, months_before

# The mode of a file. Links and submodules are not deployed.
_FILE_MODE = b"100"

_COMMIT = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def read(directory: Path, months: int, extensions: tuple[str, ...]) -> Trace:
    """The trace of HEAD's first parents, from `months` before HEAD on. Raises Unreadable."""
    commits = _first_parents(directory)
    first = months_before(commits[-1][1], months)
    start = next((at for at, (_, time) in enumerate(commits) if time >= first), 0)
    if start == 0 and _git(directory, "rev-parse", "--is-shallow-repository").strip() == b"true":
        # A shallow clone does not show what its oldest commit changed, so the history starts after it.
        start = 1
    paths = _paths(directory, commits[start - 1][0]) if start else []
    skipped = {path for path in paths if _key(path) is None}
    steps = []
    for (_, time), changes in zip(commits[start:], _changes(directory, commits, start), strict=True):
        step = Step(time)
        for path, put in changes:
            key = _key(path)
            if key is None:
                skipped.add(path)
            elif kept(key, extensions):
                (step.puts if put else step.deletes).append(key)
        if step.puts or step.deletes:
            steps.append(step)
    keys = frozenset(key for path in paths if (key := _key(path)) and kept(key, extensions))
    return Trace(_name(directory), keys, steps, len(skipped))


def _first_parents(directory: Path) -> list[tuple[str, int]]:
    """(commit, unix seconds) from the oldest to HEAD.

    Clocks may be wrong, so no commit counts as older than the one before it, or as younger than HEAD.
    """
    listed = _git(directory, "rev-list", "--first-parent", "--timestamp", "HEAD", "--").decode().split()
    times, names = [int(time) for time in listed[::2]], listed[1::2]
    commits: list[tuple[str, int]] = []
    latest = 0
    for commit, time in zip(reversed(names), reversed(times), strict=True):
        latest = max(latest, min(time, times[0]))
        commits.append((commit, latest))
    return commits


def _paths(directory: Path, commit: str) -> list[bytes]:
    """The files of a commit."""
    entries = _git(directory, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")
    return [entry.partition(b"\t")[2] for entry in entries if entry.startswith(_FILE_MODE)]


def _changes(
    directory: Path, commits: Sequence[tuple[str, int]], start: int
) -> Iterator[list[tuple[bytes, bool]]]:
    """For each commit from `start` on: [(path, whether it exists then), …], against its first parent."""
    pairs = []
    for at in range(start, len(commits)):
        parent = commits[at - 1][0] if at else ""
        pairs.append(f"{commits[at][0]} {parent}".strip())
    options = ("-r", "-z", "--root", "--no-renames", "--raw", "--stdin", "--always")
    fields = iter(_git(directory, "diff-tree", *options, input="\n".join(pairs) + "\n").split(b"\0"))
    changes: list[tuple[bytes, bool]] | None = None
    for entry in fields:
        if entry.startswith(b":"):
            before, after = entry[1:].split(b" ")[:2]
            path = next(fields)
            if changes is not None and (before.startswith(_FILE_MODE) or after.startswith(_FILE_MODE)):
                changes.append((path, after.startswith(_FILE_MODE)))
        elif _COMMIT.fullmatch(entry):
            if changes is not None:
                yield changes
            changes = []
    if changes is not None:
        yield changes


def _key(path: bytes) -> str | None:
    """A path as an S3 key, or None if it cannot stand on a line of its own."""
    try:
        key = path.decode()
    except UnicodeDecodeError:
        return None
    return None if "\n" in key or "\r" in key else key


def _name(directory: Path) -> str:
    path = directory.resolve()
    return (path.parent if path.name == ".git" else path).name.removesuffix(".git") or "repository"


def _git(directory: Path, *arguments: str, input: str | None = None) -> bytes:  # noqa: A002 - as subprocess has it
    # In a hook of another repository, git's environment variables name that repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments],
            input=None if input is None else input.encode(),
            env=environment,
            capture_output=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise Unreadable("git is not installed") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or ["git failed"]
        raise Unreadable(f"{directory}: {lines[0]}") from error
    return done.stdout
