"""Whatever fails: no change is lost, the quota holds, every purge is followed, and no secret gets out."""

import subprocess
import sys

import pytest

from tests.chaos import faults
from tests.chaos.run import run
from tests.chaos.schedule import generate


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_invariant_holds_with_every_fault(seed: int) -> None:
    """A short form of `python -m tests.chaos --seeds 1-200`, with the emulator on a socket."""
    assert run(generate(seed, 100, faults.ALL)).broken == []


def test_every_invariant_holds_on_moto_too() -> None:
    """The table, the secret, the executions and the alerts of moto, instead of the simulation's own."""
    result = run(generate(3, 40, faults.ALL), moto=True)
    assert result.broken == []
    assert result.counts["purges"] > 0


def test_the_same_seed_is_the_same_story() -> None:
    """Schedule and ImageKit's log are identical, with and without a socket, to the last request id."""
    one, other = generate(5, 80, faults.ALL), generate(5, 80, faults.ALL)
    assert one == other
    first, second = run(one), run(other, socket=False)
    assert first.log == second.log
    assert first.counts == second.counts
    assert first.log != run(generate(6, 80, faults.ALL), socket=False).log


def test_the_command_tells_by_its_status_what_it_found() -> None:
    """0 where everything holds; 1, with seed, schedule and how to see it again, where something broke."""
    command = [sys.executable, "-m", "tests.chaos", "--changes", "10", "--faults", "none", "--jobs", "1"]
    good = subprocess.run([*command, "--seeds", "1-2"], check=False, capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    assert "2 seeds x 10 changes" in good.stdout
    bad = subprocess.run(
        [*command, "--mutant", "never-track"], check=False, capture_output=True, text=True
    )
    assert bad.returncode == 1, bad.stderr
    assert "seed 1 broke:" in bad.stdout
    assert "again: python -m tests.chaos --seed 1" in bad.stdout
