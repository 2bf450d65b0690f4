"""The generated histories: the same ones each time, and each kind has what it is made for."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.simulate import generate
from benchmarks.simulate.generate import KINDS, Made, make
from benchmarks.simulate.history import read

FIRST, LAST = {"2026-03-01", "2026-04-01"}, {"2026-03-31", "2026-04-30"}


def days_of_huge_deploys(made: Made) -> set[str]:
    """The days on which a deploy begins and ends that has more than a thousand changes."""
    huge = [deploy for deploy in made.deploys if len(deploy.keys) > 1000]
    ends = [datetime.fromtimestamp(deploy.t + len(deploy.keys) / 50, UTC) for deploy in huge]
    return {f"{day:%Y-%m-%d}" for day in [*(datetime.fromtimestamp(deploy.t, UTC) for deploy in huge), *ends]}


def singles_a_day(made: Made) -> list[int]:
    """The number of deploys of one change, on each day that has any."""
    days = Counter(int(deploy.t // 86_400) for deploy in made.deploys if len(deploy.keys) == 1)
    return [days[day] for day in sorted(days)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_decides_every_byte(tmp_path: Path, kind: str) -> None:
    """The same seed makes the same files, and another seed makes others."""
    for folder, seed in (("one", "1"), ("two", "1"), ("three", "2")):
        assert generate.main([kind, "--seed", seed, "--out", str(tmp_path / folder)]) == 0
    for suffix in ("jsonl.gz", "keys.gz"):
        one, two = (tmp_path / folder / f"{kind}-1.{suffix}" for folder in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
    lines = [tmp_path / folder / f"{kind}-{seed}.jsonl.gz" for folder, seed in (("one", 1), ("three", 2))]
    assert lines[0].read_bytes() != lines[1].read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulation_reads_what_was_made(tmp_path: Path, kind: str) -> None:
    """In the order of time, within two months; each change overwrites a key that exists."""
    assert generate.main([kind, "--out", str(tmp_path)]) == 0
    history, made = read(tmp_path / f"{kind}-1.jsonl.gz", 50.0), make(kind, 1)
    assert history.keys == made.keys
    assert sorted(change.key for change in history.changes) == sorted(
        key for deploy in made.deploys for key in deploy.keys
    )
    assert {change.key for change in history.changes} <= set(history.keys)
    assert all(change.put for change in history.changes)
    assert {datetime.fromtimestamp(change.at, UTC).month for change in history.changes} == {3, 4}


@pytest.mark.parametrize(
    ("kind", "days"),
    [
        ("folders", set()),
        ("singles", set()),
        ("first", FIRST),
        ("last", LAST),
        ("both", FIRST | LAST),
        ("all", FIRST | LAST),
    ],
)
def test_huge_deploys_come_on_their_days(kind: str, days: set[str]) -> None:
    """And they end on the same day, so that no other month pays for them."""
    assert days_of_huge_deploys(make(kind, 1)) == days


@pytest.mark.parametrize(
    ("kind", "count"), [("first", 3), ("last", 3), ("both", 3), ("singles", 25), ("all", 10)]
)
def test_singles_come_every_day(kind: str, count: int) -> None:
    """A few beside the huge deploys; a steady stream by themselves."""
    assert singles_a_day(make(kind, 1)) == [count] * 61


@pytest.mark.parametrize("kind", ["folders", "all"])
def test_the_same_names_change_under_many_folders(kind: str) -> None:
    """One to three names in each of 12 folders, three to eight times a day."""
    deploys = [deploy for deploy in make(kind, 1).deploys if deploy.keys[0].startswith("library/")]
    for deploy in deploys:
        names = Counter(key.rpartition("/")[2].partition(".")[0] for key in deploy.keys)
        assert set(names.values()) == {12}
        assert 1 <= len(names) <= 3
        assert len({key.rpartition("/")[0] for key in deploy.keys}) == 12
    a_day = Counter(int(deploy.t // 86_400) for deploy in deploys)
    assert len(a_day) == 61
    assert all(3 <= count <= 8 for count in a_day.values())


def test_the_help_explains_each_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """A line that begins with its name."""
    with pytest.raises(SystemExit):
        generate.main(["--help"])
    text = capsys.readouterr().out
    assert all(f"\n  {kind} " in text for kind in KINDS)


def test_a_folder_that_cannot_be_written_is_told_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2."""
    (tmp_path / "file").touch()
    assert generate.main(["singles", "--out", str(tmp_path / "file")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("generate: ")
    assert error.count("\n") == 1
