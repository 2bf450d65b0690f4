"""What the doctor was told, before it concludes anything."""

from dataclasses import dataclass

from ops.doctor.account import Account, KeyCheck, KeyState
from ops.doctor.bucket import Bucket
from ops.doctor.finding import Finding
from ops.doctor.stack import Stack


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was asked and given. `unseen` are findings of the asking itself."""

    account: Account
    buckets: tuple[Bucket, ...]
    stack: Stack | None = None
    key: KeyCheck | None = None
    """The check of the key that the stack purges with."""
    reader: KeyState = KeyState.UNKNOWN
    """The state of the key that asked for the account."""
    given: tuple[str, ...] = ()
    """URL-endpoints of the account, as the user named them."""
    urls: tuple[str, ...] | None = None
    """Those of pages and logs; None if none were given."""
    changes: int | None = None
    unseen: tuple[Finding, ...] = ()
