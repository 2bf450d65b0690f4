"""All errors that this package raises on purpose.

::

    PurgeError
    ├── PermanentError            the same input fails again: correct the input
    │   ├── MalformedEvent        an event that cannot be understood
    │   ├── InvalidRequest        a manual purge or a question that is not possible
    │   ├── InvalidSetting        a setting with an unusable value
    │   ├── UrlRefused            ImageKit does not purge this URL (400, 413, 414, 422)
    │   └── UnknownRequest        ImageKit knows no purge of this id (400)
    └── RetryableError            the same call can succeed later
        ├── Throttled             too many calls a second (429)
        ├── QuotaExhausted        the month's purges are used up (429 of a long window, 403)
        ├── KeyRefused            the private key is missing or not accepted (401, 403)
        └── Unavailable           no usable answer (5xx, time-out, no connection, 404, redirect)

ImageKit's statuses: https://imagekit.io/docs/api-overview
ImageKit does not document 413, 414 and 422, nor its answer over the quota. Their meaning here is a guess.
"""


class PurgeError(Exception):
    """The base class. The text of each error names the wrong value and the remedy."""


class PermanentError(PurgeError):
    """The same call can never succeed."""


class MalformedEvent(PermanentError):
    """An event, or a part of an event, that cannot be understood."""


class InvalidRequest(PermanentError):
    """A manual purge with wrong fields, with too many entries, or of what UrlMap does not serve; a
    question with wrong fields."""


class InvalidSetting(PermanentError):
    """A setting (environment variable, template parameter) with an unusable value."""


class UrlRefused(PermanentError):
    """ImageKit does not purge this URL: the URL or its wildcard is invalid (400), too long (413, 414) or
    unusable for another reason (422). The call did not count."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"ImageKit does not purge {url!r}: {reason}")


class UnknownRequest(PermanentError):
    """ImageKit answered 400 to a status call: it knows no purge with this request id."""


class RetryableError(PurgeError):
    """The same call can succeed later."""


class Throttled(RetryableError):
    """429: ImageKit asks to wait `retry_after` seconds, at most an hour. The call did not count."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"ImageKit throttles: wait {retry_after:.1f} s")
        self.retry_after = retry_after


class QuotaExhausted(RetryableError):
    """The month's purges are used up. The call did not count.

    `resumes_in` is the number of seconds until ImageKit's reset, at most 31 days; None if ImageKit does not
    say.
    """

    def __init__(self, reason: str, *, resumes_in: float | None = None) -> None:
        super().__init__(reason)
        self.resumes_in = resumes_in


class KeyRefused(RetryableError):
    """The secret holds no private key, or ImageKit does not accept it. The call did not count."""


class Unavailable(RetryableError):
    """No usable answer. `may_have_counted` says whether ImageKit may have accepted the purge nevertheless.

    It is true after a 5xx, after a success without a request id, and after a time-out or a broken connection
    if something was sent. It is false if there was no connection, and after a redirect or any other 4xx.
    """

    def __init__(self, reason: str, *, may_have_counted: bool = True) -> None:
        super().__init__(reason)
        self.may_have_counted = may_have_counted
