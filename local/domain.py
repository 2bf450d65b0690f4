"""The code of the functions, for commands that must read an event or the ledger exactly as they do.

All imports of `purging` by `local` are here.
"""

import sys

from local.workspace import PROJECT

sys.path.append(str(PROJECT / "functions"))  # where Lambda finds it too

from purging import changes
from purging.changes import Change, UrlChange
from purging.errors import PermanentError
from purging.events import manual
from purging.ledger.changesets import ChangeSet
from purging.ledger.items import as_submitted
from purging.ledger.store import Ledger, month_of
from purging.planning.coverage import Coverage
from purging.planning.targets import PurgeTarget, gather, targets_of
from purging.purges import AcceptedPurge
from purging.settings import Settings

__all__ = [
    "AcceptedPurge",
    "Change",
    "ChangeSet",
    "Coverage",
    "Ledger",
    "PermanentError",
    "PurgeTarget",
    "Settings",
    "UrlChange",
    "as_submitted",
    "changes",
    "gather",
    "manual",
    "month_of",
    "targets_of",
]
