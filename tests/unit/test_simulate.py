"""The simulation: figures that can be worked out by hand, the same ones each time, honest to the history."""

import gzip
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulate.__main__ import main as simulate

MAY = datetime(2030, 5, 15, 12, tzinfo=UTC).timestamp()
Line = tuple[float, list[str], list[str]]


def write(folder: Path, keys: Sequence[str], lines: Sequence[Line], name: str = "made-up") -> Path:
    """A trace on disk: (seconds after the middle of May 2030, puts, deletes) a line."""
    path = folder / f"{name}.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for t, put, delete in lines:
            file.write(json.dumps({"t": MAY + t, "put": put, "delete": delete}) + "\n")
    with gzip.open(folder / f"{name}.keys.gz", "wt") as file:
        file.writelines(f"{key}\n" for key in sorted(keys))
    return path


def play(
    capsys: pytest.CaptureFixture[str], trace: Path, *options: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(row, decisions) of one policy, `ours` by default."""
    decisions = trace.with_name("decisions")
    arguments = [str(trace), "--json", "--policy", "ours", "--decisions", str(decisions), *options]
    assert simulate(arguments) == 0
    (row,) = map(json.loads, capsys.readouterr().out.splitlines())
    return row, [json.loads(line) for line in decisions.read_text().splitlines()]


FOLDER = ["img/a/1.jpg", "img/a/2.jpg", "img/a/3.jpg", "img/b/x.jpg"]
BY_HAND: list[Line] = [
    (0, ["img/a/1.jpg"], []),
    (1000, ["img/a/1.jpg", "img/a/2.jpg", "img/a/3.jpg"], []),
    (2000, ["img/a/new.jpg"], ["img/a/2.jpg"]),
]


def test_a_trace_worked_out_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One overwritten, then its whole folder, then one deleted while a new one needs no purge."""
    row, decisions = play(capsys, write(tmp_path, FOLDER, BY_HAND))
    assert decisions == [
        {"trace": "made-up", "policy": "ours", **decision}
        for decision in (
            {"t": MAY + 0.3, "prefix": "img/a/1.jpg", "wildcard": True, "changed": 1, "collateral": 0},
            {"t": MAY + 1002.06, "prefix": "img/a/", "wildcard": True, "changed": 3, "collateral": 0},
            {"t": MAY + 2002.08, "prefix": "img/a/2.jpg", "wildcard": True, "changed": 1, "collateral": 0},
        )
    ]
    (month,) = row.pop("per_month")
    assert month == {
        "month": "2030-05",
        "purges": 3,
        "evictions": 0,
        "changes": 5,
        "stale": 0,
        "out_of_quota": False,
        "price": 0.0,
        "hindsight_evictions": 0,
    }
    assert row == {
        "trace": "made-up",
        "policy": "ours",
        "mode": "versioned",
        "months": 1,
        "months_out_of_quota": 0,
        "purges": 3,
        "purges_in_worst_month": 3,
        "changes_needing_purge": 5,
        "evictions": 0,
        "evictions_per_change": 0.0,
        # 0.3, 2.06, 2.04, 2.02 and 2.06 seconds: company is gathered for 2 seconds after its first event.
        "delay_median": 2.0,
        "delay_p95": 2.1,
        "delay_max": 2.1,
        "delay_median_single": 0.3,
        "stale_at_month_end": 0,
        "stale_seconds": 8.5,  # the sum of these delays
        "hindsight_evictions": 0,
        "evictions_over_hindsight": None,
        "evictions_where_hindsight_has_none": 0,
    }


def test_without_versions_new_objects_are_purged_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two of the four keys of img/a/ changed last: two purges, as a wildcard would evict two others."""
    row, decisions = play(capsys, write(tmp_path, FOLDER, BY_HAND), "--unversioned")
    assert {decision["prefix"] for decision in decisions[2:]} == {"img/a/2.jpg", "img/a/new.jpg"}
    assert (row["purges"], row["changes_needing_purge"], row["evictions"]) == (4, 6, 0)


def test_a_purge_evicts_whatever_its_url_is_a_prefix_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With QueryVariants a single object is purged as `photo.jpg*`, which takes `photo.jpg.bak` along: here
    the quota of two, less the reserve, leaves one purge for it."""
    keys = ["a/photo.jpg", "a/photo.jpg.bak"]
    row, decisions = play(capsys, write(tmp_path, keys, [(0, ["a/photo.jpg"], [])]), "--quota", "2")
    assert (decisions[0]["wildcard"], decisions[0]["collateral"], row["evictions"]) == (True, 1, 1)


@pytest.mark.parametrize(("rate", "ends"), [(5, 120), (10, 60), (50, 12)])
def test_changes_arrive_while_a_drain_sleeps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rate: int, ends: float
) -> None:
    """600 objects are one upload, however fast, even if a drain does not live as long: a purge or two."""
    keys = [f"img/all/{n:03}.jpg" for n in range(600)]
    row, decisions = play(capsys, write(tmp_path, keys, [(0, keys, [])]), "--upload-rate", str(rate))
    assert len(decisions) <= 2
    assert sum(each["changed"] for each in decisions) == 600
    assert decisions[-1]["t"] - MAY < ends + 8
    assert row["evictions"] == 0


