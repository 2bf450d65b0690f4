"""Checks whether the CDN serves a purged URL fresh."""

from collections.abc import Callable

import requests

from purging.imagekit.bounded_http import bounded_session

# Seconds for the connection, and seconds for the answer.
_TIMEOUT = (3.0, 5.0)

# Seconds by which the clocks of the CDN and of this function may differ, rounding included.
_TOLERANCE = 2.0


class Freshness:
    """Asks the CDN like a visitor, without credentials. `clock` gives unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._session = bounded_session()

    def stale_age(self, url: str, submitted_at: float) -> float | None:
        """The age of the CDN's answer in seconds if the answer is older than the purge; None if it is fresh.

        `submitted_at` is the time of the purge in unix seconds. After Completed the `Age` header confirms
        that an answer is fresh: https://imagekit.io/docs/api-reference/caching/purge-status
        An answer that was cached before the purge is at least as old as the purge. If there is no answer, or
        no `Age`, the URL counts as fresh.
        """
        try:
            answer = self._session.head(url, timeout=_TIMEOUT, allow_redirects=False)
            age = float(answer.headers.get("Age", "0"))
        except (requests.RequestException, ValueError):
            return None
        return age if age >= self._clock() - submitted_at + _TOLERANCE else None
