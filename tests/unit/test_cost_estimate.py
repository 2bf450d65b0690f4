"""What a month costs in AWS, estimated without a new measurement."""

import json

import pytest

from benchmarks import quotes
from benchmarks.cost.estimate import RESULTS, estimate, main, measurements


def test_it_takes_the_next_larger_measurement() -> None:
    """So this system costs no more than that. Beyond the largest one nothing is known."""
    measured = {0: 1.5, 1000: 3.5, 100_000: 16.0}
    assert estimate(900, 1000, measured)["measured"] == {"changes": 1000, "usd": 3.5}
    assert estimate(1000, 1000, measured)["measured"] == {"changes": 1000, "usd": 3.5}
    assert estimate(1001, 1000, measured)["measured"] == {"changes": 100_000, "usd": 16.0}
    assert estimate(100_001, 1000, measured)["measured"] is None


def test_one_call_an_event_costs_more_with_more_changes_and_more_quota() -> None:
    """What the quota refuses is called, but not followed."""
    small, refused, large = (
        estimate(changes, quota, {})["per_event_usd"]
        for changes, quota in ((10**6, 10**6), (2 * 10**6, 10**6), (2 * 10**6, 2 * 10**6))
    )
    assert 0 < small < refused < large


def test_it_reads_the_measurements_of_the_results(capsys: pytest.CaptureFixture[str]) -> None:
    """The table is the one that `make bench` writes, and so is one call an event beside it."""
    measured = measurements(quotes.blocks(RESULTS.read_text())["cost"])
    assert sorted(measured)[:2] == [0, 1000]
    assert main(["1000", "1000"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["measured"] == {"changes": 1000, "usd": measured[1000]}
    assert f"${found['per_event_usd']:.2f} |" in quotes.blocks(RESULTS.read_text())["cost"]
