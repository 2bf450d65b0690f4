"""A short form of `python -m benchmarks.throughput`. The benchmark shows the speed, not this test."""

import json
import subprocess
import sys

from local.workspace import PROJECT


def test_full_batches_lose_nothing_and_cost_little() -> None:
    """5,000 changes pass the real handler in a separate process, which counts memory and writes."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.throughput",
            "--changes=5000",
            "--calls=100",
            "--runs=1",
            "--json",
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    ours, folders, *yardsticks = map(json.loads, done.stdout.splitlines())
    for row in (ours, folders):
        assert (row["changes"], row["lost"], row["sets_pending"]) == (5000, 0, 0)
        assert row["peak_mb"] < row["memory_mb"]
    # One write or call for each change would be 1,000 per thousand.
    assert ours["dynamodb_writes_per_1000"] < 50
    assert ours["imagekit_calls_per_1000"] < 50
    # A purge for each batch of a folder at most. While a drain gathers the upload, other batches come.
    assert folders["imagekit_calls_per_1000"] <= 1
    assert folders["aws_calls_per_1000"] < 50
    assert [each["imagekit_calls_per_1000"] for each in yardsticks] == [1000, 1000]


def test_a_backlog_is_drained_within_memory_and_time() -> None:
    """A short form of `--backlog`: all is drained within a function's memory and time-out."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.throughput", "--backlog", "55000", "--json"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
        text=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 2
    for row in rows:
        assert row["lost"] == 0
        assert row["peak_mb"] < row["memory_mb"]
        assert 0 < row["imagekit_calls"] < 900
