"""A short form of `python -m benchmarks.cost`. The benchmark shows the cost, not this test."""

import json
import subprocess
import sys
from typing import Any

from local.workspace import PROJECT


def _bills(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(  # noqa: S603 - the arguments are those of the tests below
        [sys.executable, "-m", "benchmarks.cost", "--keys", "3000", "--json", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _calls(row: dict[str, Any]) -> dict[str, float]:
    """How often a month each reason occurs."""
    return {line["reason"]: line["calls"] for line in row["lines"]}


def test_a_month_of_ticks_costs_what_the_ticks_call() -> None:
    """Each of the 43,200 ticks of a month is an invocation that looks for changes, and none makes a purge."""
    (row,) = _bills("--scale", "idle", "--seconds", "3600")
    calls = _calls(row)
    assert row["purges"] == 0
    assert calls["tick"] == calls["SubmitPurge, tick"] == calls["Query pending"] == 43_200
    assert calls["mapping polls an empty queue"] == 648_000
    assert row["usd"] > sum(line["usd"] for line in row["in_any_case"]) > 1
    assert abs(sum(row["services"].values()) - row["usage_usd"]) < 1e-9


def test_changes_become_purges_that_are_followed_to_their_end() -> None:
    """A purge has one message or more, and its execution checks it until it is completed."""
    (row,) = _bills("--scale", "1k", "--seconds", "172800")
    calls = _calls(row)
    assert row["measured_changes"] > 10
    assert 0 < row["purges"] <= row["changes"]
    assert calls["S3 sends"] == row["measured_changes"] * 15
    assert calls["TrackPurges"] > 0
    assert calls["UpdateItem submitted"] == row["purges"]
    assert row["peer"]["ratio"] > 0


def test_held_changes_are_read_again_and_again() -> None:
    """With no quota left, nothing is purged, and what is held stays in the ledger."""
    (row,) = _bills("--scale", "100k", "--quota", "1000", "--used-up", "--seconds", "300")
    assert row["purges"] == 0
    assert _calls(row)["Query pending"] > 0


def test_a_burst_is_followed_until_nothing_is_pending() -> None:
    """Each scattered change takes a purge of its own or shares one, and the partition takes all writes."""
    (row,) = _bills("--burst", "60", "--rate", "100", "--scattered", "--quota", "10000")
    assert row["sets_still_pending"] == 0
    assert 0 < row["purges"] <= row["changes"] == 60
    assert row["purges_in_the_busiest_minute"] <= row["purges"]
    assert row["seconds_until_all_are_delivered"] <= row["seconds_until_none_is_pending"]
    assert 0 < row["write_units_of_pending_in_the_busiest_second"] <= row["write_units_of_pending"]
