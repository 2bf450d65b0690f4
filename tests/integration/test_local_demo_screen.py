"""What the demo shows fits where it is shown."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.demo.catalogue import Act, pieces
from local.demo.edge import EdgeAnswer
from local.demo.screen import Screen
from local.demo.stage import Subject
from local.demo.watch import Story, Watch
from local.images import draw
from local.observer import Accepted


def _watch() -> Watch:
    """All changed images, at their end: nothing is looked at any more."""
    watch = Watch.__new__(Watch)
    watch.started_at = 1_790_000_000.0
    watch.stories, watch.purges = [], []
    for number, piece in enumerate(pieces()):
        if piece.act is Act.KEPT:
            continue
        picture = draw(number, 1, piece.extension)
        after = None if piece.act is Act.DELETED else picture
        subject = Subject(piece, ("https://edge/a",), picture, after, watch.started_at)
        look = EdgeAnswer(watch.started_at + 100, watch.started_at + 100.5, 200, hit=True, age=100, body=b"")
        purge = Accepted("0" * 24, "https://edge/a*", look.at, look.at)
        looks = {"https://edge/a": look}
        watch.stories.append(Story(subject, look.at, purge, look.at, looks, looks))
    return watch


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_a_row_is_a_line_and_every_value_stands_in_it_whole(width: int) -> None:
    """Keys are cut in the middle, never the times; wide characters count as two cells."""
    shown = io.StringIO()
    Screen(Console(file=shown, width=width)).table(_watch())
    lines = shown.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    rows = [line for line in lines if "100.5 s" in line]
    assert len(rows) == 28
    assert all(line.count("100.5 s") == 4 and "v1, Age 100" in line for line in rows)
    assert any("…" in line for line in rows)
    assert ("copied over" in shown.getvalue()) == (width >= 110)


def test_a_purge_of_many_images_is_told_in_a_line() -> None:
    """Whether changes are gathered depends on the speed of the machine; what is said of it does not."""
    watch, shown = _watch(), io.StringIO()
    look = "https://edge/campaigns/summer%202026/look-*"
    many, one = Accepted("1" * 24, look, 0.0, None), Accepted("2" * 24, "https://edge/a*", 0.0, None)
    watch.purges = [many, one]
    for number, story in enumerate(watch.stories):
        story.purge = many if number < 10 else one if number == 10 else None
    Screen(Console(file=shown, width=120)).purges(watch, "https://edge")
    assert shown.getvalue() == "  One wildcard purge, /campaigns/summer 2026/look-*, served 10 images.\n"
