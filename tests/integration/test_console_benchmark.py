"""The benchmark of the console, in a short form."""

import json

import pytest

from benchmarks.console.__main__ import main


def test_the_browser_measures_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """It paints objects and purges, then each update. How long that takes is not tested."""
    sizes = ["--objects", "40", "--purges", "30", "--updates", "3", "--runs", "1", "--json"]
    assert main(sizes) == 0, capsys.readouterr().err
    row = json.loads(capsys.readouterr().out)
    assert (row["objects"], row["purges"], row["updates"]) == (40, 30, 3)
    assert 0 < row["first_paint_ms"] <= row["pictures_ms"]
    assert row["update_worst_ms"] > 0
