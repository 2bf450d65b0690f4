"""The other systems' policies, each as /docs/planner.md describes it, worked out by hand."""

import pytest

from benchmarks.simulate.baselines import POLICIES, run
from benchmarks.simulate.history import Change, History
from benchmarks.simulate.score import Score

MAY = 1_900_000_000.0


def decided(
    policy: str, puts: list[tuple[float, str]], *, quota: int = 1000, keys: tuple[str, ...] = ()
) -> tuple[list[tuple[float, str]], Score]:
    """([(seconds, purge), …], score) of puts at some seconds, all of one deploy, on an unversioned bucket."""
    changes = tuple(Change(MAY + t, n, key, True, 1, single=False) for n, (t, key) in enumerate(puts))
    score = run(History("made-up", keys, changes), POLICIES[policy], versioned=False, quota=quota)
    purges = [(each.t - MAY, f"{each.prefix}{'*' if each.wildcard else ''}") for each in score.decisions]
    return purges, score


def at_once(*keys: str) -> list[tuple[float, str]]:
    return [(0.0, key) for key in keys]


def test_per_event_purges_every_record() -> None:
    """Twice in a batch is purged twice."""
    purges, _ = decided("per-event", at_once("a/x.jpg", "a/x.jpg"))
    assert purges == [(2.0, "a/x.jpg")] * 2


def test_per_key_purges_once_a_batch() -> None:
    """Batches end two seconds after their first change."""
    purges, _ = decided("per-key", [(0.0, "a/x.jpg"), (1.0, "a/x.jpg"), (2.5, "a/x.jpg")])
    assert purges == [(2.0, "a/x.jpg"), (4.5, "a/x.jpg")]


def test_folder_purges_the_folders_touched() -> None:
    """Not those below; where ImageKit takes no wildcard, the keys."""
    keys = ("media/one/", "media/one/b.jpg", "media/one/deep/c.jpg")
    purges, score = decided("folder", at_once("media/one/a.jpg", "x/y.jpg", "top.jpg"), keys=keys)
    assert purges == [(2.0, "media/one/*"), (2.0, "top.jpg"), (2.0, "x/y.jpg")]
    assert score.row()["evictions"] == 3


def test_s3deploy_purges_up_to_eight_paths_as_they_are() -> None:
    """At the end of the deploy."""
    puts = [(n / 50, f"media/x/{n}.jpg") for n in range(8)]
    purges, _ = decided("s3deploy", puts)
    assert purges == [(pytest.approx(7 / 50, abs=1e-3), key) for _, key in puts]


def test_s3deploy_broadens_from_the_deepest_level_up() -> None:
    """Nine paths four deep become the folder above theirs; the one at the top stays."""
    puts = at_once(*(f"media/pictures/x{n}/deep/{n}.jpg" for n in range(9)), "top.jpg")
    purges, _ = decided("s3deploy", puts)
    assert sorted(purge for _, purge in purges) == ["media/pictures/*", "top.jpg"]


def test_s3deploy_gives_up_and_purges_everything_which_imagekit_refuses() -> None:
    """So it is charged for every key."""
    keys = [f"{n}.jpg" for n in range(9)]
    purges, _ = decided("s3deploy", at_once(*keys))
    assert [purge for _, purge in purges] == keys


def test_threshold_collapses_folders_and_their_parents() -> None:
    """More than three files: the folder. More than ten such folders: their parent. After five minutes."""
    three = [f"media/few/{n}.jpg" for n in range(3)]
    four = [f"media/many/{n}.jpg" for n in range(4)]
    purges, _ = decided("threshold", at_once(*three, *four))
    assert purges == [(300.0, key) for key in three] + [(300.0, "media/many/*")]
    many = [f"media/all/{folder:02}/{n}.jpg" for folder in range(11) for n in range(4)]
    purges, _ = decided("threshold", at_once(*many, "media/all/x.jpg"))
    assert purges == [(300.0, "media/all/*")]


def test_over_the_quota_a_policy_is_blocked_and_its_changes_are_stale() -> None:
    """They are never tried again, and never served."""
    _, score = decided("per-key", at_once("a/1.jpg", "a/2.jpg", "a/3.jpg"), quota=2)
    row = score.row()
    assert (row["purges"], row["months_out_of_quota"], row["stale_at_month_end"]) == (2, 1, 1)


def test_with_versions_a_baseline_is_told_what_needs_no_purge() -> None:
    """A brand-new key is left out of the batch, and counts as evicted where a folder takes it along."""
    changes = tuple(
        Change(MAY, n, key, True, 1, single=False)
        for n, key in enumerate(("media/x/new.jpg", "media/x/old.jpg"))
    )
    for policy, expected in (("per-key", (1, 0)), ("folder", (1, 1))):
        history = History("made-up", ("media/x/old.jpg",), changes)
        score = run(history, POLICIES[policy], versioned=True, quota=1000)
        row = score.row()
        assert (row["purges"], row["evictions"]) == expected