def test_put_again_after_its_removal_needs_no_purge_if_the_removal_had_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Soon after, the ledger knows; a week later it is purged to be safe."""
    lines: list[Line] = [(0, [], ["a/x.jpg"]), (600, ["a/x.jpg"], [])]
    row, _ = play(capsys, write(tmp_path, ["a/x.jpg"], lines))
    assert (row["purges"], row["changes_needing_purge"]) == (1, 1)
    lines[1] = (7 * 86_400, ["a/x.jpg"], [])
    row, decisions = play(capsys, write(tmp_path, ["a/x.jpg"], lines))
    assert (row["purges"], row["changes_needing_purge"]) == (2, 1)
    assert (decisions[1]["changed"], decisions[1]["collateral"]) == (0, 1), "counted as needless"


def test_out_of_quota_the_rest_waits_for_the_next_months(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """20 folders for which ImageKit takes no wildcard, 9 purges a month after the reserve: 9, 9 and 2."""
    keys = [f"{n:02}/a.jpg" for n in range(20)]
    row, _ = play(capsys, write(tmp_path, keys, [(0, keys, [])]), "--quota", "10")
    assert [month["purges"] for month in row["per_month"]] == [9, 9, 2]
    assert [month["stale"] for month in row["per_month"]] == [11, 0, 0], "in the month of the change"
    assert [month["out_of_quota"] for month in row["per_month"]] == [True, True, False]
    assert (row["months_out_of_quota"], row["stale_at_month_end"]) == (2, 11)
    assert row["delay_max"] > 40 * 86_400


@pytest.mark.parametrize(("policy", "most"), [("ours", 9), ("per-key", 10)])
def test_a_month_is_out_of_quota_only_if_a_change_finds_no_purge_left(
    policy: str, most: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the last purge it is not, with one change more it is; the quota is never exceeded."""
    keys = [f"{n:02}/a.jpg" for n in range(most + 1)]
    for number, out_of_quota in ((most, False), (most + 1, True)):
        lines: list[Line] = [(0, keys[:number], [])]
        row, _ = play(capsys, write(tmp_path, keys, lines), "--quota", "10", "--policy", policy)
        month = row["per_month"][0]
        assert (month["purges"], month["out_of_quota"]) == (most, out_of_quota)


POLICIES = ("ours", "per-event", "per-key", "folder", "s3deploy", "threshold")


