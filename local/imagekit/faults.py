"""Faults that a test injects into the API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.imagekit import refusals
from local.imagekit.answers import Answer

# What each kind does, in the words of the control endpoint's error message.
KINDS = {
    "429": "refused by the rate limit; `seconds` (1) is the reset",
    "429-no-headers": "refused by the rate limit, without its headers",
    "403": "refused, the key is not known",
    "5xx": "refused with `status` (500), or `accepted` (false) first",
    "slow": "handled, and answered `seconds` (required) later",
    "reset-before": "connection reset, nothing was done",
    "reset-after": "connection reset, after the call was handled",
    "wildcard-refused": "the URL is not valid; counts wildcard purges only",
    "never-completes": "accepted, and pending for ever",
}
_PURGE_ONLY = frozenset({"wildcard-refused", "never-completes"})

_MOST = 10**9


class BadFault(ValueError):
    """An order for a fault that makes no sense. Its text names the value and the remedy."""


@dataclass(slots=True)
class Fault:
    """Calls number ``nth`` to ``nth + times - 1`` of ``api``, counted from injection, go wrong."""

    api: str
    kind: str
    nth: int = 1
    times: int = 1
    status: int = 500
    seconds: float = 1.0
    accepted: bool = False
    seen: int = 0

    @classmethod
    def parse(cls, order: Mapping[str, object]) -> "Fault":
        """From the JSON of ``POST /_control/faults``. Raises BadFault."""
        names = ("api", "kind", "nth", "times", "status", "seconds", "accepted")
        if unknown := [name for name in order if name not in names]:
            raise BadFault(f"unknown field {unknown[0]!r}; known are {', '.join(names)}")
        api, kind = order.get("api"), order.get("kind")
        if api not in ("purge", "status"):
            raise BadFault(f"api is {api!r}; give 'purge' or 'status'")
        if not isinstance(kind, str) or kind not in KINDS:
            raise BadFault(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
        if kind in _PURGE_ONLY and api != "purge":
            raise BadFault(f"kind {kind!r} is for the api 'purge' only")
        accepted = order.get("accepted", False)
        if not isinstance(accepted, bool):
            raise BadFault(f"accepted is {accepted!r}; give true or false")
        return cls(
            api=str(api),
            kind=kind,
            nth=_whole(order, "nth", 1, 1, _MOST),
            times=_whole(order, "times", 1, 1, _MOST),
            status=_whole(order, "status", 500, 500, 599),
            seconds=_seconds(order, None if kind == "slow" else 1.0),
            accepted=accepted,
        )

    @property
    def before(self) -> bool:
        """Whether the call goes wrong before anything is done, so that a purge does not count."""
        return self.kind not in {"slow", "reset-after", "never-completes"} and not self.accepted

    def spoil(self, answer: Answer) -> Answer:
        """What the caller gets in place of ``answer``."""
        if self.kind == "slow":
            return replace(answer, hold=self.seconds)
        if self.kind == "never-completes":
            return answer
        return replace(self._instead(), outcome=f"fault {self.kind}")

    def _instead(self) -> Answer:
        match self.kind:
            case "429":
                # Whatever the bucket says: as if it refilled one token in the time that was asked for.
                return refusals.rate_limited(self.seconds, 1 / self.seconds if self.seconds else 1000)
            case "429-no-headers":
                return refusals.RATE_LIMITED_WITHOUT_HEADERS
            case "403":
                return refusals.WRONG_KEY
            case "5xx":
                return refusals.server_error(self.status)
            case "wildcard-refused":
                return refusals.INVALID_URL
            case _:
                return Answer(0, "", reset=True)


class FaultPlan:
    """The faults in force. Not thread-safe: State.lock guards it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put one more fault in force."""
        self._faults.append(fault)

    def draw(self, api: str, *, wildcard: bool) -> Fault | None:
        """The fault that hits this call, if any. Every fault counts the call; the oldest one hits."""
        hits = []
        for fault in self._faults:
            if fault.api != api or (fault.kind == "wildcard-refused" and not wildcard):
                continue
            fault.seen += 1
            if fault.seen >= fault.nth:
                hits.append(fault)
        self._faults = [fault for fault in self._faults if fault.seen < fault.nth + fault.times - 1]
        return hits[0] if hits else None

    def waiting(self) -> list[dict[str, object]]:
        """The faults that have calls left to hit, for ``GET /_control/state``."""
        return [
            {"api": f.api, "kind": f.kind, "nth": f.nth, "times": f.times, "seen": f.seen}
            for f in self._faults
        ]


def _seconds(order: Mapping[str, object], default: float | None) -> float:
    value = order.get("seconds", default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise BadFault(f"seconds is {value!r}; give a number from 0 to {_MOST}")
    return float(value)


def _whole(order: Mapping[str, object], name: str, default: int, least: int, most: int) -> int:
    value = order.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadFault(f"{name} is {value!r}; give a whole number from {least} to {most}")
    return value
