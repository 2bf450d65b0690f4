"""What can fail, and where: each name stands for one seam that fails on schedule."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random

PURGE, STATUS = "imagekit.purge", "imagekit.status"
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Armed `at` so many seconds after the start: of the calls that it fits, `skip` are spared and the next
    `times` fail; in an outage, all do for `seconds`. `seconds` is else how long, where that makes sense;
    `after`: once the call had its effect."""

    at: float
    name: str
    skip: int
    times: int
    seconds: float
    after: bool


def _service(*names: str) -> Callable[[str], bool]:
    return lambda place: place.startswith(names)


def _anywhere(_place: str) -> bool:
    return True


_CONDITIONAL = ("dynamodb.UpdateItem", "dynamodb.DeleteItem", "dynamodb.PutItem", "dynamodb.Transact")

# Faults of single calls. The names that ImageKit's emulator knows go to it as they are.
CALLS: dict[str, Callable[[str], bool]] = {
    "429": _service(PURGE, STATUS),
    "429-no-headers": _service(PURGE, STATUS),
    "429-reset-0": _service(PURGE, STATUS),
    "5xx": _service(PURGE, STATUS),
    "5xx-counted": _service(PURGE),
    "slow": _service(PURGE, STATUS),
    "drip": _service(PURGE, STATUS),
    "refused": _service(PURGE, STATUS),
    "reset-before": _service(PURGE, STATUS),
    "reset-after": _service(PURGE, STATUS),
    "403": _service(PURGE, STATUS),
    "wildcard-refused": _service(PURGE),
    "never-completes": _service(PURGE),
    "dynamodb-throttled": _service("dynamodb."),
    "dynamodb-conflict": _service("dynamodb.Transact", "dynamodb.UpdateItem", "dynamodb.PutItem"),
    "dynamodb-conditional": _service(*_CONDITIONAL),
    "dynamodb-too-large": _service("dynamodb.PutItem", "dynamodb.Transact"),
    "aws-answer-lost": _service("dynamodb.", "s3.", "sfn.", "secrets-manager.", "sqs."),
    "execution-throttled": _service("sfn."),
    "execution-exists": _service("sfn."),
    "listing-denied": _service("s3."),
    "secret-unavailable": _service("secrets-manager."),
    "queue-unavailable": _service("sqs."),
    "alert-unavailable": _service("sns."),
    "kill": _anywhere,
    "time-out": _anywhere,
    "concurrent": _anywhere,
    "lease-expired": _service(PURGE),
    "changed-again": _service(PURGE),
}
# Everything of one kind fails, for minutes or hours: AWS hangs for as long as the client waits for it,
# ImageKit cannot be reached or answers a byte at a time, or something else stands at its address.
OUTAGES: dict[str, Callable[[str], bool]] = {
    "dynamodb-hangs": _service("dynamodb."),
    "executions-hang": _service("sfn."),
    "listing-hangs": _service("s3."),
    "secret-hangs": _service("secrets-manager."),
    "queue-hangs": _service("sqs."),
    "alerts-hang": _service("sns."),
    "imagekit-hangs": _service(PURGE, STATUS),
    "imagekit-drips": _service(PURGE, STATUS),
    "api-404": _service(PURGE, STATUS),
    "api-redirects": _service(PURGE, STATUS),
    "api-tls": _service(PURGE, STATUS),
}
PLACES = CALLS | OUTAGES
# Faults of the world around: messages, clocks, the account, the bucket, the settings, people.
WORLD = (
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
ALL = (*PLACES, *WORLD)

ONCE = ("kill", "time-out", "concurrent", "lease-expired")
"""Hit one call, however many times are drawn."""

_FREQUENT = ("kill", "concurrent", "aws-answer-lost", "dynamodb-throttled", "changed-again")


def draw(random: Random, until: float, steps: int, enabled: Collection[str]) -> tuple[Fault, ...]:
    """About one fault for eight steps, and now and then an outage, in the order of their times."""
    names = [name for name in (*CALLS, *_FREQUENT, *_FREQUENT, "rotated-key") if name in enabled]
    times = sorted(random.uniform(0, until) for _ in range(-(-steps // 8))) if names else []
    drawn = [_one(random, round(at, 3), random.choice(names)) for at in times]
    outages = [name for name in OUTAGES if name in enabled]
    for _ in range(random.choice((0, 0, 1, 1, 2)) if outages else 0):
        seconds = random.choice((45.0, 300.0, 1800.0, 5400.0))
        at = round(random.uniform(0, until), 3)
        drawn.append(Fault(at, random.choice(outages), 0, 1, seconds, random.random() < 0.3))
    if "revoked-key" in enabled and random.random() < 0.05:
        # Until then nothing is purged: longer than old versions are kept.
        at = round(random.uniform(0, until), 3)
        drawn.append(Fault(at, "revoked-key", 0, 1, random.uniform(25, 40) * _DAY, after=False))
    return tuple(sorted(drawn, key=lambda fault: fault.at))


def _one(random: Random, at: float, name: str) -> Fault:
    """Mostly short: a long outage holds everything until it ends, and nothing can go wrong meanwhile."""
    skip, after = random.choice((0, 0, 1, 3, 10, 30)), random.random() < 0.5
    # The SDK asks AWS several times before it gives up.
    times = random.choice((1, 1, 1, 1, 3) if _is_imagekit(name) else (1, 2, 5, 10))
    return Fault(at, name, skip, times, random.choice((0.5, 0.5, 2.0, 2.0, 10.0, 10.0, 30.0, 200.0)), after)


def _is_imagekit(name: str) -> bool:
    return name in CALLS and CALLS[name](PURGE) and name not in (*ONCE, "changed-again")
