"""The functions' own code, for commands that must understand an event or the ledger just as they do."""

import sys

from local.workspace import PROJECT

sys.path.append(str(PROJECT / "functions"))  # as it is on the functions' path in Lambda

from purging import changes
from purging.changes import Change, UrlChange
from purging.errors import PermanentError
from purging.events import manual
from purging.ledger.items import as_accepted
from purging.ledger.quota import month_of
from purging.ledger.store import Ledger
from purging.planning.coverage import Coverage
from purging.planning.targets import PurgeTarget, changed_objects, targets_of
from purging.purges import AcceptedPurge
from purging.settings import Settings

__all__ = [
    "AcceptedPurge",
    "Change",
    "Coverage",
    "Ledger",
    "PermanentError",
    "PurgeTarget",
    "Settings",
    "UrlChange",
    "as_accepted",
    "changed_objects",
    "changes",
    "manual",
    "month_of",
    "targets_of",
]