def made_up(seed: int) -> tuple[list[str], list[Line]]:
    """Trickle and bulk over months, overlapping uploads included."""
    chance = random.Random(seed)
    folders = [f"media/{name}" for name in ("a", "b", "größe", "c/deep")]
    exists = {f"{folder}/{n}{size}.jpg" for folder in folders for n in range(40) for size in ("", "@2x")}
    start, t, lines = sorted(exists), 0.0, []
    for _ in range(40):
        t += chance.choice((0.5, 30, 5_000, 200_000))
        some = chance.randint(1, chance.choice((1, 5, 120)))
        put = [f"{chance.choice(folders)}/{chance.randrange(60)}.jpg" for _ in range(some)]
        put += chance.choice(([], [key for key in sorted(exists) if key.startswith(chance.choice(folders))]))
        put = sorted(set(put))
        gone = sorted(set(chance.sample(sorted(exists), 3)) - set(put)) if chance.random() < 0.4 else []
        exists = (exists | set(put)) - set(gone)
        lines.append((t, put, gone))
    return start, lines


def changes_of(lines: Sequence[Line], rate: float) -> list[tuple[float, str, bool]]:
    """(seconds, key, whether put), as the requirement has it."""
    every = []
    for t, put, delete in lines:
        steps = [(key, True) for key in put] + [(key, False) for key in delete]
        every += [(MAY + t + at / rate, key, is_put) for at, (key, is_put) in enumerate(steps)]
    return sorted(every, key=lambda each: each[0])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("versioned", [True, False])
def test_decisions_stand_up_to_a_scorer_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str, versioned: bool
) -> None:
    """Replays trace and decisions with plain sets: evictions are the row's, and every change is covered."""
    for seed in (0, 1):
        start, lines = made_up(seed)
        trace = write(tmp_path, start, lines)
        mode = "--versioned" if versioned else "--unversioned"
        row, decisions = play(capsys, trace, "--policy", policy, "--quota", "2000", mode)
        exists, waiting, evictions, needed = set(start), set(), 0, 0
        changes = changes_of(lines, 50)
        for decision in [*decisions, None]:
            while changes and (decision is None or changes[0][0] <= decision["t"] + 1e-3):
                _, key, put = changes.pop(0)
                if key in exists or not put or not versioned:
                    waiting.add(key)
                    needed += 1
                (exists.add if put else exists.discard)(key)
            if decision:
                prefix = decision["prefix"]
                hit = {key for key in exists | waiting if key.startswith(prefix)}
                hit = hit if decision["wildcard"] else hit & {prefix}
                assert decision["collateral"] == len((hit & exists) - waiting)
                assert decision["changed"] == len(hit & waiting)
                evictions += decision["collateral"]
                waiting -= hit
        assert not waiting, "every change has a purge at or after it"
        assert (row["evictions"], row["changes_needing_purge"]) == (evictions, needed)
        assert row["purges"] == len(decisions)


def test_the_same_history_gives_the_same_decisions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No clock and no chance of this machine has a say."""
    trace = write(tmp_path, *made_up(9))
    assert play(capsys, trace) == play(capsys, trace)


def test_no_change_waits_longer_than_it_may(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Uploads that a small quota holds back: MaxHoldSeconds is 900, and then price decides, not time."""
    row, _ = play(capsys, write(tmp_path, *made_up(4)), "--quota", "600", "--unversioned")
    assert max(month["price"] for month in row["per_month"]) > 1
    assert row["delay_max"] <= 900
    assert row["stale_at_month_end"] == 0


def test_a_single_change_overtakes_a_bulk_upload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """50,000 objects at 500 a second; in the midst of it another one changes, and is fresh within seconds."""
    bulk = [f"bulk/{n % 200:03}/{n:05}.jpg" for n in range(50_000)]
    lines: list[Line] = [(0, bulk, []), (30, ["news/today.jpg"], [])]
    row, decisions = play(capsys, write(tmp_path, [*bulk, "news/today.jpg"], lines), "--upload-rate", "500")
    (single,) = [each for each in decisions if each["prefix"] == "news/today.jpg"]
    assert single["t"] - MAY - 30 < 15
    assert row["evictions"] == 0
    assert row["stale_at_month_end"] == 0
