"""The code of the functions, for commands that must read an event or the ledger exactly as they do.

All imports of `purging` by `local` are here.
"""

import sys

from local.workspace import PROJECT

sys.path.append(str(PROJECT / "functions"))  # where Lambda finds it too

from purging import changes
from purging.aws.listing import S3Lister
from purging.aws.surveyor import Surveyor
from purging.changes import Change, UrlChange
from purging.errors import InvalidRequest, PermanentError
from purging.events import manual
from purging.events.fields import is_manual
from purging.events.questions import NamedObject, asked, is_question
from purging.ledger.items import as_accepted
from purging.ledger.quota import month_of
from purging.ledger.store import Ledger
from purging.planning.coverage import Coverage
from purging.planning.pacing import coming
from purging.planning.plan import Conditions
from purging.planning.planner import Planner
from purging.planning.targets import PurgeTarget, changed_objects, targets_of
from purging.purges import AcceptedPurge
from purging.settings import Settings
from purging.urls import UrlMap, encode, wildcard_allowed

__all__ = [
    "AcceptedPurge",
    "Change",
    "Conditions",
    "Coverage",
    "InvalidRequest",
    "Ledger",
    "NamedObject",
    "PermanentError",
    "Planner",
    "PurgeTarget",
    "S3Lister",
    "Settings",
    "Surveyor",
    "UrlChange",
    "UrlMap",
    "as_accepted",
    "asked",
    "changed_objects",
    "changes",
    "coming",
    "encode",
    "is_manual",
    "is_question",
    "manual",
    "month_of",
    "targets_of",
    "wildcard_allowed",
]
