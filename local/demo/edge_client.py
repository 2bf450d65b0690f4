"""Requests URLs from the edge, as a visitor does."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import requests
from requests.adapters import HTTPAdapter

from local.errors import LocalError

VARIANTS = ("", "?tr=w-100", "?v=2")
"""What visitors append to the URL of an image. The edge caches each variant separately."""

_CONCURRENCY = 8  # requests
_TIMEOUT = 60.0  # seconds: a busy machine is slow


@dataclass(frozen=True, slots=True)
class EdgeAnswer:
    """One answer of the edge.

    The edge gave it between `asked_at` and `at`, in unix seconds. `age` is the header `Age`, in whole
    seconds. `hit` says that the answer came from the cache.
    """

    asked_at: float
    at: float
    status: int
    hit: bool
    age: int
    body: bytes

    def shows(self, expected: bytes | None) -> bool:
        """Whether the answer is this image, byte for byte; with None, whether it says that there is none."""
        return self.status == 404 if expected is None else self.status == 200 and self.body == expected

    def is_same_copy_as(self, earlier: "EdgeAnswer") -> bool:
        """Whether both answers can show the same cached copy.

        The age of a copy grows with time. If the edge fetched the object again in between, the copy is
        younger. A slow answer does not make its copy younger.
        """
        passed = self.asked_at - earlier.at
        return self.age - earlier.age >= passed - 1  # `Age` is cut to whole seconds


class EdgeClient:
    """Requests several URLs at once. A request evicts nothing from the cache of the edge.

    With `edge`, the URL of an edge, all requests go there, whatever host their URL names.
    """

    def __init__(self, edge: str = "") -> None:
        self._edge = edge
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.mount("http://", HTTPAdapter(pool_maxsize=_CONCURRENCY))
        self._pool = ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="edge")

    def __enter__(self) -> "EdgeClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def request(self, urls: Iterable[str]) -> Iterator[tuple[str, EdgeAnswer]]:
        """Request all URLs at once. Returns an iterator that waits for each (URL, answer), in order.

        The iterator raises LocalError if the edge does not answer.
        """
        requested = list(urls)
        return zip(requested, self._pool.map(self._request, requested), strict=True)

    def _request(self, url: str) -> EdgeAnswer:
        asked_at = time.time()
        _, _, host, target = url.split("/", 3)
        place = f"{self._edge}/{target}" if self._edge else url
        try:
            answer = self._http.get(place, headers={"Host": host}, timeout=_TIMEOUT)
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
