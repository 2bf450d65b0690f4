"""The error answers of the API, word for word.

Source of statuses and messages, except where a comment says guess: https://imagekit.io/docs/cache-purge
"""

import math
from datetime import UTC, datetime, timedelta

from local.imagekit.answers import Answer, Header, as_json

HELP = "For support kindly contact us at support@imagekit.io."


def _refusal(status: int, outcome: str, message: str, headers: tuple[Header, ...] = ()) -> Answer:
    return as_json(status, outcome, {"message": message, "help": HELP}, headers)


MISSING_URL = _refusal(400, "missing-url", "Your request is missing URL parameter.")
INVALID_URL = _refusal(400, "invalid-url", "The URL is not valid for cache purging.")
UNKNOWN_REQUEST = _refusal(400, "unknown-request", "No request found for this requestId.")
NO_KEY = _refusal(401, "no-key", "Your request does not contain private API key.")
WRONG_KEY = _refusal(403, "wrong-key", "Your account cannot be authenticated.")

_OVER_QUOTA = {
    429: "You have exceeded the monthly limit of cache purge requests.",
    403: "Your account has reached its monthly cache purge limit.",
}

# Guess: the documentation does not have these texts.
NOT_PERMITTED = _refusal(403, "not-permitted", "Your API key does not have permission for this request.")
BAD_DATES = _refusal(400, "bad-dates", "Give startDate and endDate as YYYY-MM-DD, less than 90 days apart.")
NO_SUCH_CALL = _refusal(404, "no-such-call", "The requested resource does not exist.")
_RATE_LIMIT_MESSAGE = "Too many requests. You have exceeded the rate limit."
RATE_LIMITED_WITHOUT_HEADERS = _refusal(429, "rate-limited", _RATE_LIMIT_MESSAGE)


def rate_limited(wait: float, rate: float) -> Answer:
    """Returns a 429 for a caller that has to wait ``wait`` seconds; ``rate`` is in calls a second.

    The headers describe the rate as a whole number of calls in an interval, of one second if possible.
    """
    limit = max(1, round(rate))
    return _refusal(429, "rate-limited", _RATE_LIMIT_MESSAGE, _headers(limit, wait, limit / rate))


def over_quota(status: int, quota: int, now: float, *, headers: bool) -> Answer:
    """Returns the answer to a purge over the ``quota`` of a month (UTC). ``now`` is in unix seconds.

    Guess: the documentation says only that purges over the monthly limit "get blocked". It also says that all
    answers have the rate limit headers (https://imagekit.io/docs/api-overview). So the most likely answer
    is a 429 with ``headers`` whose interval is the month and whose reset is the end of the month.
    """
    month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (month + timedelta(days=32)).replace(day=1)
    of_the_month = _headers(quota, end.timestamp() - now, (end - month).total_seconds())
    return _refusal(status, "over-quota", _OVER_QUOTA[status], of_the_month if headers else ())


def _headers(limit: int, reset: float, interval: float) -> tuple[Header, ...]:
    """Returns the rate limit headers, in milliseconds. ``reset`` and ``interval`` are in seconds.

    Source: https://imagekit.io/docs/api-overview
    """
    return (
        ("X-RateLimit-Limit", str(limit)),
        # Rounded up: a client that waits exactly this long must get through.
        ("X-RateLimit-Reset", str(math.ceil(reset * 1000))),
        ("X-RateLimit-Interval", str(round(interval * 1000))),
    )


def server_error(status: int) -> Answer:
    """Returns an error of ImageKit itself. The message is a guess."""
    return _refusal(status, "server-error", "Something went wrong. Please try again later.")
