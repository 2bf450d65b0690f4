"""What the demo prints fits the width of the console."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.demo.actions import DemoImage
from local.demo.catalogue import ChangeKind, image_specs
from local.demo.display import Display
from local.demo.drawing import draw
from local.demo.edge_client import EdgeAnswer
from local.demo.watch import ImageStatus, Watch
from local.observer import Accepted


def _watch() -> Watch:
    """Returns a watch that has seen everything of all changed images."""
    watch = Watch.__new__(Watch)
    watch.started_at = 1_790_000_000.0
    watch.statuses, watch.purges = [], []
    for number, spec in enumerate(image_specs()):
        if spec.kind is ChangeKind.UNTOUCHED:
            continue
        picture = draw(number, 1, spec.extension)
        after = None if spec.kind is ChangeKind.DELETED else picture
        image = DemoImage(spec, ("https://edge/a",), picture, after, watch.started_at)
        answer = EdgeAnswer(
            watch.started_at + 100, watch.started_at + 100.5, 200, hit=True, age=100, body=b""
        )
        purge = Accepted("0" * 24, "https://edge/a*", answer.at, answer.at)
        answers = {"https://edge/a": answer}
        watch.statuses.append(ImageStatus(image, answer.at, purge, answer.at, answers, answers))
    return watch


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_each_row_is_one_line_with_every_value_complete(width: int) -> None:
    """Only keys are shortened, in the middle; wide characters count as two cells."""
    shown = io.StringIO()
    Display(Console(file=shown, width=width)).table(_watch())
    lines = shown.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    rows = [line for line in lines if "100.5 s" in line]
    assert len(rows) == 28
    assert all(line.count("100.5 s") == 4 and "v1, Age 100" in line for line in rows)
    assert any("…" in line for line in rows)
    assert ("copied over" in shown.getvalue()) == (width >= 110)


def test_a_purge_of_many_images_is_printed_in_a_line() -> None:
    """A purge that serves one image is not printed."""
    watch, shown = _watch(), io.StringIO()
    wildcard = "https://edge/campaigns/summer%202026/look-*"
    many, one = Accepted("1" * 24, wildcard, 0.0, None), Accepted("2" * 24, "https://edge/a*", 0.0, None)
    watch.purges = [many, one]
    for number, status in enumerate(watch.statuses):
        status.purge = many if number < 10 else one if number == 10 else None
    Display(Console(file=shown, width=120)).shared_purges(watch, "https://edge")
    assert shown.getvalue() == "  One wildcard purge, /campaigns/summer 2026/look-*, served 10 images.\n"
