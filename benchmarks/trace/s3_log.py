"""Reads traces from S3's server access logs, one for each bucket.

Amazon S3 user guide, "Amazon S3 server access log format": spaces separate the fields, and the
key is URL-encoded twice. S3 delivers logs on a best-effort basis, out of order, and some records twice.
"""

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from benchmarks.trace.steps import Step, Trace, Unreadable, cut, kept

Kind = Literal["read", "put", "delete"]

_KINDS: dict[str, Kind] = {
    "REST.PUT.OBJECT": "put",
    "REST.POST.OBJECT": "put",
    "REST.COPY.OBJECT": "put",
    "REST.POST.UPLOAD": "put",  # the end of a multipart upload, which begins with UPLOADS
    "REST.DELETE.OBJECT": "delete",
    "BATCH.DELETE.OBJECT": "delete",
    "S3.EXPIRE.OBJECT": "delete",
    "S3.CREATE.DELETEMARKER": "delete",
    "REST.GET.OBJECT": "read",
    "REST.HEAD.OBJECT": "read",
    "WEBSITE.GET.OBJECT": "read",
    "REST.COPY.OBJECT_GET": "read",
}

_FIELD = re.compile(r'"(?:\\.|[^"\\])*"|\[[^\]]*\]|\S+')
# The positions of the fields.
_BUCKET, _TIME, _REQUEST, _OPERATION, _KEY, _STATUS, _VERSION = 1, 2, 5, 6, 7, 9, 17


@dataclass(frozen=True, slots=True, order=True)
class Record:
    """One successful request, at `t` (unix seconds). `request` is its id, which all keys of a batch share."""

    t: int
    bucket: str
    key: str
    kind: Kind
    request: str


def read(
    files: Sequence[Path], keys_file: Path | None, months: int, extensions: tuple[str, ...]
) -> list[Trace]:
    """A trace for each bucket in the logs. Raises Unreadable."""
    records = sorted(dict.fromkeys(chain.from_iterable(map(_records, files))), key=lambda record: record.t)
    listed = [line for _, line in _lines(keys_file)] if keys_file else []
    buckets = sorted({record.bucket for record in records if record.kind != "read"})
    if not buckets:
        raise Unreadable(f"{files[0]}{' …' if len(files) > 1 else ''}: no successful put or delete in it")
    if keys_file and len(buckets) > 1:
        raise Unreadable(f"--keys lists one bucket, but the logs have {', '.join(buckets)}")
    return [
        _trace(bucket, [record for record in records if record.bucket == bucket], listed, months, extensions)
        for bucket in buckets
    ]


def _trace(
    bucket: str, records: Sequence[Record], listed: Sequence[str], months: int, extensions: tuple[str, ...]
) -> Trace:
    start, seen, skipped = set(listed), set[str](), set[str]()
    steps: list[Step] = []
    within: set[str] = set()
    for record in records:
        if "\n" in record.key or "\r" in record.key:
            skipped.add(record.key)
            continue
        if record.key not in seen and record.kind != "put" and not listed:
            start.add(record.key)
        seen.add(record.key)
        if record.kind == "read":
            continue
        if not steps or steps[-1].t != record.t or record.key in within:
            steps.append(Step(record.t))
            within = set()
        within.add(record.key)
        (steps[-1].puts if record.kind == "put" else steps[-1].deletes).append(record.key)
    for step in steps:
        step.puts = [key for key in step.puts if kept(key, extensions)]
        step.deletes = [key for key in step.deletes if kept(key, extensions)]
    keys = {key for key in start if key and kept(key, extensions)}
    return Trace(bucket, *cut(keys, [s for s in steps if s.puts or s.deletes], months), len(skipped))


def _records(path: Path) -> Iterator[Record]:
    for number, line in _lines(path):
        fields = _FIELD.findall(line)
        if not fields:
            continue
        if len(fields) <= _STATUS:
            raise Unreadable(f"{path}:{number}: no record of an S3 server access log: {line[:80]!r}")
        kind = _KINDS.get(fields[_OPERATION])
        # A lifecycle rule has no status. A delete with a version id removes an old version, not the object.
        succeeded = fields[_STATUS].startswith("2") or fields[_STATUS] in ("304", "303", "-")
        old = kind == "delete" and len(fields) > _VERSION and fields[_VERSION] != "-"
        if kind is None or not succeeded or old or fields[_KEY] == "-":
            continue
        key = unquote(unquote(fields[_KEY]))
        yield Record(_seconds(fields[_TIME], path, number), fields[_BUCKET], key, kind, fields[_REQUEST])


def _seconds(text: str, path: Path, number: int) -> int:
    try:
        return int(datetime.strptime(text, "[%d/%b/%Y:%H:%M:%S %z]").timestamp())
    except ValueError as error:
        raise Unreadable(f"{path}:{number}: {error}") from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line)"""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode(errors="replace").rstrip("\r\n")
    except (OSError, EOFError) as error:
        raise Unreadable(f"{path}: {error}") from error
