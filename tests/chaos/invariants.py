"""What must hold in the end, whatever fails: read from ImageKit's own log and the raw table.

(a) every change is purged, or given up with an alert; (c) nothing is left; (d) every purge is followed; (e)
the dead letters are the malformed messages; (f) no secret gets out. `spending.py` has (b) and (h),
`waiting.py` (g) and (i). Nothing here asks the code under test: from key to URL and from purge to what it
covers are written anew, after the documentation, by the letter and not by the clever way.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.chaos.coverage import Purged
from tests.chaos.setup import targets

if TYPE_CHECKING:
    from tests.chaos.world import World

_DAY = 86_400.0


def has_variants(url: str) -> bool:
    """Whether a wildcard behind this URL is allowed by any reading of the rules: two levels, or a file with
    an extension. Whether a long name alone suffices depends on how one counts: it is not asked for. Nor is
    it for a folder's marker, whose wildcard is the whole folder's."""
    path = re.sub(r"^https://[^/]+/(demo/shop/|demo/)?(tr:[^/]+/)?", "", url)
    if path.endswith("/"):
        return False
    return len([level for level in path.split("/") if level]) >= 2 or bool(
        re.search(r"[^/.]\.[A-Za-z0-9]{1,5}$", path)
    )


class Settled:
    """When what must be purged was."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._purged = Purged(world.books.accepted)

    def purged_at(self, time: float, target: str, *, by_hand: bool) -> float:
        """When all of a URL was purged, since a time; infinity if it was not.

        A purge of the bare URL leaves what is cached of it with a query, or derived from it.
        """
        setup, refused = self._world.schedule.setup, self._world.books.refused
        wanted = [target]
        if not by_hand and setup.query_variants and has_variants(target) and f"{target}*" not in refused:
            wanted += [f"{target}?*", f"{target}/ik-*"]
        return max(self._purged.first(time, url) for url in wanted)

    def given_up(self, time: float, target: str) -> float:
        """When people were told that a URL is not purged, since ImageKit refuses to; infinity if not. Of a
        host they are told once a day."""
        books, bare = self._world.books, target.removesuffix("*")
        if (
            max((books.refused.get(f"{bare}{end}", 0.0) for end in ("", "*", "?*", "/ik-*")), default=0)
            < time
        ):
            return float("inf")
        host = urlsplit(target).netloc
        told = (at for at, text in books.alerts if "refuse" in text.lower() and host in text)
        return min((at for at in told if at >= time - _DAY), default=float("inf"))

    def settled_at(self, time: float, target: str, *, by_hand: bool) -> float:
        """When either happened."""
        return min(self.purged_at(time, target, by_hand=by_hand), self.given_up(time, target))


def due(world: "World") -> Iterator[tuple[float, float, str, bool]]:
    """What must be purged: since when, from when on the functions can know of it, which URL, and whether by
    hand."""
    for owed in world.books.owed:
        for target in targets(world.schedule.setup, owed.step.key):
            yield owed.time, owed.visible, target, False
    for time, url in world.books.wanted:
        yield time, time, url, True


def close(world: "World") -> None:
    """All of these."""
    _every_change_is_purged(world)
    _nothing_is_left(world)
    _everything_is_followed(world)
    _dead_letters_are_the_malformed(world)
    _no_secret_got_out(world)


def _every_change_is_purged(world: "World") -> None:
    settled = Settled(world)
    for time, _, target, by_hand in due(world):
        if settled.settled_at(time, target, by_hand=by_hand) == float("inf"):
            world.books.breaks("a", f"changed or asked for at {time:.3f}: no purge of {target} since")


def _nothing_is_left(world: "World") -> None:
    for item in world.aws.items():
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if pk == "pending" or sk == "lease" or sk.startswith("untracked#"):
            world.books.breaks("c", f"left in the ledger: {pk} {sk}")
    if world.queue.messages:
        world.books.breaks("c", f"{len(world.queue.messages)} messages left in the queue")


def _everything_is_followed(world: "World") -> None:
    books = world.books
    ids = {purge.request_id for purge in books.accepted}
    for item in world.aws.items():
        if item["pk"]["S"] == "submitted" and "request_id" in item:
            request_id = item["request_id"]["S"]
            if request_id not in ids:
                books.breaks("d", f"purge {request_id} is in the ledger, and ImageKit never accepted it")
            elif request_id not in books.followed:
                books.breaks("d", f"purge {request_id} of {item['url']['S']} was given to no execution")
    for request_id, end in books.followed.items():
        purge = world.emulator.state.purges.find(request_id)
        if end == "Completed" and not (purge and purge.completed(world.now)):
            books.breaks("d", f"purge {request_id} was taken for Completed, and is not")


def _dead_letters_are_the_malformed(world: "World") -> None:
    dead = Counter(message.body for message in world.queue.dead)
    malformed: Counter[str] = Counter()
    for step in world.schedule.steps:
        malformed[step.malformed] += len(step.deliveries) if step.malformed else 0
    if dead != +malformed:
        wrong, missing = list((dead - malformed).elements()), list((malformed - dead).elements())
        world.books.breaks("e", f"dead letters {wrong} are sound; malformed {missing} are no dead letters")


def _no_secret_got_out(world: "World") -> None:
    places = {
        "the log": world.log.getvalue(),
        "the table": repr(world.aws.items()),
        "an execution": repr(world.aws.executions),
        "an alert": repr(world.books.alerts),
    }
    secrets = dict.fromkeys(world.keys, "a private key")
    secrets |= dict.fromkeys(filter(None, world.books.authorizations), "an Authorization header")
    secrets |= {base64.b64encode(f"{key}:".encode()).decode(): "a key, encoded" for key in secrets}
    for place, text in places.items():
        for secret, name in secrets.items():
            if secret in text:
                world.books.breaks("f", f"{name} stands in {place}")
