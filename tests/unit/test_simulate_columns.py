"""The figures that a row has beside the counts: those of hindsight, and how long changes are stale."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulate import hindsight
from benchmarks.simulate.hindsight import Hindsight
from benchmarks.simulate.score import Score
from tests.unit.test_simulate import play, write
from tests.unit.test_simulate_hindsight import JUNE, history_of


def test_a_row_says_how_far_off_ours_is() -> None:
    """The worst ratio of the months where hindsight evicts; the evictions of those where it does not."""
    counts = (("2030-05", 30), ("2030-06", 8), ("2030-07", 5), ("2030-08", 7), ("2030-09", 9))
    row: dict[str, Any] = {"per_month": [{"month": name, "evictions": count} for name, count in counts]}
    months = {
        "2030-05": Hindsight(9, 20),
        "2030-06": Hindsight(9, 4),
        "2030-07": Hindsight(9, 0),
        "2030-09": Hindsight(99, None),
    }
    made = hindsight.compared(row, months, ours=True)
    assert [month["hindsight_evictions"] for month in made["per_month"]] == [20, 4, 0, 0, None]
    assert (made["hindsight_evictions"], made["evictions_over_hindsight"]) == (24, 2.0)
    assert made["evictions_where_hindsight_has_none"] == 5 + 7
    assert "hindsight_evictions" not in row["per_month"][0], "the argument stays as it was"
    other = hindsight.compared(row, months, ours=False)
    assert (other["hindsight_evictions"], other["evictions_over_hindsight"]) == (24, None)
    assert other["evictions_where_hindsight_has_none"] is None


def test_the_figures_of_a_month_that_is_short_of_purges(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nine of ten keys change in five folders. The only purge is a wildcard for all, which evicts one key."""
    keys = [f"media/all/{folder}/{name}.jpg" for folder in "abcde" for name in "xy"]
    row, _ = play(capsys, write(tmp_path, keys, [(0, keys[1:], [])]), "--quota", "1")
    assert row["per_month"][0]["hindsight_evictions"] == 1
    assert (row["evictions"], row["hindsight_evictions"], row["evictions_over_hindsight"]) == (1, 1, 1.0)
    assert row["evictions_where_hindsight_has_none"] == 0


def test_stale_seconds_count_to_the_purge_or_to_the_end_of_the_month() -> None:
    """Two changes purged after 10 and 5 seconds, and one never."""
    history = history_of([(JUNE - 100, "m/b/1"), (JUNE - 95, "m/b/1"), (JUNE - 50, "m/b/3")])
    score = Score(history, versioned=False)
    for change in history.changes[:2]:
        score.changed(change)
    score.purged(JUNE - 90, "m/b/1", wildcard=False)
    score.changed(history.changes[2])
    score.finish()
    assert score.row()["stale_seconds"] == 10 + 5 + 50
