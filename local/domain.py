"""The functions' own code, for commands that must understand an event or the ledger just as they do."""

import sys

from local.workspace import PROJECT

sys.path.append(str(PROJECT / "functions"))  # as it is on the functions' path in Lambda

from purging import changes, manual
from purging.changes import Change, UrlChange
from purging.changesets import ChangeSet
from purging.errors import PermanentError
from purging.items import Submitted, as_submitted
from purging.ledger import Ledger, month_of
from purging.needs import Coverage, Need, gather, needs_of
from purging.settings import Settings

__all__ = [
    "Change",
    "ChangeSet",
    "Coverage",
    "Ledger",
    "Need",
    "PermanentError",
    "Settings",
    "Submitted",
    "UrlChange",
    "as_submitted",
    "changes",
    "gather",
    "manual",
    "month_of",
    "needs_of",
]
