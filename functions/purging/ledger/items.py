"""The items of the ledger's table, and their meaning. `store.py` reads and writes them.

=============  ==============================  ====================================================
`pk`           `sk`                            what it is
=============  ==============================  ====================================================
`pending`      change set id                   changes that no accepted purge covers yet (`blob`)
`submitted`    submission time # request id    an accepted purge; expires after 40 days; further items of the
                                               same purge have the identities that do not fit into one item
`state`        `lease`                         who drains, until when; whether another left word for it
`state`        `hold`                          all pending changes are held, until when
`state`        `quota#2026-11`                 purges used in a month (UTC), and needed, by day
`state`        `pause`                         no calls before this time, and why
`state`        `recovered`                     when calls succeeded again after failures
`state`        `refused#…`, `failing#…`        wildcards ImageKit refused; URLs to try again later
`state`        `untracked#…`                   accepted purges that TrackPurges does not follow yet
`state`        `cursor`                        the change set after which the next drain continues
`state`        `request#…`                     when a manual purge was first asked for, for 5 minutes
`state`        `alert#…`                       alerts that were sent and must not be repeated yet
=============  ==============================  ====================================================

All times are unix seconds, UTC, of the function's clock.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from purging.events.model import IDENTITY_BYTES
from purging.ledger.records import Hold, State
from purging.purges import AcceptedPurge, FailingUrl, Need

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Item = dict[str, Any]
"""An item in the form of DynamoDB's low-level API: each value is wrapped in its type.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html"""

ACCEPTED_PK = "submitted"
"""The partition of the accepted purges. The text stays as it is: the tables of deployed stacks hold it."""

# Seconds. No change can stay undelivered for longer: SQS keeps a message for at most 14 days:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
_KEEP_ACCEPTED = 40 * 86_400.0

# 320,000 bytes. An item has at most 400 KB, names included:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_MAX_IDENTITIES = 40_000


def key(pk: str, sk: str) -> Item:
    """The key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def about(kind: str, text: str) -> str:
    """A sort key of this kind for a text, as a digest: the text may be longer than the 1,024 bytes of a sort
    key:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
    return f"{kind}#{sha256(text.encode()).hexdigest()[:32]}"


def number(value: float) -> "AttributeValueTypeDef":
    """A number in DynamoDB's form."""
    return {"N": str(value)}


def change_set(set_id: str, blob: bytes, *, manual: bool) -> Item:
    """The item of a packed change set."""
    return {**key("pending", set_id), "blob": {"B": blob}, "manual": {"BOOL": manual}}


def accepted_sk(submitted_at: float, request_id: str = "") -> str:
    """The sort key of an accepted purge. It sorts by `submitted_at` (unix seconds), to the microsecond."""
    return f"{max(submitted_at, 0.0):017.6f}#{request_id}"


def accepted(purge: AcceptedPurge) -> list[Item]:
    """The items of an accepted purge: one, or several if it has more identities than one item holds."""
    size = _MAX_IDENTITIES * IDENTITY_BYTES
    starts = range(0, len(purge.identities), size) or (0,)
    return [
        {
            **key(
                ACCEPTED_PK, accepted_sk(purge.submitted_at, purge.request_id) + (f"#{part}" if part else "")
            ),
            **_purge_attributes(purge),
            "identities": {"B": purge.identities[start : start + size]},
            "expires_at": number(int(purge.submitted_at + _KEEP_ACCEPTED)),
        }
        for part, start in enumerate(starts)
    ]


def untracked(purges: Sequence[AcceptedPurge]) -> Item:
    """The item of a batch of accepted purges that TrackPurges does not follow yet."""
    return {**untracked_key(purges), "purges": {"L": [{"M": _purge_attributes(purge)} for purge in purges]}}


def untracked_key(purges: Sequence[AcceptedPurge]) -> Item:
    """The key of the item that `untracked` returns. Only the first purge decides it, so a batch can grow."""
    return key("state", about("untracked", purges[0].request_id))


