"""What truly happened: what changed, what people asked for, what ImageKit accepted, what people were told.

The invariants are read from it: `invariants.py`, `spending.py`, `waiting.py`.
"""

import json
from collections import Counter
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from local.imagekit.answers import Answer, Request
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.bucket import Version
    from tests.chaos.functions import Invocation
    from tests.chaos.schedule import Step
    from tests.chaos.world import World

# The same request again within 5 minutes is a repetition (README, "Purge by hand"); by clocks that are off.
_REPEATED, _CLOCKS = 300.0, 15.0

INVARIANTS = {
    "a": "every change is purged, or given up with an alert",
    "b": "the quota holds, and nothing is counted that cannot have been used",
    "c": "nothing is left in ledger and queue once all is calm",
    "d": "every accepted purge is followed until it is Completed or alerted",
    "e": "the dead letters are the messages that are no changes",
    "f": "no secret gets out",
    "g": "every change is settled or alerted in time, and no alert is untrue",
    "h": "no purge is bought twice for the same change without a reason named",
    "i": "no function runs out of its time",
}

REASONS = {
    "unclear": "ImageKit accepted it, and the function got no usable answer",
    "killed": "the function was killed between its acceptance and the ledger",
    "not kept": "DynamoDB did not take what was accepted",
    "robbed": "the lease was taken from a drain under way (docs/operations.md, `A stuck lease`)",
}
"""Why a purge may be bought again for the same change. Who purges by hand, names the reason himself."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A change, and since when (in unix seconds, by the true clock) a purge makes it seen; `visible` is when
    its message can be received first."""

    step: "Step"
    time: float
    visible: float


class Purge(NamedTuple):
    """One that ImageKit accepted, in unix seconds."""

    time: float
    url: str
    request_id: str


class Tick(NamedTuple):
    """When an invocation by the schedule ended, and how: undisturbed, or failed."""

    time: float
    undisturbed: bool
    failed: bool


