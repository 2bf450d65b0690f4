"""Whatever fails: no change is lost, the quota holds, every purge is followed, and no secret gets out."""

import pytest

from tests.chaos import faults
from tests.chaos.__main__ import main
from tests.chaos.run import run
from tests.chaos.schedule import generate


@pytest.mark.parametrize("seed", range(1, 7))
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


def test_the_command_tells_by_its_status_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    """0 where everything holds; 1, with seed, schedule and how to see it again, where something broke."""
    few = ["--changes", "10", "--faults", "none", "--jobs", "1", "--transport", "memory"]
    assert main([*few, "--seeds", "1-2"]) == 0
    assert "2 x 10 changes" in capsys.readouterr().out
    assert main([*few, "--mutant", "never-track"]) == 1
    shown = capsys.readouterr().out
    assert "seed 1 broke:" in shown
    assert "set-up: " in shown
    assert "again: python -m tests.chaos --seed 1" in shown
