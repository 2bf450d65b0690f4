"""Serves the console of a stack in threads of this process, on the loopback address."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex

import uvicorn
from rich.console import Console as Terminal
from starlette.types import ASGIApp

from local.console import replaying
from local.console.app import Console, application
from local.console.bucket import Bucket
from local.console.feed import Feed
from local.console.looks import Edge
from local.console.watcher import Watcher
from local.console.weather import SWITCHES, Weather
from local.errors import LocalError
from local.observer import Observer
from local.polling import attempts
from local.ports import Reservation
from local.progress import Progress
from local.session import session
from local.stack import Stack

_START_SECONDS = 60.0
_STOP_SECONDS = 3  # for requests under way


def console(terminal: Terminal, port: int = 0) -> int:
    """Serve the console until a signal comes. Returns 0. Raises LocalError.

    The stack is that of `up`, or one of its own, which ends with the console. Port 0 takes a free one.
    """
    progress = Progress(terminal)
    with session(progress=progress) as stack:
        bucket = Bucket(stack)
        if not bucket.listing():
            with progress.step("Put sample pictures into the bucket"):
                bucket.put_samples()
        with served(stack, port) as url:
            terminal.print(f"Look at it in a browser: {url}", style="bold", highlight=False)
            terminal.print("Ctrl-C ends it.", style="dim")
            threading.Event().wait()
    return 0


@contextmanager
def served(stack: Stack, port: int = 0) -> Iterator[str]:
    """In the block, the console of a stack answers at the URL that the block gets."""
    observer, feed, edge = Observer(stack), Feed(), Edge()
    settings = observer.settings()
    weather = Weather(stack, observer, settings)
    watcher = Watcher(stack, settings, weather=weather, edge=edge, feed=feed)
    feed.set_value("bucket", stack.bucket)
    feed.set_value("endpoint", stack.url_endpoint)
    feed.set_value("events", replaying.names())
    feed.set_value(
        "switches", [{"name": each.name, "title": each.title, "effect": each.effect} for each in SWITCHES]
    )
    parts = Console(stack, settings, feed, edge, watcher, Bucket(stack), weather)
    watcher.start()
    try:
        with listening(lambda port: application(parts, port), feed, port) as url:
            yield url
    finally:
        watcher.stop()
        edge.close()


@contextmanager
def listening(make: Callable[[int], ASGIApp], feed: Feed, port: int = 0) -> Iterator[str]:
    """In the block, an application listens. `make` makes it for the port. Raises LocalError."""
    # A page that sees another run begins anew.
    feed.set_value("run", token_hex(8))
    if not port:
        port = Reservation().release()
    config = uvicorn.Config(
        make(port),
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=_run, args=(server,), name="console", daemon=True)
    thread.start()
    try:
        for _ in attempts(_START_SECONDS, 0.02):
            if server.started or not thread.is_alive():
                break
        if not server.started:
            raise LocalError(f"The console cannot listen on port {port}: give another --port.")
        yield f"http://127.0.0.1:{port}/"
    finally:
        feed.close()  # ends the streams, which would keep the server up
        server.should_exit = True
        thread.join()


def _run(server: uvicorn.Server) -> None:
    # uvicorn exits if it cannot listen; here that ends its thread only.
    try:
        server.run()
    except SystemExit:
        return
