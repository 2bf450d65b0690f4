"""What follows from a purge that got no usable answer: is it a bad URL, or an outage? Pure.

- One URL that fails while others succeed is tried again, ever more rarely, for about a day. Each attempt may
  have counted to the quota.
- Several failures in a row are an outage: all purges pause, ever longer. A URL that fails in an outage is not
  taken for a bad one.
"""

from dataclasses import dataclass

from purging.purges import FailingUrl

# So many failures in a row are an outage. Each failed call may have counted, so the pauses grow.
_OUTAGE = 3
_FIRST_PAUSE, _LAST_PAUSE = 30.0, 900.0
# Attempts at a URL, which take about a day.
_ATTEMPTS = 12
_FIRST_RETRY, _LAST_RETRY = 30.0, 10_800.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a failed purge.

    `failing` is to be remembered of the URL, if not None. `given_up`: the URL had its last attempt.
    `failures`: how many there are in a row now; None if the count stays, since the URL itself may be bad.
    `outage`: stop, and pause for `pause` seconds.
    """

    failing: FailingUrl | None
    given_up: bool
    failures: int | None
    outage: bool
    pause: float


def judge(known: FailingUrl | None, since: float, *, failures: int, planned: int, now: float) -> Verdict:
    """Judge the failure of a purge for changes since a time.

    `known` is what is remembered of its URL. There were `failures` in a row before this one, and `planned`
    purges to make in this round. Times are unix seconds.
    """
    if known and not known.concerns(since):
        known = None
    # If fewer purges were planned, too few others can end the outage: each may be a bad URL, even after other
    # failures.
    in_outage = min(failures, planned) >= _OUTAGE
    failing = None if in_outage else _failing(known.attempts + 1 if known else 1, since, now)
    given_up = failing is not None and failing.attempts >= _ATTEMPTS
    if known and not in_outage:
        return Verdict(failing, given_up, failures=None, outage=False, pause=0.0)
    failures += 1
    outage = failures >= _OUTAGE
    pause = backoff(failures - _OUTAGE, _FIRST_PAUSE, _LAST_PAUSE) if outage else 0.0
    return Verdict(failing, given_up, failures, outage, pause)


def backoff(times: int, first: float, last: float) -> float:
    """Return the seconds to wait: `first`, doubled so many `times`, but at most `last`."""
    return min(first * 2.0 ** min(times, 20), last)


def _failing(attempts: int, since: float, now: float) -> FailingUrl:
    wait = backoff(2 * (attempts - 1), _FIRST_RETRY, _LAST_RETRY)
    return FailingUrl(attempts, now + wait, now, since)
