"""The history of a bucket: its keys at the start, and its changes. A trace is its file.

A trace is gzipped or not. `NAME.jsonl[.gz]` has one line for each deploy, in the order of time:
`{"t": unix seconds, "put": [key, …], "delete": [key, …]}`. `NAME.keys[.gz]` beside it lists the keys before
the first line.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SUFFIXES = (".jsonl.gz", ".jsonl")


class UnusableTrace(Exception):
    """A file that is no trace. The text names the file, the place in it, and the cause."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One object was put or deleted `at` a time (unix seconds). It is the `number`-th change of its history.

    `deploy` is the number of its line in the trace. A `single` change is the only one of its line.
    """

    at: float
    number: int
    key: str
    put: bool
    deploy: int
    single: bool


@dataclass(frozen=True, slots=True)
class History:
    """The keys that exist before the first change, and the changes in the order of time."""

    name: str
    keys: tuple[str, ...]
    changes: tuple[Change, ...]


def read(path: Path, upload_rate: float) -> History:
    """The history in a trace. `upload_rate` is in objects a second.

    The changes of a line begin at its time: first the puts in their order, then the deletes. Raises
    UnusableTrace.
    """
    suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), None)
    if suffix is None:
        raise UnusableTrace(f"{path}: a trace ends in {' or '.join(_SUFFIXES)}")
    name = path.name.removesuffix(suffix)
    beside = (path.with_name(f"{name}.keys{end}") for end in (".gz", ""))
    keys = next((file for file in beside if file.exists()), None)
    if keys is None:
        raise UnusableTrace(f"{path}: no {name}.keys.gz beside it, the keys before the first line")
    changes = sorted(_changes(path, upload_rate))
    if not changes:
        raise UnusableTrace(f"{path}: holds no change")
    return History(name, tuple(sorted({line for _, line in _lines(keys) if line})), tuple(changes))


def _changes(path: Path, upload_rate: float) -> Iterator[Change]:
    number = 0
    for deploy, text in _lines(path):
        time, steps = _parsed(text, f"{path}:{deploy}")
        for position, (key, put) in enumerate(steps):
            yield Change(time + position / upload_rate, number, key, put, deploy, single=len(steps) == 1)
            number += 1


def _parsed(text: str, where: str) -> tuple[float, list[tuple[str, bool]]]:
    """(unix seconds, [(key, whether it was put), …]) of a line."""
    try:
        line: Any = json.loads(text)
        time = float(line["t"])
        puts, deletes = line.get("put", []), line.get("delete", [])
        datetime.fromtimestamp(time, UTC)
        _check_keys(puts)
        _check_keys(deletes)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        raise UnusableTrace(
            f'{where}: no {{"t": seconds, "put": [key, …], "delete": [key, …]}} ({error!r})'
        ) from error
    return time, [*((key, True) for key in puts), *((key, False) for key in deletes)]


def _check_keys(value: object) -> None:
    if not isinstance(value, list) or not all(isinstance(key, str) and key for key in value):
        raise TypeError("put and delete must be lists of keys")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line)"""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode().rstrip("\r\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnusableTrace(f"{path}: {error}") from error
