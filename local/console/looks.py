"""Looks at the edge, as a visitor does: each look may make the edge fetch what it does not hold."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter

_CONCURRENCY = 8  # requests
_TIMEOUT = 30.0  # seconds: a busy machine is slow


@dataclass(frozen=True, slots=True)
class Look:
    """One answer of the edge. `status` 0: it did not answer. `age` is in seconds, at the time `at` (unix
    seconds)."""

    url: str
    status: int
    hit: bool
    age: int
    etag: str | None
    at: float

    def same_as(self, etag: str | None) -> bool:
        """Whether it is what the origin holds: an object with this ETag, or None for no object."""
        return self.status == 404 if etag is None else self.status == 200 and self.etag == etag

    def row(self, etag: str | None) -> dict[str, Any]:
        """Return it as the page has it, beside the ETag of the origin."""
        return {
            "url": self.url,
            "status": self.status,
            "hit": self.hit,
            "age": self.age,
            "etag": self.etag,
            "at": self.at,
            "same": self.same_as(etag),
        }


class Edge:
    """A client of the edge. Thread-safe."""

    def __init__(self) -> None:
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy for loopback addresses
        self._http.mount("http://", HTTPAdapter(pool_maxsize=2 * _CONCURRENCY))
        self._pool = ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="look")

    def close(self) -> None:
        """End its threads and connections."""
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def look(self, urls: Iterable[str]) -> list[Look]:
        """Look at all URLs at once, by HEAD."""
        return list(self._pool.map(self._look, urls))

    def get(self, url: str) -> requests.Response:
        """Get what a visitor sees. Raises requests.RequestException."""
        return self._http.get(url, timeout=_TIMEOUT)

    def _look(self, url: str) -> Look:
        try:
            answer = self._http.head(url, timeout=_TIMEOUT)
        except requests.RequestException:
            return Look(url, 0, False, 0, None, time.time())
        headers = answer.headers
        age = headers.get("Age", "0")
        return Look(
            url,
            answer.status_code,
            headers.get("X-Cache") == "Hit",
            int(age) if age.isdecimal() else 0,
            headers.get("ETag"),
            time.time(),
        )
