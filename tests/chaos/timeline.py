"""One virtual clock for everything that happens at once, and the strands that happen on it.

A strand is an invocation's code, in a thread of its own so that it can stop in the midst of a call while
others go on. Only one thread runs at any time, and the clock decides which: a seed is one story.
"""

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from threading import Lock, Thread
from typing import Any


class Strand:
    """Code that stops whenever it waits. `owner` is whose code it is; `ended` once it has."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.ended = False
        self.baton = Lock()
        self.baton.acquire()


class Timeline:
    """`now` is the true time, in unix seconds. What is due happens in the main thread, strands in theirs."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.current: Strand | None = None
        """The strand that runs; None if none does."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._horizon = now
        self._main = Lock()
        self._main.acquire()
        self._failure: BaseException | None = None

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Let something happen at a time, in unix seconds."""
        heapq.heappush(self._events, (time, next(self._numbers), action))

    @property
    def next_event(self) -> float | None:
        """When the next thing is due; None if nothing is."""
        return self._events[0][0] if self._events else None

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens meanwhile. A strand that calls this stops for so long."""
        until = self.now + seconds
        if self.current is None:
            self._horizon = until
            while self._events and self._events[0][0] <= until:
                self._step()
            self.now = max(self.now, until)
        elif until <= self._horizon and (not self._events or self._events[0][0] > until):
            self.now = until  # nothing happens meanwhile: no need to stop
        else:
            me = self.current
            self.at(until, lambda: self._go_on(me))
            self._main.release()
            me.baton.acquire()

    def start(self, owner: Any, work: Callable[[], None]) -> Strand:
        """Run `work` in a strand of its own from now on. What it raises is raised where time passes."""
        strand = Strand(owner)

        def run() -> None:
            strand.baton.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again in the main thread
                self._failure = error
            strand.ended = True
            self._main.release()

        Thread(target=run, daemon=True).start()
        self.at(self.now, lambda: self._go_on(strand))
        return strand

    def finish(self, strand: Strand) -> None:
        """Let time pass until a strand has ended."""
        self._horizon = inf
        while not strand.ended:
            self._step()

    def _step(self) -> None:
        time, _, action = heapq.heappop(self._events)
        self.now = max(self.now, time)
        action()

    def _go_on(self, strand: Strand) -> None:
        """Hand over to a strand until it waits or ends."""
        self.current = strand
        strand.baton.release()
        self._main.acquire()
        self.current = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
