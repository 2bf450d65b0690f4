"""The rate limit headers, whatever stands in them."""

import math

from hypothesis import given
from hypothesis import strategies as st

from purging.imagekit.rate_limit_headers import RateLimit, rate_headers

values = st.one_of(st.none(), st.text(), st.floats().map(str), st.integers(-10, 10**20).map(str))


@given(values, values, st.text())
def test_no_header_stops_purges_for_years_or_hurries_them(
    reset: str | None, interval: str | None, message: str
) -> None:
    """Garbage never raises; a short limit waits up to an hour, a long one up to 31 days; no wait is 0 s."""
    headers = {"X-RateLimit-Reset": reset, "X-RateLimit-Interval": interval}
    limit = RateLimit.of({name: value for name, value in headers.items() if value is not None})
    assert 0 < limit.retry_after <= 3600
    if limit.resumes_in is not None:
        assert limit.is_long
        assert 0 < limit.resumes_in <= 31 * 86_400
    for seconds in (limit.reset, limit.interval):
        assert seconds is None or (seconds > 0 and math.isfinite(seconds))
    assert limit.is_monthly(message) in (True, False)


@given(st.integers(1, 3_600_000), st.integers(1, 3_600_000), st.text())
def test_a_limit_of_up_to_an_hour_is_never_the_months(reset: int, interval: int, message: str) -> None:
    """Whatever its message says: a mail about the quota is sent once a month, and must be true."""
    limit = RateLimit.of({"X-RateLimit-Reset": str(reset), "X-RateLimit-Interval": str(interval)})
    assert not limit.is_monthly(message + " monthly quota")
    assert limit.retry_after == reset / 1000


def test_no_other_header_is_shown() -> None:
    """Names are compared without case, and values are short."""
    headers = {"x-ratelimit-reset": "1" * 1000, "Authorization": "Basic x", "X-Rate": "y", "Set-Cookie": "z"}
    assert rate_headers(headers) == {"x-ratelimit-reset": "1" * 100}
