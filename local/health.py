"""Waiting until a process answers."""

import time
from pathlib import Path

import requests

from local.errors import LocalError
from local.processes import Process

_POLL = 0.1
_ANSWER = 10.0  # seconds; one answer may be lost


def wait(
    name: str, process: Process, url: str, log: Path, *, seconds: float, certificate: Path | None = None
) -> None:
    """Until `url` answers 200. Raises LocalError if the process ends first, or after `seconds`."""
    deadline = time.monotonic() + seconds
    with requests.Session() as session:
        session.trust_env = False  # no proxy stands between us and the loopback
        session.verify = str(certificate) if certificate else True
        while True:
            late = time.monotonic() >= deadline
            if _answers(session, url):
                return
            if not process.alive():
                raise LocalError(f"{name} ended while it was starting.", log)
            if late:
                raise LocalError(f"{name} did not answer at {url} within {seconds:g} seconds.", log)
            time.sleep(_POLL)


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=_ANSWER).status_code == 200
    except requests.RequestException:
        return False
