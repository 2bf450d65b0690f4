"""What follows from a purge that got no usable answer: is it a bad URL, or an outage? Pure.

- One URL that fails while others succeed is tried again, ever more rarely, for about a day. Each attempt may
  have counted to the quota.
- Several failures in a row are an outage: everything pauses, ever longer. What fails in an outage is no bad
  URL.
"""

from dataclasses import dataclass

from purging.purges import FailingUrl

# Failures in a row that are an outage. Each failed call may have counted: probes become rarer.
_OUTAGE = 3
_FIRST_PAUSE, _LAST_PAUSE = 30.0, 900.0
# Attempts at a URL, which take about a day.
_ATTEMPTS = 12
_FIRST_RETRY, _LAST_RETRY = 30.0, 10_800.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a failed purge.

    `failing`: what to remember of the URL, if anything. `given_up`: the URL had its last attempt.
    `failures` in a row there are now; None if this one tells nothing of others. `outage`: stop, and pause for
    `pause` seconds.
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
    # Only one purge was planned: even after other failures it may be a bad URL, and no other purge is there
    # to end the outage.
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
    """Return seconds to wait: `first`, doubled so many `times`, up to `last`."""
    return min(first * 2.0 ** min(times, 20), last)


def _failing(attempts: int, since: float, now: float) -> FailingUrl:
    wait = backoff(2 * (attempts - 1), _FIRST_RETRY, _LAST_RETRY)
    return FailingUrl(attempts, now + wait, now, since)
