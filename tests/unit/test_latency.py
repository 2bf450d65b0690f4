"""The figures of `python -m benchmarks.latency`, from what was measured to the table."""

from benchmarks.latency.figures import Followed, lone_rows, percentile, spread, text


def _followed(put_at: float, slow: float = 1.0) -> Followed:
    return Followed(
        put_at=put_at,
        kept_at=put_at + 0.25 * slow,
        submitted_at=put_at + 0.5 * slow,
        accepted_at=put_at + 0.75 * slow,
        answered_at=put_at + 1.0 * slow,
        drained_at=put_at + 1.5 * slow,
        completed_at=put_at + 3.75 * slow,
        seen_at=put_at + 6.0 * slow,
        fresh_at=put_at + 4.0 * slow,
    )


def test_a_percentile_is_a_measured_value_by_nearest_rank() -> None:
    """Of 10 values, 9 are at most the 90th percentile; of one value, all percentiles are that value."""
    assert percentile([float(number) for number in range(1, 11)], 0.9) == 9.0
    assert percentile([float(number) for number in range(1, 11)], 0.95) == 10.0
    assert percentile([7.0], 0.0) == percentile([7.0], 0.9) == 7.0


def test_a_row_has_median_and_worst() -> None:
    """Whatever the order in which it was measured."""
    row = spread("x", [3.0, 1.0, 2.0, 10.0])
    assert row == {"what": "x", "count": 4, "median": 2.5, "p90": 10.0, "max": 10.0}


def test_the_steps_of_a_lone_change_add_up_to_its_drain() -> None:
    """No time between the put and the end of the drain is left out or counted twice."""
    rows = lone_rows([_followed(100.0), _followed(200.0, slow=2.0), _followed(300.0)])
    figures = {row["what"]: row["median"] for row in rows}
    assert figures["put to accepted"] == 0.75
    assert figures["put to seen Completed"] == 6.0
    assert figures["put to fresh on the edge"] == 4.0
    assert figures["Completed to seen Completed"] == 2.25
    assert sum(seconds for what, seconds in figures.items() if what.startswith("step: ")) == 1.5


def test_the_table_leaves_out_what_a_row_lacks() -> None:
    """Rows of different figures stand in one table, each under its heading."""
    head, first, second = text([{"what": "a", "x_y": 1234, "z": 0.5}, {"what": "bb", "z": 2.0}]).splitlines()
    assert head.split() == ["x", "y", "z"]
    assert first.split() == ["a", "1,234", "0.500"]
    assert second.split() == ["bb", "2.0"]
    assert len(first) == len(second)