class Books:
    """`broken` are the invariants that did not hold, each with its letter. Times are unix seconds."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.owed: list[Owed] = []
        self.changes: list[tuple[float, str]] = []
        """Every one, owed a purge or not: time, key."""
        self.wanted: list[tuple[float, str]] = []
        """What people asked for by hand: time, URL."""
        self.allowed: list[tuple[float, str]] = []
        """The same, with what may pass for a new request."""
        self.log: list[tuple[float, str, str, str]] = []
        """ImageKit's: time, URL or request id asked for, outcome, request id given."""
        self.accepted: list[Purge] = []
        self.reasons: dict[str, str] = {}
        """By request id: why the functions know nothing of a purge, in a word of REASONS."""
        self.perhaps = 0
        """Calls that may have counted, for all that a caller can know."""
        self.cut_off = 0
        """Invocations that could not give back what they had reserved."""
        self.refused: dict[str, float] = {}
        """When a purge of a URL was last refused, or not answered."""
        self.alerts: list[tuple[float, str]] = []
        self.ticks: list[Tick] = []
        self.failures: list[float] = []
        """When SubmitPurge failed."""
        self.followed: dict[str, str] = {}
        """By request id: what its execution ended with."""
        self.authorizations: set[str] = set()
        self.broken: list[str] = []
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}
        self._failed: set[str] = set()

    def breaks(self, letter: str, text: str) -> None:
        """An invariant does not hold."""
        if sum(each.startswith(f"({letter})") for each in self.broken) < 3:
            self.broken.append(f"({letter}) {text}")

    def changed(self, step: "Step", now: float, before: "Version | None") -> None:
        """An object changed. Nobody can have seen a key that never was `before`; and nobody can have an old
        object of a key whose removal was purged: with SkipNewObjects, where versions tell."""
        setup = self.world.schedule.setup
        self.changes.append((now, step.key))
        visible = now + min(step.deliveries)
        if step.kind == "created" and setup.versioned and setup.skip_new:
            if before is None:
                return
            if before.kind == "removed":
                now = before.time
        self.owed.append(Owed(step, now, visible))

    def asked(self, asked: str, now: float) -> None:
        """Someone purges by hand, by this JSON; perhaps again."""
        setup, event = self.world.schedule.setup, json.loads(asked)
        urls = [url for entry in event.get("keys", ()) for url in targets(setup, entry["key"])]
        urls += event.get("urls", ())
        # Which of several the functions took for the first, nobody knows here, if some of them failed.
        if now - self._last.get(asked, -inf) > _REPEATED + _CLOCKS:
            self.wanted += [(now, url) for url in urls]
        self._last[asked] = now
        if asked in self._failed or now - self._first.get(asked, -inf) > _REPEATED - _CLOCKS:
            self._first[asked] = now
            self.allowed += [(now, url) for url in urls]

    def replied(self, asked: str, answer: Any) -> None:
        """A purge by hand was answered, or (None) failed: then it may not be known that it was asked for."""
        if answer is None:
            self._failed.add(asked)
        else:
            self._failed.discard(asked)

    def answered(self, request: Request, answer: Answer) -> None:
        """ImageKit answered a call, or broke the connection after it had handled it."""
        now = self.world.now
        self.authorizations.add((request.authorization or "").removeprefix("Basic "))
        book = self.world.emulator.state.purges.all()
        asked = json.loads(request.body)["url"] if request.body else request.target
        given = ""
        if len(book) > len(self.accepted):
            purge = book[-1]
            given = purge.request_id
            self.accepted.append(Purge(now, purge.url, given))
            self.world.invocation.accepted.append(given)
            self.world.spending.count(now, purge.url)
        self.log.append((now, asked, answer.outcome, given))

    def failed(self, url: str) -> None:
        """A purge of a URL was refused, or not answered; neither for a limit nor for the key."""
        self.refused[url] = self.world.now

    def unclear(self, accepted: int, *, counts: bool) -> None:
        """The call of a purge got no usable answer; before, the invocation had so many `accepted`. Whether
        the call may have counted (`counts`), the caller can know."""
        self.perhaps += counts
        self.reasons |= dict.fromkeys(self.world.invocation.accepted[accepted:], "unclear")

    def told(self, subject: str, message: str) -> None:
        """An alert went out."""
        self.alerts.append((self.world.now, f"{subject}\n{message}"))

    def ended(self, invocation: "Invocation", answer: Any) -> None:
        """A function ended, and answered or (None) did not."""
        now = self.world.now
        if invocation.dead and not invocation.struck:
            self.breaks("i", f"{invocation.name}, begun at {invocation.began:.3f}, ran out of time")
        if invocation.name != "SubmitPurge":
            return
        if answer is None:
            self.failures.append(now)
        self.cut_off += answer is None or "dynamodb" in invocation.spoiled
        for request_id in invocation.accepted:
            if invocation.robbed:
                self.reasons.setdefault(request_id, "robbed")
        if unknown := set(invocation.accepted) - self.reasons.keys():
            items = self.world.aws.items()
            known = {item["request_id"]["S"] for item in items if item["pk"]["S"] == "submitted"}
            reason = "killed" if invocation.struck else "not kept" if "dynamodb" in invocation.spoiled else ""
            if reason:
                self.reasons |= dict.fromkeys(unknown - known, reason)

    def ticked(self, invocation: "Invocation", answer: Any) -> None:
        """The schedule's invocation ended."""
        undisturbed = answer is not None and not answer["busy"] and "sns" not in invocation.spoiled
        self.ticks.append(Tick(self.world.now, undisturbed, answer is None))

    @property
    def by_month(self) -> Counter[str]:
        """What the ledger counted, by month."""
        return Counter(
            {
                item["sk"]["S"].removeprefix("quota#"): int(item["used"]["N"])
                for item in self.world.aws.items()
                if item["pk"]["S"] == "state" and item["sk"]["S"].startswith("quota#")
            }
        )
