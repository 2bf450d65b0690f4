"""The items of the ledger's table, and what they mean. `ledger.py` reads and writes them.

=============  ==============================  ====================================================
`pk`           `sk`                            what it is
=============  ==============================  ====================================================
`pending`      change set id                   changes that no accepted purge covers yet (`blob`)
`submitted`    submission time # request id    an accepted purge; goes by itself after 40 days
`state`        `lease`                         who drains, until when
`state`        `quota#2026-11`                 purges used in a month (UTC)
`state`        `pause`                         no calls before this time, and why
`state`        `refused#…`, `failing#…`        wildcards ImageKit refused; URLs to try again later
`state`        `untracked#…`                   accepted purges that TrackPurges could not be told of
`state`        `request#…`                     when a manual purge was first asked, for 5 minutes
`state`        `alert#…`                       alerts that were sent and are not to be repeated yet
=============  ==============================  ====================================================

All times are unix seconds, UTC, of the function's clock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from purging.changes import IDENTITY_BYTES
from purging.changesets import MAX_BYTES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, Any]
"""An item as DynamoDB's low-level API has it: each value wrapped in its type."""

# Longer than a change can stay undelivered: SQS keeps a message for at most 14 days.
_KEEP_SUBMITTED = 40 * 86_400.0

# DynamoDB developer guide, "Quotas": 100 actions and 4 MB a transaction; a set is the only large item.
_MAX_ACTIONS = 100
_MAX_SETS = 4_000_000 // (MAX_BYTES + 50_000)


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted purge. `identities` are those of the changes it was made for, as `joined` has them;
    `sample` is an exact URL that it covers, or None where none is worth a look."""

    request_id: str
    url: str
    submitted_at: float
    identities: bytes = b""
    sample: str | None = None

    def made_for(self, identity: bytes) -> bool:
        """Whether this is the identity of a change that it was made for."""
        starts = range(0, len(self.identities), IDENTITY_BYTES)
        at = bisect_left(starts, identity, key=lambda start: self.identities[start : start + IDENTITY_BYTES])
        start = at * IDENTITY_BYTES
        return self.identities[start : start + IDENTITY_BYTES] == identity


def joined(identities: Iterable[bytes]) -> bytes:
    """Identities in order, one behind the other. They are read far more often than looked into."""
    return b"".join(sorted(identities))


@dataclass(frozen=True, slots=True)
class Failing:
    """A URL whose purge got no usable answer `attempts` times in a row; try again at `retry_at`."""

    attempts: int
    retry_at: float


@dataclass(frozen=True, slots=True)
class State:
    """What drains remember from one to the next, as of one month. `exhausted`: ImageKit said so last."""

    used: int = 0
    paused_until: float = 0.0
    failures: int = 0
    exhausted: bool = False
    refused: frozenset[str] = frozenset()
    failing: Mapping[str, Failing] = field(default_factory=dict)
    untracked: tuple[Submitted, ...] = ()


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def about_url(kind: str, url: str) -> str:
    """A sort key for what is known of a URL, which itself may be longer than the 1024 bytes of one."""
    return f"{kind}#{sha256(url.encode()).hexdigest()[:32]}"


def number(value: float) -> "AttributeValueTypeDef":
    """A number as DynamoDB has it."""
    return {"N": str(value)}


def change_set(set_id: str, blob: bytes, *, manual: bool) -> Item:
    """The item of a packed change set."""
    return {**key("pending", set_id), "blob": {"B": blob}, "manual": {"BOOL": manual}}


def submitted_sk(submitted_at: float, request_id: str = "") -> str:
    """The sort key of an accepted purge: sorts by time, to the microsecond."""
    return f"{max(submitted_at, 0.0):017.6f}#{request_id}"


def submitted(purge: Submitted) -> Item:
    """The item of an accepted purge."""
    item: Item = {
        **key("submitted", submitted_sk(purge.submitted_at, purge.request_id)),
        "request_id": {"S": purge.request_id},
        "url": {"S": purge.url},
        "submitted_at": number(purge.submitted_at),
        "identities": {"B": purge.identities},
        "expires_at": number(int(purge.submitted_at + _KEEP_SUBMITTED)),
    }
    return item | {"sample": {"S": purge.sample}} if purge.sample else item


def as_submitted(item: Mapping[str, Any]) -> Submitted:
    """The inverse of `submitted`."""
    return Submitted(
        request_id=item["request_id"]["S"],
        url=item["url"]["S"],
        submitted_at=float(item["submitted_at"]["N"]),
        identities=bytes(item["identities"]["B"]),
        sample=item.get("sample", {}).get("S"),
    )


def as_state(items: Sequence[Mapping[str, Any]], month: str) -> State:
    """The state that the items of `state` add up to."""
    by_sk = {item["sk"]["S"]: item for item in items}
    pause = by_sk.get("pause")
    return State(
        used=int(by_sk.get(f"quota#{month}", {}).get("used", {"N": "0"})["N"]),
        paused_until=float(pause["until"]["N"]) if pause else 0.0,
        failures=int(pause["failures"]["N"]) if pause else 0,
        exhausted=pause["exhausted"]["BOOL"] if pause else False,
        refused=frozenset(item["url"]["S"] for sk, item in by_sk.items() if sk.startswith("refused#")),
        failing={
            item["url"]["S"]: Failing(int(item["attempts"]["N"]), float(item["retry_at"]["N"]))
            for sk, item in by_sk.items()
            if sk.startswith("failing#")
        },
        untracked=tuple(as_submitted(item) for sk, item in by_sk.items() if sk.startswith("untracked#")),
    )


def transactions(actions: Sequence[Item]) -> Iterator[list[Item]]:
    """Actions in their order, in as few transactions as DynamoDB's limits allow."""
    part: list[Item] = []
    sets = 0
    for action in actions:
        is_set = "blob" in action.get("Put", {}).get("Item", {})
        if len(part) == _MAX_ACTIONS or (is_set and sets == _MAX_SETS):
            yield part
            part, sets = [], 0
        part.append(action)
        sets += is_set
    if part:
        yield part
