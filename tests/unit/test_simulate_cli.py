"""What the simulation shows to people, and how it says no."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.simulate.__main__ import main as simulate
from tests.unit.test_simulate import BY_HAND, FOLDER, write


def test_a_table_and_charts_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All policies of two traces: a line each, uncut, and a panel a trace in either format."""
    traces = [str(write(tmp_path, FOLDER, BY_HAND, name)) for name in ("one", "two & $more$")]
    for picture in ("chart.svg", "chart.png"):
        assert simulate([*traces, "--plot", str(tmp_path / picture)]) == 0
    table = capsys.readouterr().out
    assert "…" not in table
    assert table.count("threshold") == 4
    assert "out of" in table
    svg = ElementTree.parse(tmp_path / "chart.svg")  # noqa: S314 - our own
    texts = {text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")}
    assert {"one", "two & $more$", "ours", "purges (number, log scale)"} <= texts
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_the_help_says_what_out_of_quota_means(capsys: pytest.CaptureFixture[str]) -> None:
    """No month is over the quota: changes found no purge left."""
    with pytest.raises(SystemExit, match="0"):
        simulate(["--help"])
    assert (
        "A month is out of quota if changes were in need of a purge when none was left"
        in capsys.readouterr().out
    )


def test_the_columns_of_hindsight(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Evictions of hindsight, the ratio of ours, and hours; a dash where there is nothing to compare."""
    keys = [f"media/all/{folder}/{name}.jpg" for folder in "abcde" for name in "xy"]
    trace = str(write(tmp_path, keys, [(0, keys[1:], [])]))
    assert simulate([trace, "--quota", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    second = next(number for number, line in enumerate(lines) if "hindsight" in line)
    assert {"hind-", "ours /", "stale"} <= set(re.split(r"\s{2,}", lines[second - 1].strip()))
    assert {"sight", "hindsight", "hours"} <= set(re.split(r"\s{2,}", lines[second].strip()))
    rows = {cells[-16]: cells for line in lines[second + 1 :] if len(cells := line.split()) >= 16}
    assert rows["ours"][-8:-6] == ["1", "1"]
    assert rows["per-key"][-8:-6] == ["1", "–"]
    hours = {policy: float(cells[-1].replace(",", "")) for policy, cells in rows.items()}
    assert hours["ours"] < 3 < hours["per-key"]


def test_the_same_figures_make_the_same_chart(tmp_path: Path) -> None:
    """Byte by byte: no date and no random id is in the file."""
    trace = str(write(tmp_path, FOLDER, BY_HAND))
    for picture in ("one.svg", "two.svg"):
        assert simulate([trace, "--plot", str(tmp_path / picture)]) == 0
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_evictions_are_counted_by_weight_if_weights_are_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a column of their own, beside their number: the purge of a folder evicts two images of weight 5."""
    trace = str(write(tmp_path, FOLDER, BY_HAND[:1]))
    arguments = [trace, "--policy", "folder", "--json"]
    assert simulate(arguments) == 0
    assert simulate([*arguments, "--weights", "*.jpg=5"]) == 0
    plain, weighted = map(json.loads, capsys.readouterr().out.splitlines())
    assert plain["evictions"] == 2
    assert weighted == plain | {"evictions_by_weight": 10}
    assert simulate([trace, "--weights", "*.jpg=5"]) == 0
    assert "weight" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"", "holds no change"),
        (b"{}\n", "made-up.jsonl:1: no"),
        (b'{"t": 1, "put": "a"}\n', "lists of keys"),
        (b'{"t": 1e99, "put": ["a"]}\n', "made-up.jsonl:1: no"),
        (b"\xff\n", "made-up.jsonl"),
    ],
)
def test_an_unusable_trace_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    """Which file, which line, and what is wrong with it; status 2."""
    path = tmp_path / "made-up.jsonl"
    (tmp_path / "made-up.keys").write_text("a\n")
    if content is not None:
        path.write_bytes(content)
    assert simulate([str(path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("simulate: ")
    assert said in error


@pytest.mark.parametrize(
    "option",
    [
        *(
            ("--upload-rate", "0"),
            ("--quota", "-1"),
            ("--quota", "0"),
            ("--plot", "a.gif"),
            ("--policy", "x"),
        ),
        ("--weights", "*.mp4"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    """Before anything runs."""
    with pytest.raises(SystemExit) as stopped:
        simulate([str(tmp_path / "t.jsonl"), *option])
    assert stopped.value.code == 2
    assert option[0] in capsys.readouterr().err
