"""The demo as `make run` shows it; and it notices if the main job is not done."""

import io
import uuid
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from local.demo import actions, results
from local.demo.catalogue import ChangeKind, ImageSpec, image_specs
from local.demo.display import Display
from local.demo.edge_client import EdgeClient
from local.demo.scenario import Scenario
from local.observer import Observer
from local.stack import Stack
from tests.e2e.polling import DEADLINE_SECONDS
from tests.e2e.stack_control import emulator_settings, function_environment


def _run(stack: Stack, specs: Sequence[ImageSpec], deadline: float) -> tuple[list[str], str]:
    """Returns (what went wrong, what was shown)."""
    shown = io.StringIO()
    display = Display(Console(file=shown, width=120))
    with function_environment(stack, POWERTOOLS_LOG_LEVEL="DEBUG", SKIP_NEW_OBJECTS="false"):
        problems = Scenario(stack, Observer(stack), display).run(specs, deadline)
    return problems, shown.getvalue()


def test_every_change_is_seen_fresh_and_nothing_else_is_evicted(stack: Stack) -> None:
    """All images: each changed one is received, purged, Completed, stale before, fresh after."""
    with emulator_settings(stack, delay=3.0):
        problems, shown = _run(stack, image_specs(), DEADLINE_SECONDS)
    assert problems == []
    assert "135 of 135 URLs of untouched images still show the same cached copy" in shown
    assert "From change to fresh: median " in shown
    # The log of a CI system gets plain lines, without control characters.
    assert all(character.isprintable() for character in shown.replace("\n", ""))


def test_it_fails_if_the_edge_stays_stale(stack: Stack) -> None:
    """A purge that takes longer than the deadline is reported for each URL."""
    late = ImageSpec(f"late/{uuid.uuid4()}.png", ChangeKind.ADDED)
    with emulator_settings(stack, delay=600.0):
        problems, _ = _run(stack, [late], deadline=3)
    assert sum("still stale at" in problem for problem in problems) == 3


def test_it_fails_if_an_untouched_image_is_evicted(stack: Stack) -> None:
    """The edge fetches it again and shows the same picture, but with a lower age."""
    untouched = ImageSpec(f"untouched/{uuid.uuid4()}.png", ChangeKind.UNTOUCHED)
    images = actions.demo_images(stack, [untouched])
    actions.upload(stack, images)
    with EdgeClient() as edge:
        warmed = actions.warm(edge, images)
        assert results.check_untouched(edge, images, warmed) == (3, [])
        older = {url: replace(answer, at=answer.at - 60) for url, answer in warmed.items()}
        cached, wrong = results.check_untouched(edge, images, older)
    assert cached == 0
    assert all("evicted from the cache" in problem for problem in wrong)