def _purge_attributes(purge: AcceptedPurge) -> Item:
    item: Item = {
        "request_id": {"S": purge.request_id},
        "url": {"S": purge.url},
        "submitted_at": number(purge.submitted_at),
    }
    return item | {"sample": {"S": purge.sample}} if purge.sample else item


def as_accepted(item: Mapping[str, Any]) -> AcceptedPurge:
    """The accepted purge of one item, with only the identities in this item."""
    return AcceptedPurge(
        request_id=item["request_id"]["S"],
        url=item["url"]["S"],
        submitted_at=float(item["submitted_at"]["N"]),
        identities=bytes(item["identities"]["B"]) if "identities" in item else b"",
        sample=item.get("sample", {}).get("S"),
        completed_at=float(item["completed_at"]["N"]) if "completed_at" in item else None,
    )


def as_state(items: Sequence[Mapping[str, Any]], month: str) -> State:
    """The state in the items of the partition `state`. `month` is as `month_of` returns it."""
    by_sk = {item["sk"]["S"]: item for item in items}
    pause = by_sk.get("pause")
    quota, before = by_sk.get(f"quota#{month}", {}), by_sk.get(f"quota#{month_before(month)}", {})
    return State(
        used=int(quota.get("used", {"N": "0"})["N"]),
        need=_as_need(quota),
        need_by_day={
            day: float(quota[needed_on(day)]["N"]) for day in range(1, 32) if needed_on(day) in quota
        },
        need_before=_as_need(before) if "sparing" in before else None,  # earlier versions did not count it
        paused_until=float(pause["until"]["N"]) if pause else 0.0,
        failures=int(pause["failures"]["N"]) if pause else 0,
        exhausted=pause["exhausted"]["BOOL"] if pause else False,
        pause_reason=pause["reason"]["S"] if pause else "",
        recovered_at=float(by_sk.get("recovered", {}).get("at", {"N": "0"})["N"]),
        refused=frozenset(item["url"]["S"] for sk, item in by_sk.items() if sk.startswith("refused#")),
        failing={
            item["url"]["S"]: _as_failing(item)
            for sk, item in by_sk.items()
            if sk.startswith("failing#") and "since" in item  # earlier versions wrote items without it
        },
        untracked=tuple(
            tuple(as_accepted(purge["M"]) for purge in item["purges"]["L"])
            for sk, item in by_sk.items()
            if sk.startswith("untracked#")
        ),
        hold=as_hold(by_sk["hold"]) if "hold" in by_sk else None,
        cursor=by_sk.get("cursor", {}).get("after", {"S": ""})["S"],
    )


def as_hold(item: Mapping[str, Any]) -> Hold:
    """The hold in the item `hold`."""
    return Hold(
        until=float(item["until"]["N"]),
        first=item["first"]["S"],
        count=int(item["count"]["N"]),
        quota=int(item["quota"]["N"]),
        # Earlier versions did not keep these.
        latest=float(item.get("latest", {"N": "0"})["N"]),
        overtaken=int(item.get("overtaken", {"N": "0"})["N"]),
    )


def month_before(month: str) -> str:
    """Return the month before a month as `month_of` gives it: `2025-12` before `2026-01`."""
    year, number = int(month[:4]), int(month[5:7])
    return f"{year - (number == 1):04}-{(number - 2) % 12 + 1:02}{month[7:]}"


def needed_on(day: int) -> str:
    """The attribute for what the large rounds of a day of the month needed at least."""
    return f"needed_{day:02}"


def _as_need(quota: Mapping[str, Any]) -> Need:
    return Need(*(float(quota.get(name, {"N": "0"})["N"]) for name in ("needed", "sparing")))


def _as_failing(item: Mapping[str, Any]) -> FailingUrl:
    return FailingUrl(
        attempts=int(item["attempts"]["N"]),
        retry_at=float(item["retry_at"]["N"]),
        failed_at=float(item["failed_at"]["N"]),
        since=float(item["since"]["N"]),
    )
