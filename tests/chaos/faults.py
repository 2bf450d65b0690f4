"""The faults that a schedule can contain, and the calls that each of them affects."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random

PURGE, STATUS = "imagekit.purge", "imagekit.status"
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that starts `at` seconds after the start of the simulation.

    Of the calls that it affects, it spares `skip` and hits the next `times`. An outage hits all its calls for
    `seconds`. For other faults, `seconds` is a duration where one is needed. With `after`, the call takes
    effect before it fails.
    """

    at: float
    name: str
    skip: int
    times: int
    seconds: float
    after: bool


def _calls_of(*names: str) -> Callable[[str], bool]:
    return lambda call_name: call_name.startswith(names)


def _any_call(_call_name: str) -> bool:
    return True


_CONDITIONAL = ("dynamodb.UpdateItem", "dynamodb.DeleteItem", "dynamodb.PutItem", "dynamodb.Transact")

# Faults of single calls. ImageKit's emulator knows some of the names, and gets them unchanged.
CALL_FAULTS: dict[str, Callable[[str], bool]] = {
    "429": _calls_of(PURGE, STATUS),
    "429-no-headers": _calls_of(PURGE, STATUS),
    "429-reset-0": _calls_of(PURGE, STATUS),
    "5xx": _calls_of(PURGE, STATUS),
    "5xx-counted": _calls_of(PURGE),
    "slow": _calls_of(PURGE, STATUS),
    "drip": _calls_of(PURGE, STATUS),
    "refused": _calls_of(PURGE, STATUS),
    "reset-before": _calls_of(PURGE, STATUS),
    "reset-after": _calls_of(PURGE, STATUS),
    "403": _calls_of(PURGE, STATUS),
    "wildcard-refused": _calls_of(PURGE),
    "never-completes": _calls_of(PURGE),
    "dynamodb-throttled": _calls_of("dynamodb."),
    "dynamodb-conflict": _calls_of("dynamodb.Transact", "dynamodb.UpdateItem", "dynamodb.PutItem"),
    "dynamodb-conditional": _calls_of(*_CONDITIONAL),
    "dynamodb-too-large": _calls_of("dynamodb.PutItem", "dynamodb.Transact"),
    "aws-answer-lost": _calls_of("dynamodb.", "s3.", "sfn.", "secrets-manager.", "sqs."),
    "execution-throttled": _calls_of("sfn."),
    "execution-exists": _calls_of("sfn."),
    "listing-denied": _calls_of("s3."),
    "secret-unavailable": _calls_of("secrets-manager."),
    "queue-unavailable": _calls_of("sqs."),
    "alert-unavailable": _calls_of("sns."),
    "kill": _any_call,
    "time-out": _any_call,
    "concurrent": _any_call,
    "lease-expired": _calls_of(PURGE),
    "changed-again": _calls_of(PURGE),
}
# All calls of one kind fail, for minutes or hours: AWS hangs for as long as the client waits, ImageKit cannot
# be reached or answers a byte at a time, or another server has its address.
OUTAGES: dict[str, Callable[[str], bool]] = {
    "dynamodb-hangs": _calls_of("dynamodb."),
    "executions-hang": _calls_of("sfn."),
    "listing-hangs": _calls_of("s3."),
    "secret-hangs": _calls_of("secrets-manager."),
    "queue-hangs": _calls_of("sqs."),
    "alerts-hang": _calls_of("sns."),
    "imagekit-hangs": _calls_of(PURGE, STATUS),
    "imagekit-drips": _calls_of(PURGE, STATUS),
    "api-404": _calls_of(PURGE, STATUS),
    "api-redirects": _calls_of(PURGE, STATUS),
    "api-tls": _calls_of(PURGE, STATUS),
}
AFFECTED_CALLS = CALL_FAULTS | OUTAGES
# Faults of the environment: messages, clocks, the account, the bucket, the settings, people.
ENVIRONMENT_FAULTS = (
    "duplicate",
    "reorder",
    "delay",
    "malformed",
    "manual",
    "asked-again",
    "s3-clock",
    "lambda-clock",
    "quota",
    "rate",
    "rotated-key",
    "revoked-key",
    "lifecycle",
    "huge-bucket",
    "listless-bucket",
    "wrong-endpoint",
    "bad-url",
)
ALL = (*AFFECTED_CALLS, *ENVIRONMENT_FAULTS)

SINGLE_CALL = ("kill", "time-out", "concurrent", "lease-expired")
"""Faults that hit one call, whatever `times` says."""

_FREQUENT = ("kill", "concurrent", "aws-answer-lost", "dynamodb-throttled", "changed-again")


def draw(random: Random, until: float, steps: int, enabled: Collection[str]) -> tuple[Fault, ...]:
    """Draws about one fault for eight steps, and sometimes an outage, ordered by time."""
    names = [name for name in (*CALL_FAULTS, *_FREQUENT, *_FREQUENT, "rotated-key") if name in enabled]
    times = sorted(random.uniform(0, until) for _ in range(-(-steps // 8))) if names else []
    drawn = [_draw_one(random, round(at, 3), random.choice(names)) for at in times]
    outages = [name for name in OUTAGES if name in enabled]
    for _ in range(random.choice((0, 0, 1, 1, 2)) if outages else 0):
        seconds = random.choice((45.0, 300.0, 1800.0, 5400.0))
        at = round(random.uniform(0, until), 3)
        drawn.append(Fault(at, random.choice(outages), 0, 1, seconds, random.random() < 0.3))
    if "revoked-key" in enabled and random.random() < 0.05:
        # Nothing is purged while the key is revoked: longer than old versions are kept.
        at = round(random.uniform(0, until), 3)
        drawn.append(Fault(at, "revoked-key", 0, 1, random.uniform(25, 40) * _DAY, after=False))
    return tuple(sorted(drawn, key=lambda fault: fault.at))


def _draw_one(random: Random, at: float, name: str) -> Fault:
    """Draws one fault, usually a short one: during a long one, everything waits and little can go wrong."""
    skip, after = random.choice((0, 0, 1, 3, 10, 30)), random.random() < 0.5
    # The SDK retries calls to AWS before it gives up.
    times = random.choice((1, 1, 1, 1, 3) if _is_imagekit(name) else (1, 2, 5, 10))
    return Fault(at, name, skip, times, random.choice((0.5, 0.5, 2.0, 2.0, 10.0, 10.0, 30.0, 200.0)), after)


def _is_imagekit(name: str) -> bool:
    return name in CALL_FAULTS and CALL_FAULTS[name](PURGE) and name not in (*SINGLE_CALL, "changed-again")
