"""What must hold, whatever fails: read from ImageKit's own log and the raw table.

Nothing here asks the code under test. From key to URL and from purge to what it covers are written anew,
after the documentation, by the letter and not by the clever way.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from local.imagekit.answers import Answer, Request

if TYPE_CHECKING:
    from tests.chaos.bucket import Version
    from tests.chaos.schedule import Setup, Step
    from tests.chaos.world import World

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/:@!$&'()+,;=-._~")

TURN_SECONDS = 6.0
"""Around the turn of a month nobody knows which month a purge counts to: clocks are off by 5 seconds."""


def targets(setup: "Setup", key: str) -> Iterator[str]:
    """The URLs of an object of the bucket `origin`."""
    for entry in setup.url_map.split(","):
        origin, endpoint = entry.split("=", 1)
        folder = origin.partition("/")[2]
        start = f"{folder}/" if folder else ""
        if not key.startswith(start) or key == start:
            continue
        path = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in key[len(start) :].encode())
        yield f"{endpoint}/{path}"
        for transformation in setup.transformations.split():
            yield f"{endpoint}/{transformation}/{path}"


def has_variants(url: str) -> bool:
    """Whether a wildcard behind this URL is allowed by any reading of the rules: two levels, or a file with
    an extension. Whether a long name alone suffices depends on how one counts: it is not asked for."""
    path = re.sub(r"^https://[^/]+/(demo/shop/|demo/)?(tr:[^/]+/)?", "", url)
    return len([level for level in path.split("/") if level]) >= 2 or bool(
        re.search(r"[^/.]\.[A-Za-z0-9]{1,5}$", path)
    )


@dataclass(frozen=True, slots=True)
class Owed:
    """A change, and since when (in unix seconds, by the true clock) a purge makes it seen."""

    step: "Step"
    time: float


def _covers(purge: str, url: str) -> bool:
    """Whether a purge, exact or a wildcard, is of a URL, which may be a wildcard as well."""
    return purge == url or (purge.endswith("*") and url.startswith(purge[:-1]))


class _Purged:
    """When each URL was purged, exactly or by a wildcard."""

    def __init__(self, accepted: Iterable[tuple[float, str, str]]) -> None:
        self._exact: dict[str, float] = {}
        self._prefixes: dict[str, float] = {}
        for time, url, _ in accepted:  # in the order of their times
            if url.endswith("*"):
                self._prefixes[url[:-1]] = time
            else:
                self._exact[url] = time

    def since(self, time: float, url: str) -> bool:
        """Whether a URL, exact or a wildcard, was purged at a time or later."""
        text = url.removesuffix("*")
        times = [self._prefixes.get(text[:length], 0.0) for length in range(len("https://x/"), len(text) + 1)]
        return max(self._exact.get(url, 0.0), *times) >= time

    def all_since(self, time: float, url: str) -> bool:
        """Whether an object's URL and all its variants were purged: by one wildcard, or part by part."""
        return self.since(time, f"{url}*") or all(
            self.since(time, part) for part in (url, f"{url}?*", f"{url}/ik-*")
        )


