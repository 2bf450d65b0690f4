"""Makes a change history for `benchmarks.simulate` from a git repository, or from S3's server access logs.

A git repository stands for the bucket that its files are deployed to: one commit is one deploy, a merge is
one step, a rename is a delete and a put. The trace follows the first parents of HEAD, --months back.

S3 access logs (--s3-log) show puts and deletes, but not the keys that the bucket had before. A key that was
read or deleted before it was put counts as existing at the start. Other unchanged keys are missing, so the
evictions are too few. To avoid that, list the bucket's keys with --keys.

Writes NAME.jsonl.gz and NAME.keys.gz, where NAME is the repository's or the bucket's.
"""

import argparse
import gzip
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.trace import git, s3_log
from benchmarks.trace.steps import Trace, Unreadable

MEDIA = "avif,bmp,gif,heic,ico,jpeg,jpg,m4v,mov,mp3,mp4,ogg,pdf,png,svg,tif,tiff,webm,webp"


def main(arguments: list[str] | None = None) -> int:
    """Read a history and write its trace. Returns 2 if there is nothing usable."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.git_dir is None) == (options.s3_log is None):
        parser.error("name either a GIT_DIR or --s3-log FILE …")
    if options.keys and not options.s3_log:
        parser.error("--keys goes with --s3-log: a git repository has the keys already")
    try:
        if options.git_dir:
            found = [git.read(options.git_dir, options.months, options.ext)]
        else:
            found = s3_log.read(options.s3_log, options.keys, options.months, options.ext)
        for trace in found:
            _write(trace, options.out)
    except (Unreadable, OSError) as error:
        print(f"trace: {error}", file=sys.stderr)
        return 2
    return 0


def _write(trace: Trace, out: Path) -> None:
    if not trace.steps:
        raise Unreadable(f"{trace.name}: no change of such a file in these months; see --ext and --months")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{trace.name}.jsonl.gz"
    _gzip(target, (json.dumps(step.line(), ensure_ascii=False) for step in trace.steps))
    _gzip(out / f"{trace.name}.keys.gz", sorted(trace.keys))
    changes = sum(len(step.puts) + len(step.deletes) for step in trace.steps)
    skipped = f"; {trace.skipped} keys left out: they are no UTF-8 lines" if trace.skipped else ""
    print(f"{target}: {len(trace.keys):,} keys, {len(trace.steps):,} steps, {changes:,} changes{skipped}")


def _gzip(path: Path, lines: Iterable[str]) -> None:
    # The file contains no name and no time: the same history makes the same file.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        for line in lines:
            file.write(f"{line}\n".encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trace",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("git_dir", nargs="?", type=Path, metavar="GIT_DIR", help="a repository, bare or not")
    parser.add_argument("--s3-log", nargs="+", type=Path, metavar="FILE", help="access logs, gzipped or not")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="the bucket's keys before, one a line")
    parser.add_argument("--months", type=_months, default=24, help="how far back to go (default: 24)")
    parser.add_argument(
        "--ext",
        type=_extensions,
        default=MEDIA,
        metavar="EXT,…",
        help=f"extensions of the files that count, or all (default: {MEDIA})",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    return parser


def _months(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1200:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of months from 1 to 1200")
    return int(text)


def _extensions(text: str) -> tuple[str, ...]:
    """Lower-case endings, each with its dot. `all` is the empty ending, which every key has."""
    if text == "all":
        return ("",)
    return tuple(f".{part.strip().lstrip('.').lower()}" for part in text.split(",") if part.strip(" ."))


if __name__ == "__main__":
    sys.exit(main())
