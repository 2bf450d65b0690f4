"""The demo of `make run` passes, and it fails if the main job is not done."""

import io
import uuid
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from local.demo import stage, verdict
from local.demo.catalogue import Act, Piece, pieces
from local.demo.edge import Edge
from local.demo.play import Play
from local.demo.screen import Screen
from local.observer import Observer
from local.stack import Stack
from tests.e2e.polling import DEADLINE_SECONDS
from tests.e2e.stack_control import emulator_settings, function_environment


def _played(stack: Stack, images: Sequence[Piece], deadline: float) -> tuple[list[str], str]:
    """Runs the demo. Returns the problems and the output."""
    shown = io.StringIO()
    screen = Screen(Console(file=shown, width=120))
    with function_environment(stack, SKIP_NEW_OBJECTS="false", POWERTOOLS_LOG_LEVEL="DEBUG"):
        problems = Play(stack, Observer(stack), screen).run(images, deadline)
    return problems, shown.getvalue()


def test_every_changed_image_is_fresh_and_no_other_one_is_evicted(stack: Stack) -> None:
    """Each changed image is stale before its purge and fresh after it. The others stay cached."""
    with emulator_settings(stack, delay=3.0):
        problems, shown = _played(stack, pieces(), DEADLINE_SECONDS)
    assert problems == []
    assert "135 of 135 URLs of untouched images still show the same cached copy" in shown
    assert "From change to fresh: median " in shown
    # The log of a CI system gets plain lines, without control characters.
    assert all(character.isprintable() for character in shown.replace("\n", ""))


def test_it_fails_if_the_edge_stays_stale(stack: Stack) -> None:
    """The demo reports each URL whose purge takes longer than the deadline."""
    late = Piece(f"late/{uuid.uuid4()}.png", Act.ADDED)
    with emulator_settings(stack, delay=600.0):
        problems, _ = _played(stack, [late], deadline=3)
    assert sum("still stale at" in problem for problem in problems) == 3


def test_it_fails_if_an_untouched_image_is_evicted(stack: Stack) -> None:
    """A neighbour that was fetched again differs only in its age."""
    kept = Piece(f"kept/{uuid.uuid4()}.png", Act.KEPT)
    subjects = stage.cast(stack, [kept])
    stage.upload(stack, subjects)
    with Edge() as edge:
        warmed = stage.warm(edge, subjects)
        assert verdict.spared(edge, subjects, warmed) == (3, [])
        older = {url: replace(look, at=look.at - 60) for url, look in warmed.items()}
        spared, wrong = verdict.spared(edge, subjects, older)
    assert spared == 0
    assert all("evicted from the cache" in problem for problem in wrong)
