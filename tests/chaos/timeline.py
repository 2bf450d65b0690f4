"""One virtual clock for everything that happens at the same time, and the tasks that run on it.

A task is the code of an invocation. It runs in a thread of its own, so that it can wait in the middle of a
call while other tasks go on. Only one thread runs at any time, and the clock decides which one: the same seed
always gives the same run.
"""

import heapq
from collections.abc import Callable
from itertools import count
from math import inf
from threading import Lock, Thread
from typing import Any


class Task:
    """Code that stops whenever it waits. `owner` is the invocation; `ended` is true after the code."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner
        self.ended = False
        self.resume_lock = Lock()
        self.resume_lock.acquire()


class Timeline:
    """`now` is the true time, in unix seconds. Events run in the main thread, tasks in their own threads."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.current: Task | None = None
        """The task that runs; None if none does."""
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._horizon = now
        self._main = Lock()
        self._main.acquire()
        self._failure: BaseException | None = None

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Schedules an action at a time, in unix seconds."""
        heapq.heappush(self._events, (time, next(self._numbers), action))

    @property
    def next_event(self) -> float | None:
        """The time of the next action; None if there is none."""
        return self._events[0][0] if self._events else None

    def advance(self, seconds: float) -> None:
        """Lets time pass and runs the actions that are due. If a task calls this, the task waits."""
        until = self.now + seconds
        if self.current is None:
            self._horizon = until
            while self._events and self._events[0][0] <= until:
                self._run_next()
            self.now = max(self.now, until)
        elif until <= self._horizon and (not self._events or self._events[0][0] > until):
            self.now = until  # no action is due before, so the task need not stop
        else:
            task = self.current
            self.at(until, lambda: self._resume(task))
            self._main.release()
            task.resume_lock.acquire()

    def start(self, owner: Any, work: Callable[[], None]) -> Task:
        """Runs `work` in a task from now on. An exception in it is raised by `advance` or `finish`."""
        task = Task(owner)

        def run() -> None:
            task.resume_lock.acquire()
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again in the main thread
                self._failure = error
            task.ended = True
            self._main.release()

        Thread(target=run, daemon=True).start()
        self.at(self.now, lambda: self._resume(task))
        return task

    def finish(self, task: Task) -> None:
        """Lets time pass until a task has ended."""
        self._horizon = inf
        while not task.ended:
            self._run_next()

    def _run_next(self) -> None:
        time, _, action = heapq.heappop(self._events)
        self.now = max(self.now, time)
        action()

    def _resume(self, task: Task) -> None:
        """Runs a task until it waits or ends."""
        self.current = task
        task.resume_lock.release()
        self._main.acquire()
        self.current = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
