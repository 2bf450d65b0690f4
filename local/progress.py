"""Steps of the work, shown as they happen."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Shows each step with the seconds it took. A quiet console shows nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(quiet=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """One step; it counts as failed if the block raises."""
        start = time.monotonic()
        try:
            with self.console.status(f"{text} …"):
                yield
        except BaseException:
            self.console.print(f"[red]✗[/red] {text}", highlight=False)
            raise
        self.console.print(
            f"[green]✓[/green] {text} [dim]{time.monotonic() - start:.1f} s[/dim]", highlight=False
        )
