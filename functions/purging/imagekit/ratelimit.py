"""What ImageKit's rate limit headers say, and what a refusal for a limit means.

Documentation: "API rate limits" of ImageKit's API overview: `X-RateLimit-Limit` (calls), `X-RateLimit-Reset`
and `X-RateLimit-Interval` (milliseconds), in all answers. What a purge over the monthly quota is answered is
not documented. Most likely it is 429 with these headers, of a window that is long: a guess, like the words of
its message, and it stands here alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_HOUR = 3600.0
_MONTH = 31 * 86_400.0
_PREFIX = "x-ratelimit-"
# Seconds to wait if ImageKit does not say how long.
_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A limit's window and the time until it starts anew, in seconds; None where nothing usable is said."""

    interval: float | None
    reset: float | None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "RateLimit":
        """From an answer's headers, whose names are compared as `headers` does it."""
        return cls(_seconds(headers.get("X-RateLimit-Interval")), _seconds(headers.get("X-RateLimit-Reset")))

    @property
    def is_long(self) -> bool:
        """Whether this is the limit of a month rather than of a second: nothing else lasts over an hour."""
        return max(self.interval or 0.0, self.reset or 0.0) > _HOUR

    @property
    def resumes_in(self) -> float | None:
        """Seconds until a long limit's reset; None if unknown. At most 31 days, the longest month: a time of
        day sent by mistake would stop everything for years."""
        return min(self.reset, _MONTH) if self.is_long and self.reset else None

    @property
    def retry_after(self) -> float:
        """Seconds to wait for a short limit: an hour at most, and a minute if ImageKit does not say."""
        return min(self.reset or _PAUSE, _HOUR)

    def is_monthly(self, message: str) -> bool:
        """Whether a 429 with this message is about the monthly quota. Words count where no header does."""
        if self.interval or self.reset:
            return self.is_long
        return any(word in message.lower() for word in ("month", "quota"))


def rate_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The rate limit headers among others, for the log. Nothing else: a header may hold a secret."""
    return {name: value[:100] for name, value in headers.items() if name.lower().startswith(_PREFIX)}


def _seconds(milliseconds: str | None) -> float | None:
    try:
        seconds = float(milliseconds or "") / 1000
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None
