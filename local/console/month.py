"""What would my month cost? Makes a trace of what is dropped on the page, and simulates it.

`benchmarks.trace`, `benchmarks.simulate` and `benchmarks.cost.estimate` do the work, each as a process of its
own, so that the page stays quick, and a simulation ends when the next one begins.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.console.feed import Feed
from local.console.histories import History, check, read
from local.console.programs import lines, module, output
from local.errors import BadInput

MOST_QUOTA = 100_000_000
"""As template.yaml has it for MonthlyPurgeQuota."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The purges of a month, and whether the bucket has versions. Raises BadInput for a quota that cannot
    be."""

    quota: int
    versioned: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.quota <= MOST_QUOTA:
            raise BadInput(f"The quota is {self.quota}: give 1 to {MOST_QUOTA} purges a month.")


class Month:
    """The simulation of the page. Everything that comes of it goes to the feed, as the value `month`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._folder = Path(tempfile.mkdtemp(prefix="console-month-"))
        self._history: History | None = None
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def close(self) -> None:
        """End the simulation, and remove its files."""
        await self._cancel()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def drop(self, files: Mapping[str, bytes], terms: Terms) -> None:
        """Take files: a trace with its keys, a git bundle, or S3 server access logs. Then simulate.

        Returns at once; what is wrong with the files is shown on the page.
        """
        async with self._changing:
            await self._cancel()
            self._history = None
            self._show(terms, "Reading the history …")
            self._task = asyncio.create_task(self._take(files, terms))

    async def simulate(self, terms: Terms) -> None:
        """Simulate the history that was dropped last on other terms. Returns at once.

        Raises BadInput if nothing was dropped.
        """
        async with self._changing:
            if self._history is None:
                raise BadInput("Drop a trace, a git bundle or S3 logs first.")
            await self._cancel()
            self._show(terms, "Simulating …")
            self._task = asyncio.create_task(self._run(self._history, terms))

    async def _cancel(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _take(self, files: Mapping[str, bytes], terms: Terms) -> None:
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(mode=0o700)
            await asyncio.to_thread(check, files)
            self._history = await read(files, self._folder)
        except BadInput as error:
            self._show(terms, problem=self._for_people(error))
            return
        await self._run(self._history, terms)

    async def _run(self, history: History, terms: Terms) -> None:
        rows: list[dict[str, Any]] = []
        mode = "--versioned" if terms.versioned else "--unversioned"
        command = module("benchmarks.simulate", history.trace, "--quota", terms.quota, mode, "--json")
        try:
            self._show(terms, "Simulating …")
            async with aclosing(lines(*command)) as printed:
                async for line in printed:
                    rows = [*rows, json.loads(line)]
                    self._show(terms, "Simulating …", rows=rows)
            busiest = max(month["changes"] for month in rows[0]["per_month"])
            (cost,) = await output(*module("benchmarks.cost.estimate", busiest, terms.quota))
        except BadInput as error:
            self._show(terms, problem=self._for_people(error))
            return
        self._show(terms, rows=rows, cost=json.loads(cost))

    def _for_people(self, error: BadInput) -> str:
        """Without the name of the program, and the folder of this machine."""
        return str(error).replace(f"{self._folder}/", "").removeprefix("trace: ").removeprefix("simulate: ")

    def _show(
        self,
        terms: Terms,
        progress: str = "",
        *,
        rows: Sequence[Mapping[str, Any]] = (),
        cost: Mapping[str, Any] | None = None,
        problem: str = "",
    ) -> None:
        self._feed.set_value(
            "month",
            {
                "quota": terms.quota,
                "versioned": terms.versioned,
                "progress": progress,
                "rows": list(rows),
                "cost": cost,
                "problem": problem,
                "note": self._history.note if self._history else "",
            },
        )
