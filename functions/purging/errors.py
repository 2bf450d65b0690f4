"""Everything this package raises on purpose.

::

    PurgeError
    ├── PermanentError            the same input fails again: fix the input
    │   ├── MalformedEvent        an event that holds no object change
    │   ├── InvalidRequest        a manual purge that cannot be served
    │   ├── InvalidSetting        a setting with a value that makes no sense
    │   ├── UrlRefused            ImageKit does not purge this URL (400, 413, 414, 422)
    │   └── UnknownRequest        ImageKit knows no purge of this id (400)
    └── RetryableError            the same call can succeed later
        ├── Throttled             too many calls a second (429)
        ├── QuotaExhausted        the month's purges are used up (429 of a long window, 403)
        ├── KeyRefused            the private key is missing or not accepted (401, 403)
        └── Unavailable           no usable answer (5xx, time-out, no connection, 404, redirect)
"""


class PurgeError(Exception):
    """The base of all; its text names the value at fault and the remedy."""


class PermanentError(PurgeError):
    """Repeating the same call cannot succeed."""


class MalformedEvent(PermanentError):
    """An event, or a part of one, that holds no object change."""


class InvalidRequest(PermanentError):
    """A manual purge that names what the mapping does not serve, or too much at once."""


class InvalidSetting(PermanentError):
    """A setting (environment variable, template parameter) with an unusable value."""


class UrlRefused(PermanentError):
    """ImageKit does not purge this URL: it, or a wildcard there, is not valid for purging (400), or it is
    too long (413, 414) or otherwise unusable (422). The call did not count."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"ImageKit does not purge {url!r}: {reason}")
        self.url = url


class UnknownRequest(PermanentError):
    """ImageKit answered 400 to a status call: it knows no purge of this request id."""


class RetryableError(PurgeError):
    """The same call can succeed later."""


class Throttled(RetryableError):
    """429: ImageKit asks to wait `retry_after` seconds, an hour at most. The call did not count."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"ImageKit throttles: wait {retry_after:.1f} s")
        self.retry_after = retry_after


class QuotaExhausted(RetryableError):
    """The month's purges are used up. The call did not count.

    `resumes_in`: seconds until ImageKit's reset, 31 days at most; None if ImageKit does not say.
    """

    def __init__(self, reason: str, *, resumes_in: float | None = None) -> None:
        super().__init__(reason)
        self.resumes_in = resumes_in


class KeyRefused(RetryableError):
    """No private key is set, or ImageKit does not accept it. The call did not count."""


class Unavailable(RetryableError):
    """No usable answer. `may_have_counted`: ImageKit may have accepted the purge all the same.

    It may have after a 5xx, a success without a request id, and a time-out or a broken connection once
    something was sent. It has not if no connection came to be, and after a redirect or any other 4xx.
    """

    def __init__(self, reason: str, *, may_have_counted: bool = True) -> None:
        super().__init__(reason)
        self.may_have_counted = may_have_counted
