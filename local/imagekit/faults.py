"""Faults that a test injects into the API."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from local.imagekit import refusals
from local.imagekit.answers import Answer

# What each kind does.
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
    """A description of a fault that makes no sense. Its text names the value and the remedy."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Calls number ``nth`` to ``nth + times - 1`` of ``api`` fail, counted from the injection."""

    api: str
    kind: str
    nth: int = 1
    times: int = 1
    status: int = 500
    seconds: float = 1.0
    accepted: bool = False

    @classmethod
    def parse(cls, fields: Mapping[str, object]) -> "Fault":
        """Returns the fault that the JSON of ``POST /_control/faults`` describes. Raises BadFault."""
        names = ("api", "kind", "nth", "times", "status", "seconds", "accepted")
        if unknown := [name for name in fields if name not in names]:
            raise BadFault(f"unknown field {unknown[0]!r}; known are {', '.join(names)}")
        api, kind = fields.get("api"), fields.get("kind")
        if api not in ("purge", "status", "account"):
            raise BadFault(f"api is {api!r}; give 'purge', 'status' or 'account'")
        if not isinstance(kind, str) or kind not in KINDS:
            raise BadFault(f"kind is {kind!r}; give one of {', '.join(KINDS)}")
        if kind in _PURGE_ONLY and api != "purge":
            raise BadFault(f"kind {kind!r} is for the api 'purge' only")
        accepted = fields.get("accepted", False)
        if not isinstance(accepted, bool):
            raise BadFault(f"accepted is {accepted!r}; give true or false")
        return cls(
            api=str(api),
            kind=kind,
            nth=_whole(fields, "nth", 1, 1, _MOST),
            times=_whole(fields, "times", 1, 1, _MOST),
            status=_whole(fields, "status", 500, 500, 599),
            seconds=_seconds(fields, None if kind == "slow" else 1.0),
            accepted=accepted,
        )

    @property
    def prevents_call(self) -> bool:
        """Whether the call fails before anything is done, so that a purge does not count."""
        return self.kind not in {"slow", "reset-after", "never-completes"} and not self.accepted

    def replacement(self, answer: Answer) -> Answer:
        """Returns what the caller gets instead of ``answer``."""
        if self.kind == "slow":
            return replace(answer, delay=self.seconds)
        if self.kind == "never-completes":
            return answer
        return replace(self._failure(), outcome=f"fault {self.kind}")

    def _failure(self) -> Answer:
        match self.kind:
            case "429":
                # The headers describe a bucket that refills one token in `seconds`, not the real bucket.
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


@dataclass(slots=True)
class _Injected:
    """A fault, and how many of its calls were seen since its injection."""

    fault: Fault
    seen: int = 0


class FaultPlan:
    """The faults in force. Not thread-safe: hold State.lock around every call."""

    def __init__(self) -> None:
        self._injected: list[_Injected] = []

    def add(self, fault: Fault) -> None:
        """Inject one more fault."""
        self._injected.append(_Injected(fault))

    def hit(self, api: str, *, wildcard: bool) -> Fault | None:
        """Count a call for every fault that it concerns. Returns the oldest fault that hits it, or None."""
        hits = []
        for each in self._injected:
            fault = each.fault
            if fault.api != api or (fault.kind == "wildcard-refused" and not wildcard):
                continue
            each.seen += 1
            if each.seen >= fault.nth:
                hits.append(fault)
        self._injected = [
            each for each in self._injected if each.seen < each.fault.nth + each.fault.times - 1
        ]
        return hits[0] if hits else None

    def waiting(self) -> list[dict[str, object]]:
        """Returns the faults that will hit more calls, for ``GET /_control/state``."""
        return [
            {
                "api": each.fault.api,
                "kind": each.fault.kind,
                "nth": each.fault.nth,
                "times": each.fault.times,
                "seen": each.seen,
            }
            for each in self._injected
        ]


def _seconds(fields: Mapping[str, object], default: float | None) -> float:
    value = fields.get("seconds", default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise BadFault(f"seconds is {value!r}; give a number from 0 to {_MOST}")
    return float(value)


def _whole(fields: Mapping[str, object], name: str, default: int, least: int, most: int) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadFault(f"{name} is {value!r}; give a whole number from {least} to {most}")
    return value
