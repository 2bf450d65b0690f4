"""What would my month cost: a trace, a git bundle or S3 logs become the rows of the simulation."""

import asyncio
import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.console.feed import Feed
from local.console.histories import MOST_UNPACKED
from local.console.month import Month, Terms
from local.errors import BadInput
from tests.unit.test_trace import LOG

STEPS = [{"t": 1_790_000_000 + 60 * n, "put": [f"photo-{each}.jpg" for each in range(3)]} for n in range(2)]
TRACE = gzip.compress("".join(f"{json.dumps(step)}\n" for step in STEPS).encode())
_SECONDS = 300.0


def _dropped(files: dict[str, bytes], *others: Terms) -> dict[str, Any]:
    """What the page shows in the end: after the files are dropped, and then on other terms."""

    async def scenario() -> dict[str, Any]:
        feed = Feed()
        month = Month(feed)
        try:
            await month.drop(files, Terms(1000))
            await _over(feed)
            for terms in others:
                await month.simulate(terms)
                await _over(feed)
        finally:
            await month.close()
        found: dict[str, Any] = feed.value("month")
        return found

    return asyncio.run(asyncio.wait_for(scenario(), _SECONDS))


async def _over(feed: Feed) -> None:
    async for _ in feed.follow():
        shown = feed.value("month")
        if shown and not shown["progress"]:
            return


def test_a_trace_with_its_keys() -> None:
    """Ours and all other policies, with the quota of the slider."""
    shown = _dropped({"x.jsonl.gz": TRACE, "x.keys.gz": gzip.compress(b"photo-0.jpg\n")}, Terms(1))
    assert (shown["problem"], shown["note"], shown["quota"]) == ("", "", 1)
    assert [row["policy"] for row in shown["rows"]][:2] == ["ours", "per-event"]
    assert max(row["purges_in_worst_month"] for row in shown["rows"]) == 1
    assert shown["cost"]["changes"] == max(month["changes"] for month in shown["rows"][0]["per_month"])


def test_a_bucket_without_versions() -> None:
    """Then every change needs a purge, the new keys as well."""
    needed = [
        _dropped({"x.jsonl.gz": TRACE}, Terms(1000, versioned=versioned))["rows"][0]["changes_needing_purge"]
        for versioned in (True, False)
    ]
    assert needed == [3, 6]


def test_a_trace_without_keys_says_what_is_missing() -> None:
    """It is simulated all the same. A file name cannot lead out of the folder."""
    shown = _dropped({"../../x/.jsonl.gz": TRACE})
    assert len(shown["rows"]) == 6
    assert "No .keys.gz" in shown["note"]


def test_s3_logs() -> None:
    """Several files, gzipped or not."""
    content = "".join(LOG).encode()
    shown = _dropped({"one.log": content, "two": gzip.compress(content)})
    assert shown["problem"] == ""
    assert len(shown["rows"]) == 6


def test_a_git_bundle(tmp_path: Path) -> None:
    """Of HEAD, or of a branch alone."""

    def git(*words: str) -> None:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.com", *words]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the lines below

    git("init", "--quiet", "--initial-branch", "main")
    for text in ("one", "two"):
        (tmp_path / "photo.jpg").write_text(text)
        git("add", "photo.jpg")
        git("commit", "--quiet", "--message", text)
    for ref in ("HEAD", "main"):
        bundle = tmp_path / f"{ref}.bundle"
        git("bundle", "create", str(bundle), ref)
        shown = _dropped({"pictures.bundle": bundle.read_bytes()})
        assert shown["problem"] == ""
        assert {row["trace"] for row in shown["rows"]} == {"pictures"}


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "No file came"),
        ({"x.bundle": b"# v2 git bundle\nno"}, "git bundle create"),
        ({"x.jsonl": b"no trace"}, "x.jsonl:1"),
        ({"x.log": b"no log\n"}, "x.log:1: no record of an S3 server access log"),
        (
            {"a b.log": "".join(LOG).encode(), "\u00fc.log": gzip.compress(b"no log\n")},
            "\u00fc.log:1: no record",
        ),
        ({"x.zip": b"PK\x03\x04..."}, "x.zip is a zip archive: unpack it"),
        ({"x.tar.gz": gzip.compress(bytes(257) + b"ustar")}, "x.tar.gz is a tar archive: unpack it"),
        ({"x.jsonl": b"", "x.log": b"no log"}, "x.jsonl, x.log are of different kinds"),
        ({"x.log": b"no log", "x.bundle": b"# v2 git bundle\n"}, "x.bundle, x.log are of different kinds"),
        ({"x.jsonl": b"", "y.jsonl": b""}, "x.jsonl and y.jsonl came together: drop one trace at a time"),
        ({"x.keys.gz": TRACE}, "drop the trace, a .jsonl.gz, with it"),
        ({"x.jsonl.gz": gzip.compress(bytes(MOST_UNPACKED + 1))}, "x.jsonl.gz is too large unpacked"),
        ({"x.jsonl.gz": b"\x1f\x8bno gzip"}, "x.jsonl.gz cannot be unpacked"),
    ],
)
def test_bad_files_are_explained(files: dict[str, bytes], problem: str) -> None:
    """The page names the file and the remedy, and no folder of this machine."""
    shown = _dropped(files)
    assert problem in shown["problem"]
    assert "console-month" not in shown["problem"]
    assert shown["rows"] == []


def test_a_quota_that_cannot_be_and_a_simulation_of_nothing() -> None:
    """Both are refused before anything starts."""

    async def scenario() -> None:
        month = Month(Feed())
        try:
            with pytest.raises(BadInput, match="The quota is 0"):
                Terms(0)
            with pytest.raises(BadInput, match="first"):
                await month.simulate(Terms(10))
        finally:
            await month.close()

    asyncio.run(scenario())


def test_the_next_simulation_ends_the_one_before() -> None:
    """The page shows the last one only."""

    async def scenario() -> Any:
        feed = Feed()
        month = Month(feed)
        try:
            await month.drop({"x.jsonl.gz": TRACE}, Terms(1000))
            await _over(feed)
            for quota in (1, 2, 3):
                await month.simulate(Terms(quota))
            await _over(feed)
        finally:
            await month.close()
        return feed.value("month")

    assert asyncio.run(asyncio.wait_for(scenario(), _SECONDS))["quota"] == 3
