"""The edge as a visitor sees it."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import requests
from requests.adapters import HTTPAdapter

from local.errors import LocalError

VARIANTS = ("", "?tr=w-100", "?v=2")
"""What visitors put behind an image's URL; the edge caches each apart."""

_AT_ONCE = 8
_TIMEOUT = 60.0  # seconds, of a busy machine


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """One answer of the edge, given at some time between `asked_at` and `at`, in unix seconds; `age` is what
    it says, in whole seconds."""

    asked_at: float
    at: float
    status: int
    hit: bool
    age: int
    body: bytes

    def shows(self, expected: bytes | None) -> bool:
        """Whether it is this image, byte for byte; None: that there is no image."""
        return self.status == 404 if expected is None else self.status == 200 and self.body == expected

    def is_same_copy_as(self, earlier: "EdgeAnswer") -> bool:
        """Whether it can be the copy that was seen earlier: that copy ages as time goes by, and one fetched
        again in between is younger. The time that an answer takes on its way is not held against the copy.
        """
        passed = self.asked_at - earlier.at
        return self.age - earlier.age >= passed - 1  # `Age` is cut to whole seconds


class Edge:
    """Fetches URLs, several at once. To look evicts nothing: only what is not cached is fetched anew."""

    def __init__(self) -> None:
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.mount("http://", HTTPAdapter(pool_maxsize=_AT_ONCE))
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="edge")

    def __enter__(self) -> "Edge":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def look(self, urls: Iterable[str]) -> Iterator[tuple[str, EdgeAnswer]]:
        """Each URL with the edge's answer. All are asked for at once; whoever iterates waits for the answers.

        Raises LocalError if the edge does not answer.
        """
        wanted = list(urls)
        return zip(wanted, self._pool.map(self._look, wanted), strict=True)

    def _look(self, url: str) -> EdgeAnswer:
        asked_at = time.time()
        try:
            answer = self._http.get(url, timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise LocalError(f"The edge does not answer {url}: {error}") from error
        return EdgeAnswer(
            asked_at,
            time.time(),
            answer.status_code,
            answer.headers.get("X-Cache") == "Hit",
            int(answer.headers.get("Age", "0")),
            answer.content,
        )
