"""The error answers of the purge and status API, word for word.

Source of statuses and messages: ImageKit's documentation of the purge cache API, unless marked as a guess.
"""

import math

from local.imagekit.answers import Answer, Header, as_json

HELP = "For support kindly contact us at support@imagekit.io."


def _refusal(status: int, outcome: str, message: str, headers: tuple[Header, ...] = ()) -> Answer:
    return as_json(status, outcome, {"message": message, "help": HELP}, headers)


MISSING_URL = _refusal(400, "missing-url", "Your request is missing URL parameter.")
INVALID_URL = _refusal(400, "invalid-url", "The URL is not valid for cache purging.")
UNKNOWN_REQUEST = _refusal(400, "unknown-request", "No request found for this requestId.")
NO_KEY = _refusal(401, "no-key", "Your request does not contain private API key.")
WRONG_KEY = _refusal(403, "wrong-key", "Your account cannot be authenticated.")

# Guess: the documentation says only that purges over the monthly limit "get blocked". Both answers
# that a client should understand are here; Settings.quota_answer picks one.
OVER_QUOTA = {
    429: _refusal(429, "over-quota", "You have exceeded the monthly limit of cache purge requests."),
    403: _refusal(403, "over-quota", "Your account has reached its monthly cache purge limit."),
}

# Guess: no source tells the wording of these.
NO_SUCH_CALL = _refusal(404, "no-such-call", "The requested resource does not exist.")
_RATE_LIMIT_MESSAGE = "Too many requests. You have exceeded the rate limit."
RATE_LIMITED_WITHOUT_HEADERS = _refusal(429, "rate-limited", _RATE_LIMIT_MESSAGE)


def rate_limited(wait: float, rate: float) -> Answer:
    """429 for a caller who has to wait ``wait`` seconds, where ``rate`` calls a second are sustained.

    Header names and units (milliseconds) are documented. The rate is given as a whole number of calls
    (Limit) in an interval, of one second where that is possible.
    """
    limit = max(1, round(rate))
    return _refusal(
        429,
        "rate-limited",
        _RATE_LIMIT_MESSAGE,
        (
            ("X-RateLimit-Limit", str(limit)),
            # Rounded up: a client that waits exactly this long must be let through.
            ("X-RateLimit-Reset", str(math.ceil(wait * 1000))),
            ("X-RateLimit-Interval", str(round(1000 * limit / rate))),
        ),
    )


def server_error(status: int) -> Answer:
    """A fault of ImageKit's own. The message is a guess."""
    return _refusal(status, "server-error", "Something went wrong. Please try again later.")
