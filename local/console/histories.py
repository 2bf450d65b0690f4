"""Makes a trace of the files that are dropped on the page, and says what is wrong with them."""

import gzip
import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from local.console.programs import module, output
from local.errors import BadInput

MOST_BYTES = 64 * 1024 * 1024
"""Of all files that are dropped together."""

MOST_UNPACKED = 8 * MOST_BYTES
"""Of all of them unpacked: a small file can hold gigabytes."""

_BUNDLE = (b"# v2 git bundle", b"# v3 git bundle")
_GZIP = b"\x1f\x8b"
_LINES = (".jsonl.gz", ".jsonl")
_KEYS = (".keys.gz", ".keys")
_ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\xfd7zXZ": "packed by xz",
    b"(\xb5/\xfd": "packed by zstd",
    b"BZh": "packed by bzip2",
}
_TAR, _TAR_AT = b"ustar", 257
_TAKEN = "a trace with its keys, a git bundle, or S3 server access logs"


class History(NamedTuple):
    """A trace with its keys beside it, and what to know of it."""

    trace: Path
    note: str = ""


async def read(files: Mapping[str, bytes], folder: Path) -> History:
    """Write a trace of the files into an empty folder. Raises BadInput, whose text may name the folder."""
    if not files:
        raise BadInput(f"No file came: drop {_TAKEN}.")
    bundles, traces, keys, logs = _sorted(files)
    if sum(map(bool, (bundles, traces or keys, logs))) > 1:
        kinds = [*bundles[:1], *(traces or keys)[:1], *logs[:1]]
        raise BadInput(f"{', '.join(kinds)} are of different kinds: drop {_TAKEN}, one at a time.")
    if bundles:
        _only(bundles, "git bundle")
        return await _of_bundle(bundles[0], files[bundles[0]], folder)
    if traces or keys:
        if not traces:
            raise BadInput(f"{keys[0]} has the keys of a trace: drop the trace, a .jsonl.gz, with it.")
        _only(traces, "trace")
        return _of_trace(traces[0], files[traces[0]], files[keys[0]] if keys else None, folder)
    return await _of_logs({name: files[name] for name in logs}, folder)


def check(files: Mapping[str, bytes]) -> None:
    """Raises BadInput for an archive, and for files that are too large unpacked or cannot be unpacked."""
    total = 0
    for name, content in files.items():
        for magic, kind in _ARCHIVES.items():
            if content.startswith(magic):
                raise BadInput(f"{name} is {kind}: unpack it, and drop the files in it.")
        if not content.startswith(_GZIP):
            _check_tar(name, content)
            continue
        try:
            with gzip.open(io.BytesIO(content)) as unpacked:
                while part := unpacked.read(MOST_BYTES // 64):
                    if not unpacked.tell() - len(part):
                        _check_tar(name, part)
                    total += len(part)
                    if total > MOST_UNPACKED:
                        raise BadInput(
                            f"{name} is too large unpacked: give at most {MOST_UNPACKED:,} bytes together."
                        )
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{name} cannot be unpacked: {error}") from error


def _check_tar(name: str, content: bytes) -> None:
    if content[_TAR_AT:].startswith(_TAR):
        raise BadInput(f"{name} is a tar archive: unpack it, and drop the files in it.")


def _sorted(files: Mapping[str, bytes]) -> tuple[list[str], list[str], list[str], list[str]]:
    """The names of the bundles, the traces, their keys, and all others, which may be logs."""
    bundles = [name for name, content in files.items() if content.startswith(_BUNDLE)]
    traces = [name for name in files if name.endswith(_LINES) and name not in bundles]
    keys = [name for name in files if name.endswith(_KEYS) and name not in bundles]
    return bundles, traces, keys, [name for name in files if name not in {*bundles, *traces, *keys}]


def _only(names: Sequence[str], kind: str) -> None:
    if len(names) > 1:
        raise BadInput(f"{names[0]} and {names[1]} came together: drop one {kind} at a time.")


async def _of_bundle(name: str, content: bytes, folder: Path) -> History:
    title = _file_name(name.removesuffix(".bundle"))
    bundle, repository = folder / f"{title}.bundle", folder / f"{title}.git"
    bundle.write_bytes(content)
    try:
        # Only the history is read: nothing is checked out, and no hook runs.
        await output("git", "init", "--quiet", "--bare", repository)
        heads = await output("git", "-C", repository, "bundle", "unbundle", bundle)
        commits = {ref: commit for commit, _, ref in (head.partition(" ") for head in heads)}
        head = commits.get("HEAD") or next(iter(commits.values()), "")
        await output("git", "-C", repository, "update-ref", "--no-deref", "HEAD", head)
    except BadInput as error:
        raise BadInput(
            f"{name} cannot be read: make a whole bundle by `git bundle create x.bundle HEAD`. {error}"
        ) from error
    return History(await _made([repository], folder))


async def _of_logs(files: Mapping[str, bytes], folder: Path) -> History:
    logs = {}
    for number, (name, content) in enumerate(files.items()):
        path = folder / f"log-{number}{'.gz' if content.startswith(_GZIP) else ''}"
        path.write_bytes(content)
        logs[path] = name
    try:
        trace = await _made(["--s3-log", *logs], folder)
    except BadInput as error:
        problem = str(error)
        for path, name in logs.items():
            problem = problem.replace(f"{path}:", f"{name}:")
        raise BadInput(f"{problem}. Drop {_TAKEN}.") from error
    return History(trace, "S3 logs do not show keys that nobody used: the real evictions are more.")


async def _made(source: Sequence[object], folder: Path) -> Path:
    out = folder / "traces"
    await output(*module("benchmarks.trace", *source, "--out", out))
    return max(sorted(out.glob("*.jsonl.gz")), key=lambda path: path.stat().st_size)


def _of_trace(name: str, lines: bytes, keys: bytes | None, folder: Path) -> History:
    title = _file_name(name.removesuffix(".gz").removesuffix(".jsonl"))
    trace = folder / f"{title}.jsonl{'.gz' if lines.startswith(_GZIP) else ''}"
    trace.write_bytes(lines)
    content = gzip.compress(b"") if keys is None else keys
    (folder / f"{title}.keys{'.gz' if content.startswith(_GZIP) else ''}").write_bytes(content)
    if keys is None:
        return History(
            trace, "No .keys.gz came with it: other keys are not known, so the real evictions are more."
        )
    return History(trace)


def _file_name(text: str) -> str:
    """A name for a file in our own folder, that says which file it was."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(text).name)
    return kept.strip(".-")[:60] or "trace"
