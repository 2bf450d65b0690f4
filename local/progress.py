"""Prints the steps of a command."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Prints each step with the seconds that it took. Without a console it prints nothing."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(quiet=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Run a block as one step. The step has failed if the block raises."""
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
