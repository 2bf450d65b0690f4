"""Reads ImageKit's rate limit headers, and distinguishes the monthly quota from a limit of calls a second.

All answers have the headers `X-RateLimit-Limit` (calls), `X-RateLimit-Reset` and `X-RateLimit-Interval` (both
in milliseconds): https://imagekit.io/docs/api-overview
ImageKit does not document its answer to a purge over the monthly quota. The guess: 429 with these headers and
a long window, or without them and with a message that names the quota. This module holds that guess, and
`client.py` the one that a 403 may mean the same.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# Seconds.
_HOUR = 3600.0
_MONTH = 31 * 86_400.0
_PREFIX = "x-ratelimit-"
# Seconds to wait if ImageKit does not say how long. A guess.
_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit's window, and the time until the next window starts: both in seconds, or None if the answer
    gives no usable value."""

    interval: float | None
    reset: float | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "RateLimit":
        """The limit of an answer. Pass `headers` that ignore the case of names."""
        return cls(_seconds(headers.get("X-RateLimit-Interval")), _seconds(headers.get("X-RateLimit-Reset")))

    @property
    def is_long(self) -> bool:
        """Whether this is the limit of a month rather than of a second. No other limit lasts over an hour."""
        return max(self.interval or 0.0, self.reset or 0.0) > _HOUR

    @property
    def resumes_in(self) -> float | None:
        """Seconds until the reset of a long limit; None if unknown. At most 31 days, the longest month: a
        header with a date by mistake must not stop all purges for years."""
        return min(self.reset, _MONTH) if self.is_long and self.reset else None

    @property
    def retry_after(self) -> float:
        """Seconds to wait for a short limit: at most an hour, and a minute if ImageKit does not say."""
        return min(self.reset or _PAUSE, _HOUR)

    def is_monthly(self, message: str) -> bool:
        """Whether a 429 with this message is about the monthly quota. The words of the message count only if
        no header is usable."""
        if self.interval or self.reset:
            return self.is_long
        return any(word in message.lower() for word in ("month", "quota"))


def rate_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The rate limit headers for the log. Other headers are not logged: they may hold a secret."""
    return {name: value[:100] for name, value in headers.items() if name.lower().startswith(_PREFIX)}


def _seconds(milliseconds: str | None) -> float | None:
    try:
        seconds = float(milliseconds or "") / 1000
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
