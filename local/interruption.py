"""Turns signals that end a process into an exception, so that the process can stop what it started."""

import os
import signal
import threading
import time
from types import FrameType

_POLL_SECONDS = 0.5


class Interrupted(BaseException):
    """A signal asked the process to end. It is no Exception, so that no handler of errors catches it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


def listen() -> None:
    """Raise Interrupted in the main thread on the first Ctrl-C, SIGTERM or SIGHUP; ignore later ones.

    If make started the process, the end of make counts too: SIGKILL may end make, and does not reach us.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _interrupt(number: int, _frame: FrameType | None) -> None:
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)  # stopping takes a moment, and must not be interrupted
    raise Interrupted(number)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
