"""Runs a command of the command line: its console, its exit status, and its end by a signal."""

import os
import sys
from collections.abc import Callable

from rich.console import Console, RenderableType

from local import interruption
from local.errors import BadInput, LocalError

# Characters in a line if the output is not a terminal: as wide as the page of a CI system.
_WIDTH = 120


def run(command: Callable[[Console], int]) -> int:
    """Run a command that returns its exit status.

    Returns that status, 1 if the command failed, 2 if its input cannot work, or 128 + n after signal n.
    """
    console = _console()
    interruption.listen()
    try:
        return command(console)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except LocalError as error:
        console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    except interruption.Interrupted as interrupted:
        console.print(f"Ended by {interrupted}; nothing is left running.", style="yellow")
        return interrupted.exit_status


def show(console: Console, tables: RenderableType) -> None:
    """Print tables. If the output is no terminal, their lines have no blanks at the end."""
    if console.is_terminal:
        console.print(tables, highlight=False, crop=False)
        return
    with console.capture() as captured:
        console.print(tables, highlight=False, crop=False)
    lines = captured.get().splitlines()
    console.out("\n".join(line.rstrip() for line in lines), highlight=False)


def _console() -> Console:
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    return console
