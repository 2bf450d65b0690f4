"""What would my month cost? Makes a trace of what is dropped on the page, and simulates it.

`benchmarks.trace` and `benchmarks.simulate` do the work, each as a process of its own, so that the page stays
quick, and a simulation ends when the next one begins.
"""

import asyncio
import gzip
import io
import json
import shutil
import sys
import tempfile
import zlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from local import environment
from local.console.feed import Feed
from local.errors import BadInput
from local.workspace import PROJECT

MOST_BYTES = 64 * 1024 * 1024
"""Of all files that are dropped together."""

MOST_UNPACKED = 8 * MOST_BYTES
"""Of all of them unpacked: a small file can hold gigabytes."""

MOST_QUOTA = 100_000_000
"""As template.yaml has it for MonthlyPurgeQuota."""

_SECONDS = 900.0  # for a trace, and for a simulation
_BUNDLE = (b"# v2 git bundle", b"# v3 git bundle")
_GZIP = b"\x1f\x8b"
_LINES = (".jsonl.gz", ".jsonl")
_KEYS = (".keys.gz", ".keys")


class Month:
    """The simulation of the page. Everything that comes of it goes to the feed, as the value `month`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._folder = Path(tempfile.mkdtemp(prefix="console-month-"))
        self._trace: Path | None = None
        self._note = ""
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def close(self) -> None:
        """End the simulation, and remove its files."""
        await self._cancel()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def drop(self, files: Mapping[str, bytes], quota: int) -> None:
        """Take files: a trace with its keys, a git bundle, or S3 server access logs. Then simulate.

        Returns at once; what is wrong with the files is shown on the page. Raises BadInput for a quota that
        cannot be.
        """
        _check(quota)
        async with self._changing:
            await self._cancel()
            self._trace = None
            self._show(quota, "Reading the history …")
            self._task = asyncio.create_task(self._take(files, quota))

    async def simulate(self, quota: int) -> None:
        """Simulate the trace that was dropped last with another quota. Returns at once.

        Raises BadInput if nothing was dropped, or for a quota that cannot be.
        """
        _check(quota)
        async with self._changing:
            if self._trace is None:
                raise BadInput("Drop a trace, a git bundle or S3 logs first.")
            await self._cancel()
            self._show(quota, "Simulating …")
            self._task = asyncio.create_task(self._run(self._trace, quota))

    async def _cancel(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _take(self, files: Mapping[str, bytes], quota: int) -> None:
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(mode=0o700)
            self._trace, self._note = await self._traced(files)
        except BadInput as error:
            self._show(quota, problem=self._without_folder(error))
            return
        await self._run(self._trace, quota)

    async def _run(self, trace: Path, quota: int) -> None:
        rows: list[dict[str, Any]] = []
        try:
            self._show(quota, "Simulating …")
            simulate = (sys.executable, "-m", "benchmarks.simulate", trace)
            async with aclosing(_lines(*simulate, "--quota", quota, "--json")) as lines:
                async for line in lines:
                    rows = [*rows, json.loads(line)]
                    self._show(quota, "Simulating …", rows=rows)
        except BadInput as error:
            self._show(quota, problem=self._without_folder(error))
            return
        self._show(quota, rows=rows)

    def _without_folder(self, error: BadInput) -> str:
        return str(error).replace(f"{self._folder}/", "")

    def _show(
        self,
        quota: int,
        progress: str = "",
        *,
        rows: Sequence[Mapping[str, Any]] = (),
        problem: str = "",
    ) -> None:
        shown = {"quota": quota, "progress": progress, "rows": list(rows), "problem": problem}
        self._feed.set_value("month", {**shown, "note": self._note})

    async def _traced(self, files: Mapping[str, bytes]) -> tuple[Path, str]:
        """Return a trace made of the files, and what to know of it."""
        if not files:
            raise BadInput("No file came: drop a trace, a git bundle or S3 logs.")
        await asyncio.to_thread(_check_unpacked, files)
        (first_name, first), *_ = files.items()
        if first.startswith(_BUNDLE):
            return await self._of_bundle(first_name, first)
        if any(name.endswith(_LINES) for name in files):
            return self._of_trace(files)
        return await self._of_logs(files)

    async def _of_bundle(self, name: str, content: bytes) -> tuple[Path, str]:
        title = _file_name(name.removesuffix(".bundle"))
        bundle, repository = self._folder / f"{title}.bundle", self._folder / f"{title}.git"
        bundle.write_bytes(content)
        try:
            # Only the history is read: nothing is checked out, and no hook runs.
            await _output("git", "init", "--quiet", "--bare", repository)
            heads = await _output("git", "-C", repository, "bundle", "unbundle", bundle)
            commits = {ref: commit for commit, _, ref in (head.partition(" ") for head in heads)}
            head = commits.get("HEAD") or next(iter(commits.values()), "")
            await _output("git", "-C", repository, "update-ref", "--no-deref", "HEAD", head)
        except BadInput as error:
            raise BadInput(
                f"{name} cannot be read: make a whole bundle by `git bundle create x.bundle HEAD`. {error}"
            ) from error
        await self._make_trace([repository])
        return self._made(), ""

    async def _of_logs(self, files: Mapping[str, bytes]) -> tuple[Path, str]:
        logs = []
        for number, content in enumerate(files.values()):
            log = self._folder / f"log-{number}{'.gz' if content.startswith(_GZIP) else ''}"
            log.write_bytes(content)
            logs.append(log)
        await self._make_trace(["--s3-log", *logs])
        made = self._made()
        return made, "S3 logs do not show keys that nobody used: the real evictions are more."

    async def _make_trace(self, source: Sequence[object]) -> None:
        out = self._folder / "traces"
        await _output(sys.executable, "-m", "benchmarks.trace", *source, "--out", out)

    def _made(self) -> Path:
        found = sorted((self._folder / "traces").glob("*.jsonl.gz"))
        return max(found, key=lambda path: path.stat().st_size)

    def _of_trace(self, files: Mapping[str, bytes]) -> tuple[Path, str]:
        name, lines = next((name, body) for name, body in files.items() if name.endswith(_LINES))
        keys = next((body for other, body in files.items() if other.endswith(_KEYS)), None)
        title = _file_name(name.removesuffix(".gz").removesuffix(".jsonl"))
        trace = self._folder / f"{title}.jsonl{'.gz' if lines.startswith(_GZIP) else ''}"
        trace.write_bytes(lines)
        content = gzip.compress(b"") if keys is None else keys
        suffix = ".gz" if content.startswith(_GZIP) else ""
        (self._folder / f"{title}.keys{suffix}").write_bytes(content)
        if keys is None:
            return (
                trace,
                "No .keys.gz came with it: other keys are not known, so the real evictions are more.",
            )
        return trace, ""


def _check(quota: int) -> None:
    if not 1 <= quota <= MOST_QUOTA:
        raise BadInput(f"The quota is {quota}: give 1 to {MOST_QUOTA} purges a month.")


def _check_unpacked(files: Mapping[str, bytes]) -> None:
    """Raises BadInput if the files are too large unpacked, or cannot be unpacked."""
    total = 0
    for name, content in files.items():
        if not content.startswith(_GZIP):
            continue
        try:
            with gzip.open(io.BytesIO(content)) as unpacked:
                while part := unpacked.read(MOST_BYTES // 64):
                    total += len(part)
                    if total > MOST_UNPACKED:
                        raise BadInput(
                            f"{name} is too large unpacked: give at most {MOST_UNPACKED:,} bytes together."
                        )
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{name} cannot be unpacked: {error}") from error


def _file_name(text: str) -> str:
    """A name for a file in our own folder, that says which file it was."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in Path(text).name)
    return kept.strip(".-")[:60] or "trace"


def _environment() -> dict[str, str]:
    # In a hook of another repository, git's environment variables name that repository.
    inherited = {name: text for name, text in environment.inherited().items() if not name.startswith("GIT_")}
    return inherited | {"PYTHONPATH": str(PROJECT / "functions")}


async def _output(*command: object) -> list[str]:
    async with aclosing(_lines(*command)) as lines:
        return [line.rstrip("\n") async for line in lines]


async def _lines(*command: object) -> AsyncGenerator[str, None]:
    """Yield the lines that a program prints. Raises BadInput with what it says if it fails.

    The program ends with the iterator.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=PROJECT,
        env=_environment(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=MOST_BYTES,  # of a line
    )
    output, errors = (cast(asyncio.StreamReader, pipe) for pipe in (process.stdout, process.stderr))
    said = asyncio.create_task(errors.read())
    try:
        async with asyncio.timeout(_SECONDS):
            async for line in output:
                yield line.decode(errors="replace")
            if await process.wait():
                message = (await said).decode(errors="replace").strip().splitlines() or ["no reason"]
                raise BadInput(message[-1][:500])
    except TimeoutError:
        raise BadInput(f"It took longer than {_SECONDS / 60:g} minutes: give a shorter history.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        said.cancel()
