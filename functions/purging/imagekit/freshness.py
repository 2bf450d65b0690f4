"""Whether the CDN shows a purged URL fresh."""

from collections.abc import Callable

import requests

from purging.imagekit.bounded_http import bounded_session

# Seconds to connect, and for the answer.
_TIMEOUT = (3.0, 5.0)

# The edge and this function round and read their clocks differently.
_TOLERANCE = 2.0


class Freshness:
    """Asks the CDN as a visitor would, without any credentials. `clock` gives unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._session = bounded_session()

    def stale_age(self, url: str, submitted_at: float) -> float | None:
        """The age in seconds of an answer that is older than its purge; None if it is fresh.

        After Completed the `Age` header tells (ImageKit documentation, "Cache purge"): an answer cached
        before the purge is at least as old as the purge. No `Age`, or no answer, is no sign of staleness.
        """
        try:
            answer = self._session.head(url, timeout=_TIMEOUT, allow_redirects=False)
            age = float(answer.headers.get("Age", "0"))
        except (requests.RequestException, ValueError):
            return None
        return age if age >= self._clock() - submitted_at + _TOLERANCE else None
