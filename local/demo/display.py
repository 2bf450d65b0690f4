"""What the demo prints: sentences, a live table, a final table. Without a terminal: plain lines."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import unquote

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, chop_cells
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.demo import results
from local.demo.catalogue import ChangeKind
from local.demo.watch import ImageStatus, Watch

_LONGEST_KEY = 44  # cells of a terminal
# Cells that the other columns take at most. A narrow terminal gets no column for the change: the columns
# "edge before" and "after" show it too.
_OTHER_COLUMNS, _CHANGE_COLUMN, _NARROW = 76, 13, 110
_TIMES = {"event", "accepted", "Completed", "fresh"}
# Lines of a terminal that the live table leaves free for its head, its foot and the prompt.
_MARGIN = 9


class Display:
    """Writes to a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_counts = ""

    def say(self, text: str, style: str = "") -> None:
        """Print a sentence, without markup."""
        self._console.print(Text(text, style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """Print the heading of a phase."""
        self._console.print()
        self.say(text, "bold")

    @contextmanager
    def live(self) -> Iterator["Display"]:
        """In the block, `update` shows the progress of a watch."""
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, transient=True, auto_refresh=False) as self._live:
            yield self

    def update(self, watch: Watch) -> None:
        """Show the progress; without a terminal, only if it changed since the last update."""
        counts = _counts(watch)
        if self._console.is_terminal:
            rows = max(3, self._console.height - _MARGIN)
            # Images that are not done come first.
            shown = sorted(watch.statuses, key=lambda status: status.done)[:rows]
            foot = Text(f"{watch.seconds():5.1f} s   {counts}", "bold")
            self._live.update(Group(_table(shown, self._console.width), foot), refresh=True)
        elif counts != self._last_counts:
            self._last_counts = counts
            self.say(f"  {watch.seconds():5.1f} s   {counts}")

    def table(self, watch: Watch) -> None:
        """Print every changed image."""
        self._console.print(_table(watch.statuses, self._console.width))

    def url_forms(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Print a URL of each form: its name, the URL, the purge that covers it, the age of its old copy, and
        the seconds until it was fresh."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
        for name in ("form", "URL", "purged as", "edge before", "fresh"):
            table.add_column(name, justify="right" if name in _TIMES else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print(table)

    def shared_purges(self, watch: Watch, url_endpoint: str) -> None:
        """Print each purge that serves several images."""
        for purge in watch.purges:
            served = sum(
                status.purge is not None and status.purge.request_id == purge.request_id
                for status in watch.statuses
            )
            if served > 1:
                path = _shortened(unquote(purge.url.removeprefix(url_endpoint)), _LONGEST_KEY)
                self.say(f"  One wildcard purge, {path}, served {served} images.")

    def timings(self, watch: Watch) -> None:
        """Print the median and the worst time, in seconds."""
        for name, timing in (
            ("From change to purge accepted", results.accepted_timing(watch)),
            ("From change to fresh", results.fresh_timing(watch)),
        ):
            if timing:
                self.say(f"  {name}: median {timing.median:.1f} s, worst {timing.worst:.1f} s.")


def _counts(watch: Watch) -> str:
    statuses = watch.statuses
    counts = {
        "received": sum(status.received_at is not None for status in statuses),
        "accepted": sum(status.purge is not None for status in statuses),
        "Completed": sum(status.completed_at is not None for status in statuses),
        "fresh": sum(status.fresh_at is not None for status in statuses),
    }
    return f"of {len(statuses)} changed images: " + ", ".join(
        f"{count} {name}" for name, count in counts.items()
    )


def _table(statuses: Sequence[ImageStatus], width: int) -> Table:
    """Returns a table of at most `width` characters. Long keys are shortened for that."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    narrow = width < _NARROW
    others = _OTHER_COLUMNS - _CHANGE_COLUMN if narrow else _OTHER_COLUMNS
    key_width = max(12, min(_LONGEST_KEY, width - others))
    names = ["image", "change", "event", "accepted", "Completed", "edge before", "after", "fresh"]
    for name in names[:1] + names[2:] if narrow else names:
        table.add_column(name, no_wrap=True, justify="right" if name in _TIMES else "left")
    for status in statuses:
        changed_at = status.image.changed_at
        table.add_row(
            Text(_shortened(status.image.spec.key, key_width)),
            *(() if narrow else (status.image.spec.kind,)),
            _seconds(status.received_at, changed_at),
            _seconds(status.purge.accepted_at if status.purge else None, changed_at),
            _seconds(status.completed_at, changed_at),
            _before(status),
            _after(status),
            _seconds(status.fresh_at, changed_at),
        )
    return table


def _seconds(at: float | None, changed_at: float) -> str:
    return "…" if at is None else f"{at - changed_at:.1f} s"


def _before(status: ImageStatus) -> Text:
    if not status.stale:
        return Text("…")
    picture = "v1" if status.image.before else "404"
    return Text(f"{picture}, Age {max(answer.age for answer in status.stale.values())}", "yellow")


def _after(status: ImageStatus) -> Text:
    """Returns what the edge shows after the purge, with the number of its fresh URLs until all are fresh."""
    fresh, urls = len(status.fresh), len(status.image.urls)
    if not fresh:
        return Text("…")
    if status.image.after is None:
        picture = "404"
    else:
        picture = "copy" if status.image.spec.kind is ChangeKind.COPIED else "v2"
    return Text(picture, "green") if fresh == urls else Text(f"{picture} {fresh}/{urls}", "yellow")


def _shortened(text: str, cells: int) -> str:
    """Returns a text, shortened in the middle to so many cells of a terminal. Wide characters take two."""
    if cell_len(text) <= cells:
        return text
    end = (cells - 1) // 3
    tail = chop_cells(text[::-1], end)[0][::-1]
    return f"{chop_cells(text, cells - 1 - cell_len(tail))[0]}…{tail}"