class Books:
    """What truly happened. `broken` are the invariants that did not hold, each with its letter."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.owed: list[Owed] = []
        self.wanted: list[tuple[float, str]] = []
        """What people asked for by hand: time, URL."""
        self.log: list[tuple[float, str, str, str]] = []
        """ImageKit's: time, URL or request id asked for, outcome, request id given."""
        self.accepted: list[tuple[float, str, str]] = []
        """(time, URL, request id)"""
        self.followed: dict[str, str] = {}
        """By request id: what its execution ended with."""
        self.broken: list[str] = []
        self._by_month: Counter[str] = Counter()
        self._automatic: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._authorizations: set[str] = set()

    def changed(self, step: "Step", now: float, before: "Version | None") -> None:
        """An object changed. Nobody can have seen a key that never was `before`; and nobody can have an old
        object of a key whose removal was purged: with SkipNewObjects, where versions tell."""
        setup = self._world.schedule.setup
        if step.kind == "created" and setup.versioned and setup.skip_new:
            if before is None:
                return
            if before.kind == "removed":
                now = before.time
        self.owed.append(Owed(step, now))

    def asked(self, event: Mapping[str, Any], now: float) -> None:
        """Someone purges by hand."""
        setup = self._world.schedule.setup
        for entry in event.get("keys", ()):
            self.wanted += [(now, target) for target in targets(setup, entry["key"])]
        self.wanted += [(now, url) for url in event.get("urls", ())]

    def answered(self, request: Request, answer: Answer) -> None:
        """ImageKit answered a call, or broke the connection after it had handled it."""
        now = self._world.now
        self._authorizations.add((request.authorization or "").removeprefix("Basic "))
        book = self._world.emulator.state.purges.all()
        asked = json.loads(request.body)["url"] if request.body else request.target
        given = ""
        if len(book) > len(self.accepted):
            purge = book[-1]
            given = purge.request_id
            self.accepted.append((now, purge.url, given))
            self._count(now, purge.url)
        if answer.status == 400 and request.method == "POST":
            self._refused.add(asked)
        self.log.append((now, asked, answer.outcome, given))

    def _count(self, now: float, url: str) -> None:
        """(b), at every purge: what is accepted was counted before, and never above the limit.

        Only purges by hand may use what is reserved for them.
        """
        moment = datetime.fromtimestamp(now, UTC)
        month = f"{moment:%Y-%m}"
        near = {f"{moment + timedelta(seconds=off):%Y-%m}" for off in (-TURN_SECONDS, TURN_SECONDS)}
        if len(near) > 1:
            return
        setup = self._world.schedule.setup
        self._by_month[month] += 1
        self._automatic[month] += not any(_covers(url, wanted) for _, wanted in self.wanted)
        used = self._used(month)
        if self._by_month[month] > used:
            self._break("b", f"{self._by_month[month]} purges of {month} accepted, {used} counted")
        if used > setup.quota:
            self._break("b", f"{used} of {setup.quota} purges of {month} counted")
        limit = setup.quota - setup.quota * setup.reserve_percent // 100
        if self._automatic[month] > limit:
            self._break("b", f"{self._automatic[month]} of {limit} purges of {month} were made for changes")

    def _used(self, month: str) -> int:
        item = self._world.aws.item("state", f"quota#{month}")
        return int(item["used"]["N"]) if item else 0

    def _break(self, letter: str, text: str) -> None:
        if sum(each.startswith(f"({letter})") for each in self.broken) < 3:
            self.broken.append(f"({letter}) {text}")

    # --- at the end ---

    def close(self) -> None:
        """All that must hold in the end."""
        self._every_change_is_purged()
        self._nothing_is_left()
        self._everything_is_followed()
        self._dead_letters_are_the_malformed()
        self._no_secret_got_out()

    def _every_change_is_purged(self) -> None:
        setup = self._world.schedule.setup
        purged = _Purged(self.accepted)
        for owed in self.owed:
            for target in targets(setup, owed.step.key):
                variants = setup.query_variants and has_variants(target) and f"{target}*" not in self._refused
                # A purge of the bare URL leaves what is cached of it with a query.
                if not (purged.all_since if variants else purged.since)(owed.time, target):
                    self._break("a", f"{owed.step} at {owed.time:.3f}: no purge of {target} since")
        for time, url in self.wanted:
            if url not in self._refused and not purged.since(time, url):
                self._break("a", f"{url}, asked for at {time:.3f}, was not purged since")

    def _nothing_is_left(self) -> None:
        for item in self._world.aws.items():
            pk, sk = item["pk"]["S"], item["sk"]["S"]
            if pk == "pending" or sk == "lease" or sk.startswith("untracked#"):
                self._break("c", f"left in the ledger: {pk} {sk}")
        if self._world.queue.messages:
            self._break("c", f"{len(self._world.queue.messages)} messages left in the queue")

    def _everything_is_followed(self) -> None:
        ids = {given for _, _, given in self.accepted}
        for item in self._world.aws.items():
            if item["pk"]["S"] == "submitted":
                request_id = item["request_id"]["S"]
                if request_id not in ids:
                    self._break("d", f"purge {request_id} is in the ledger, and ImageKit never accepted it")
                elif request_id not in self.followed:
                    self._break("d", f"purge {request_id} of {item['url']['S']} was given to no execution")
        for request_id, end in self.followed.items():
            purge = self._world.emulator.state.purges.find(request_id)
            if end == "Completed" and not (purge and purge.completed(self._world.now)):
                self._break("d", f"purge {request_id} was taken for Completed, and is not")

    def _dead_letters_are_the_malformed(self) -> None:
        dead = Counter(message.body for message in self._world.queue.dead)
        malformed: Counter[str] = Counter()
        for step in self._world.schedule.steps:
            malformed[step.malformed] += len(step.deliveries) if step.malformed else 0
        if dead != +malformed:
            wrong, missing = list((dead - malformed).elements()), list((malformed - dead).elements())
            self._break("e", f"dead letters {wrong} are sound; malformed {missing} are no dead letters")

    def _no_secret_got_out(self) -> None:
        places = {
            "the log": self._world.log.getvalue(),
            "the table": repr(self._world.aws.items()),
            "an execution": repr(self._world.aws.executions),
            "an alert": repr(self._world.aws.alerts),
        }
        secrets = dict.fromkeys(self._world.keys, "a private key")
        secrets |= dict.fromkeys(filter(None, self._authorizations), "an Authorization header")
        secrets |= {base64.b64encode(f"{key}:".encode()).decode(): "a key, encoded" for key in secrets}
        for place, text in places.items():
            for secret, name in secrets.items():
                if secret in text:
                    self._break("f", f"{name} stands in {place}")
