"""Turns every polite way to end a process into an exception, so that what it started is stopped."""

import os
import signal
import threading
import time
from types import FrameType

_POLL = 0.5


class Interrupted(BaseException):
    """A signal asks to end. Not an Exception, so that nothing takes it for a failure and goes on."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


def listen() -> None:
    """Raise Interrupted in the main thread on the first Ctrl-C, SIGTERM or SIGHUP; ignore further ones.

    Run by make, the end of make counts as well: killed outright, it would leave us running unseen.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # stopping takes a moment, and must not be cut short
    raise Interrupted(number)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL)
    os.kill(os.getpid(), signal.SIGTERM)
