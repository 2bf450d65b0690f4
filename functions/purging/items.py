"""The items of the ledger's table, and what they mean. `ledger.py` reads and writes them.

=============  ==============================  ====================================================
`pk`           `sk`                            what it is
=============  ==============================  ====================================================
`pending`      change set id                   changes that no accepted purge covers yet (`blob`)
`submitted`    submission time # request id    an accepted purge; goes by itself after 40 days; further items
                                               of the same purge have what identities one cannot hold
`state`        `lease`                         who drains, until when
`state`        `quota#2026-11`                 purges used in a month (UTC)
`state`        `pause`                         no calls before this time, and why
`state`        `recovered`                     when calls succeeded again after failures
`state`        `refused#…`, `failing#…`        wildcards ImageKit refused; URLs to try again later
`state`        `untracked#…`                   accepted purges that TrackPurges is yet to be told of
`state`        `cursor`                        the change set behind which the next drain goes on
`state`        `request#…`                     when a manual purge was first asked, for 5 minutes
`state`        `alert#…`                       alerts that were sent and are not to be repeated yet
=============  ==============================  ====================================================

All times are unix seconds, UTC, of the function's clock.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from purging.changes import IDENTITY_BYTES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, Any]
"""An item as DynamoDB's low-level API has it: each value wrapped in its type."""

# Longer than a change can stay undelivered: SQS keeps a message for at most 14 days.
_KEEP_SUBMITTED = 40 * 86_400.0

# An item holds 400 KB (DynamoDB developer guide, "Quotas").
_MAX_IDENTITIES = 40_000


@dataclass(frozen=True, slots=True)
class Submitted:
    """An accepted purge. `identities` (as `joined` has them) are those of the changes that it was made for,
    where its time does not tell so; `sample` is an exact URL that it covers, or None where none is worth a
    look."""

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
    """A URL whose purge got no usable answer `attempts` times in a row, last at `failed_at`; try again at
    `retry_at`. `since` is when the oldest change happened that the purge was for: what is known of a URL
    concerns the changes that waited then, and no later ones."""

    attempts: int
    retry_at: float
    failed_at: float
    since: float

    def concerns(self, since: float) -> bool:
        """Whether a purge for changes `since` then is one that failed before."""
        return since <= self.since


@dataclass(frozen=True, slots=True)
class State:
    """What drains remember from one to the next, as of one month. `exhausted`: ImageKit said so last;
    `pause_reason` says more. Calls last succeeded again, after failures, at `recovered_at`. `untracked`
    purges come in the batches in which they were accepted."""

    used: int = 0
    paused_until: float = 0.0
    failures: int = 0
    exhausted: bool = False
    pause_reason: str = ""
    recovered_at: float = 0.0
    refused: frozenset[str] = frozenset()
    failing: Mapping[str, Failing] = field(default_factory=dict)
    untracked: tuple[tuple[Submitted, ...], ...] = ()
    cursor: str = ""


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def about(kind: str, text: str) -> str:
    """A sort key for what is known of a text, which may be longer than the 1024 bytes of one."""
    return f"{kind}#{sha256(text.encode()).hexdigest()[:32]}"


def number(value: float) -> "AttributeValueTypeDef":
    """A number as DynamoDB has it."""
    return {"N": str(value)}


def change_set(set_id: str, blob: bytes, *, manual: bool) -> Item:
    """The item of a packed change set."""
    return {**key("pending", set_id), "blob": {"B": blob}, "manual": {"BOOL": manual}}


def submitted_sk(submitted_at: float, request_id: str = "") -> str:
    """The sort key of an accepted purge: sorts by time, to the microsecond."""
    return f"{max(submitted_at, 0.0):017.6f}#{request_id}"


def submitted(purge: Submitted) -> list[Item]:
    """The items of an accepted purge: one, or more for the identities of very many changes."""
    size = _MAX_IDENTITIES * IDENTITY_BYTES
    starts = range(0, len(purge.identities), size) or (0,)
    return [
        {
            **key(
                "submitted", submitted_sk(purge.submitted_at, purge.request_id) + (f"#{part}" if part else "")
            ),
            **_attributes(purge),
            "identities": {"B": purge.identities[start : start + size]},
            "expires_at": number(int(purge.submitted_at + _KEEP_SUBMITTED)),
        }
        for part, start in enumerate(starts)
    ]


def untracked(purges: Sequence[Submitted]) -> Item:
    """The item that says of accepted purges that TrackPurges is yet to be told of them."""
    return {**untracked_key(purges), "purges": {"L": [{"M": _attributes(purge)} for purge in purges]}}


def untracked_key(purges: Sequence[Submitted]) -> Item:
    """The key of the same: a batch is known by its first purge while it grows."""
    return key("state", about("untracked", purges[0].request_id))


def _attributes(purge: Submitted) -> Item:
    item: Item = {
        "request_id": {"S": purge.request_id},
        "url": {"S": purge.url},
        "submitted_at": number(purge.submitted_at),
    }
    return item | {"sample": {"S": purge.sample}} if purge.sample else item


def as_submitted(item: Mapping[str, Any]) -> Submitted:
    """The inverse of `submitted`."""
    return Submitted(
        request_id=item["request_id"]["S"],
        url=item["url"]["S"],
        submitted_at=float(item["submitted_at"]["N"]),
        identities=bytes(item["identities"]["B"]) if "identities" in item else b"",
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
        pause_reason=pause["reason"]["S"] if pause else "",
        recovered_at=float(by_sk.get("recovered", {}).get("at", {"N": "0"})["N"]),
        refused=frozenset(item["url"]["S"] for sk, item in by_sk.items() if sk.startswith("refused#")),
        failing={
            item["url"]["S"]: _as_failing(item)
            for sk, item in by_sk.items()
            if sk.startswith("failing#") and "since" in item  # an earlier version wrote it without
        },
        untracked=tuple(
            tuple(as_submitted(purge["M"]) for purge in item["purges"]["L"])
            for sk, item in by_sk.items()
            if sk.startswith("untracked#")
        ),
        cursor=by_sk.get("cursor", {}).get("after", {"S": ""})["S"],
    )


def _as_failing(item: Mapping[str, Any]) -> Failing:
    return Failing(
        attempts=int(item["attempts"]["N"]),
        retry_at=float(item["retry_at"]["N"]),
        failed_at=float(item["failed_at"]["N"]),
        since=float(item["since"]["N"]),
    )
