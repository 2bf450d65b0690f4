"""What the demo shows: sentences, a live table, a final one. Without a terminal: plain lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, chop_cells
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.demo import verdict
from local.demo.catalogue import Act
from local.demo.watch import Story, Watch

_LONGEST_KEY = 44  # cells of a terminal
# What the columns beside the keys take of them, at most. On a narrow terminal that of the change is left out:
# before and after tell of it, too.
_OTHER_COLUMNS, _CHANGE_COLUMN, _NARROW = 76, 13, 110
_TIMES = {"event", "accepted", "Completed", "fresh"}
# Lines of a terminal that the live table leaves to its head, its foot and the prompt.
_MARGIN = 9


class Screen:
    """Writes to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = ""

    def say(self, text: str, style: str = "") -> None:
        """One sentence, as it is."""
        self._console.print(Text(text, style), soft_wrap=True)

    def head(self, text: str) -> None:
        """What a phase is about."""
        self._console.print()
        self.say(text, "bold")

    @contextmanager
    def live(self) -> Iterator["Screen"]:
        """In the block, `update` shows how far the watch is."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, transient=True, auto_refresh=False) as self._live:
            yield self

    def update(self, watch: Watch) -> None:
        """Show what changed since the last update."""
        counts = _counts(watch)
        if self._console.is_terminal:
            room = max(3, self._console.height - _MARGIN)
            # What is not over yet is what there is to see.
            shown = sorted(watch.stories, key=lambda story: story.over)[:room]
            foot = Text(f"{watch.seconds():5.1f} s   {counts}", "bold")
            self._live.update(Group(_table(shown, self._console.width), foot), refresh=True)
        elif counts != self._last:
            self._last = counts
            self.say(f"  {watch.seconds():5.1f} s   {counts}")

    def table(self, watch: Watch) -> None:
        """Every changed image, in full."""
        self._console.print(_table(watch.stories, self._console.width))

    def purges(self, watch: Watch, url_endpoint: str) -> None:
        """The purges that serve several images at once."""
        for purge in watch.purges:
            served = sum(
                story.purge is not None and story.purge.request_id == purge.request_id
                for story in watch.stories
            )
            if served > 1:
                path = _shortened(unquote(purge.url.removeprefix(url_endpoint)), _LONGEST_KEY)
                self.say(f"  One wildcard purge, {path}, served {served} images.")


def _counts(watch: Watch) -> str:
    stories = watch.stories
    seen = {
        "received": sum(story.received_at is not None for story in stories),
        "accepted": sum(story.purge is not None for story in stories),
        "Completed": sum(story.completed_at is not None for story in stories),
        "fresh": sum(story.fresh_at is not None for story in stories),
    }
    return f"of {len(stories)} changed images: " + ", ".join(
        f"{count} {name}" for name, count in seen.items()
    )


def _table(stories: Sequence[Story], width: int) -> Table:
    """As wide as so many characters at most, at the cost of the keys."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    narrow = width < _NARROW
    others = _OTHER_COLUMNS - _CHANGE_COLUMN if narrow else _OTHER_COLUMNS
    room = max(12, min(_LONGEST_KEY, width - others))
    names = ["image", "change", "event", "accepted", "Completed", "edge before", "after", "fresh"]
    for name in names[:1] + names[2:] if narrow else names:
        table.add_column(name, no_wrap=True, justify="right" if name in _TIMES else "left")
    for story in stories:
        changed_at = story.subject.changed_at
        table.add_row(
            Text(_shortened(story.subject.piece.key, room)),
            *(() if narrow else (story.subject.piece.act,)),
            _after(story.received_at, changed_at),
            _after(story.purge.accepted_at if story.purge else None, changed_at),
            _after(story.completed_at, changed_at),
            _before(story),
            _now(story),
            _after(story.fresh_at, changed_at),
        )
    return table


def _after(at: float | None, changed_at: float) -> str:
    return "…" if at is None else f"{at - changed_at:.1f} s"


def _before(story: Story) -> Text:
    if not story.stale:
        return Text("…")
    picture = "v1" if story.subject.before else "404"
    return Text(f"{picture}, Age {max(look.age for look in story.stale.values())}", "yellow")


def _now(story: Story) -> Text:
    """What the edge shows since the purge; of how many of its URLs, as long as these are not all."""
    fresh, urls = len(story.fresh), len(story.subject.urls)
    if not fresh:
        return Text("…")
    if story.subject.after is None:
        picture = "404"
    else:
        picture = "copy" if story.subject.piece.act is Act.COPIED else "v2"
    return Text(picture, "green") if fresh == urls else Text(f"{picture} {fresh}/{urls}", "yellow")


def _shortened(text: str, cells: int) -> str:
    """Its beginning and its end, in so many cells of a terminal: some characters take two."""
    if cell_len(text) <= cells:
        return text
    end = (cells - 1) // 3
    tail = chop_cells(text[::-1], end)[0][::-1]
    return f"{chop_cells(text, cells - 1 - cell_len(tail))[0]}…{tail}"


def timings(watch: Watch) -> Iterator[str]:
    """Median and worst seconds, a line each."""
    for name, spread in (
        ("From change to purge accepted", verdict.to_accepted(watch)),
        ("From change to fresh", verdict.to_fresh(watch)),
    ):
        if spread:
            yield f"{name}: median {spread.median:.1f} s, worst {spread.worst:.1f} s."
