"""Waits until a process answers."""

from pathlib import Path

import requests

from local.errors import LocalError
from local.polling import attempts
from local.processes import Process

_POLL_SECONDS = 0.1
_TIMEOUT = 10.0  # seconds, then the next request


def wait(
    name: str, process: Process, url: str, log: Path, *, seconds: float, certificate: Path | None = None
) -> None:
    """Wait until `url` answers 200. Raises LocalError if the process ends first, or after `seconds`."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy for loopback addresses
        session.verify = str(certificate) if certificate else True
        for _ in attempts(seconds, _POLL_SECONDS):
            if _answers(session, url):
                return
            if not process.alive():
                raise LocalError(f"{name} ended while it was starting.", log)
    raise LocalError(f"{name} did not answer at {url} within {seconds:g} seconds.", log)


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=_TIMEOUT).status_code == 200
    except requests.RequestException:
        return False
