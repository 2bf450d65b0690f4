"""Shows the status again and again until Ctrl-C."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live

from local import terminal
from local.interruption import Interrupted
from ops.tables import status_tables


def watch(
    ask: Callable[[], dict[str, Any]],
    console: Console,
    *,
    every: float,
    as_json: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Ask for the status every so many seconds, and show each answer, until Ctrl-C. Returns 0.

    In a terminal, an answer replaces the one before it. `as_json`: each answer is one line of JSON. Raises
    the errors of `ask`, and Interrupted for other signals.
    """
    try:
        with _display(console, as_json=as_json) as show:
            while True:
                show(ask())
                sleep(every)
    except Interrupted as interrupted:
        if interrupted.exit_status != 128 + signal.SIGINT:
            raise
    return 0


@contextmanager
def _display(console: Console, *, as_json: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    if as_json:
        yield lambda answer: console.out(json.dumps(answer), highlight=False)
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda answer: live.update(status_tables(answer, settings=False), refresh=True)
    else:
        yield lambda answer: terminal.show(console, status_tables(answer, settings=False))
