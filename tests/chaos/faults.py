"""What can fail, and where: each name stands for one seam that fails on schedule."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from random import Random

PURGE, STATUS = "imagekit.purge", "imagekit.status"


@dataclass(frozen=True, slots=True)
class Fault:
    """Armed `at` so many seconds after the start: of the calls that it fits, `skip` are spared and the next
    `times` fail. `seconds` is how long, where that makes sense; `after`: once the call had its effect."""

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

# Faults of calls. The names that ImageKit's emulator knows go to it as they are.
PLACES: dict[str, Callable[[str], bool]] = {
    "429": _service(PURGE, STATUS),
    "429-no-headers": _service(PURGE, STATUS),
    "5xx": _service(PURGE, STATUS),
    "5xx-counted": _service(PURGE),
    "slow": _service(PURGE, STATUS),
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
    "aws-answer-lost": _service("dynamodb.", "s3.", "sfn.", "secrets-manager."),
    "execution-throttled": _service("sfn."),
    "execution-exists": _service("sfn."),
    "listing-denied": _service("s3."),
    "secret-unavailable": _service("secrets-manager."),
    "queue-unavailable": _service("sqs."),
    "alert-unavailable": _service("sns."),
    "kill": _anywhere,
    "concurrent": _anywhere,
    "lease-expired": _service(PURGE),
    "changed-again": _service(PURGE),
}
# Faults of the world around: messages, clocks, the account, people.
WORLD = (
    "duplicate",
    "reorder",
    "delay",
    "malformed",
    "manual",
    "s3-clock",
    "lambda-clock",
    "quota",
    "rate",
    "rotated-key",
)
ALL = (*PLACES, *WORLD)

_FREQUENT = ("kill", "concurrent", "aws-answer-lost", "dynamodb-throttled", "changed-again")


def draw(random: Random, until: float, steps: int, enabled: Collection[str]) -> tuple[Fault, ...]:
    """About one fault for eight steps, in the order of their times."""
    names = [name for name in (*PLACES, *_FREQUENT, *_FREQUENT, "rotated-key") if name in enabled]
    if not names:
        return ()
    times = sorted(random.uniform(0, until) for _ in range(-(-steps // 8)))
    return tuple(_one(random, round(at, 3), random.choice(names)) for at in times)


def _one(random: Random, at: float, name: str) -> Fault:
    """Mostly short: a long outage holds everything until it ends, and nothing can go wrong meanwhile."""
    skip, after = random.choice((0, 0, 1, 3, 10, 30)), random.random() < 0.5
    # The SDK asks AWS five times before it gives up.
    times = random.choice((1, 1, 1, 1, 3) if _is_imagekit(name) else (1, 2, 5, 10))
    return Fault(at, name, skip, times, random.choice((0.5, 0.5, 2.0, 2.0, 10.0, 10.0, 30.0, 200.0)), after)


def _is_imagekit(name: str) -> bool:
    return (
        name in PLACES
        and PLACES[name](PURGE)
        and name not in ("kill", "concurrent", "lease-expired", "changed-again")
    )
