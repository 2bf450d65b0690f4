"""The fault simulation: whatever fails, every invariant holds."""

import pytest

from tests.chaos import faults
from tests.chaos.__main__ import main
from tests.chaos.run import run
from tests.chaos.schedule import generate


@pytest.mark.parametrize("seed", range(1, 7))
def test_every_invariant_holds_with_every_fault(seed: int) -> None:
    """This is a short form of `python -m tests.chaos --seeds 1-200`, with the emulator on a socket."""
    assert run(generate(seed, 100, faults.ALL)).violations == []


def test_every_invariant_holds_with_moto() -> None:
    """The table, the secret, the executions and the alerts are moto's, not the simulation's own."""
    result = run(generate(3, 40, faults.ALL), moto=True)
    assert result.violations == []
    assert result.counts["purges"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    """The schedule and ImageKit's log are identical, including request ids, with and without a socket."""
    one, other = generate(5, 80, faults.ALL), generate(5, 80, faults.ALL)
    assert one == other
    first, second = run(one), run(other, socket=False)
    assert first.log == second.log
    assert first.counts == second.counts
    assert first.log != run(generate(6, 80, faults.ALL), socket=False).log


def test_the_exit_status_says_whether_every_invariant_held(capsys: pytest.CaptureFixture[str]) -> None:
    """It is 0 if all hold. Otherwise it is 1, with the seed, the schedule and the command to repeat it."""
    few = ["--changes", "10", "--faults", "none", "--jobs", "1", "--transport", "memory"]
    assert main([*few, "--seeds", "1-2"]) == 0
    assert "2 x 10 changes" in capsys.readouterr().out
    assert main([*few, "--mutant", "never-track"]) == 1
    shown = capsys.readouterr().out
    assert "seed 1 broke:" in shown
    assert "set-up: " in shown
    assert "again: python -m tests.chaos --seed 1" in shown
