"""What the page shows, and what of it changed since a version: many pages can follow it, each at its pace."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

Row = Mapping[str, Any]

_GATHER_SECONDS = 0.05
"""Changes that come together reach the page as one update."""

TABLES = ("objects", "purges")


class Feed:
    """Tables of rows by id, and single values. Thread-safe.

    An update is `{"objects": {key: row or None}, "purges": {id: row or None}, "values": {name: value}}`, with
    what changed only. None: the row is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version = 0
        self._tables: dict[str, dict[str, tuple[int, Row | None]]] = {name: {} for name in TABLES}
        self._values: dict[str, tuple[int, Any]] = {}
        self._followers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closed = False

    def replace(self, table: str, rows: Mapping[str, Row]) -> None:
        """Let a table have exactly these rows."""
        with self._lock:
            known = self._tables[table]
            gone: dict[str, Row | None] = {
                each: None for each, (_, row) in known.items() if row is not None and each not in rows
            }
            self._note(table, gone | dict(rows))

    def set_rows(self, table: str, rows: Mapping[str, Row | None]) -> None:
        """Set some rows of a table; None removes a row."""
        with self._lock:
            self._note(table, rows)

    def set_value(self, name: str, value: Any) -> None:
        """Set a value, as JSON can have it."""
        with self._lock:
            if name not in self._values or self._values[name][1] != value:
                self._version += 1
                self._values[name] = (self._version, value)
                self._wake()

    def value(self, name: str, default: Any = None) -> Any:
        """Return a value."""
        with self._lock:
            return self._values.get(name, (0, default))[1]

    def row(self, table: str, row_id: str) -> Row | None:
        """Return a row; None if there is none."""
        with self._lock:
            return self._tables[table].get(row_id, (0, None))[1]

    def rows(self, table: str) -> dict[str, Row]:
        """Return all rows of a table."""
        with self._lock:
            return {each: row for each, (_, row) in self._tables[table].items() if row is not None}

    def since(self, version: int) -> tuple[dict[str, Any], int]:
        """Return (what changed since a version, the version now). Version 0 is before everything."""
        with self._lock:
            update: dict[str, Any] = {}
            for table, rows in self._tables.items():
                changed = {
                    each: row
                    for each, (at, row) in rows.items()
                    if at > version and (row is not None or version)
                }
                if changed or not version:
                    update[table] = changed
            values = {name: value for name, (at, value) in self._values.items() if at > version}
            if values:
                update["values"] = values
            return update, self._version

    async def follow(self) -> AsyncIterator[dict[str, Any]]:
        """Yield everything, then each update, until the feed is closed."""
        follower = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._followers.add(follower)
        version, first = 0, True
        try:
            while not self._closed:
                follower[1].clear()
                update, version = self.since(version)
                if update or first:
                    yield update
                first = False
                await follower[1].wait()
                await asyncio.sleep(_GATHER_SECONDS)
        finally:
            with self._lock:
                self._followers.discard(follower)

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            self._closed = True
            self._wake()

    def _note(self, table: str, rows: Mapping[str, Row | None]) -> None:
        known = self._tables[table]
        changed = {each: row for each, row in rows.items() if known.get(each, (0, None))[1] != row}
        if changed:
            self._version += 1
            known.update({each: (self._version, row) for each, row in changed.items()})
            self._wake()

    def _wake(self) -> None:
        for loop, event in self._followers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
