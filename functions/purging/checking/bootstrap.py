"""Puts together what CheckPurges works with: without the planner, which would make its start slower."""

from collections.abc import Callable

from purging.aws.alerts import Alerts
from purging.aws.clients import Clients
from purging.checking.status import Checker
from purging.imagekit.client import ImageKit
from purging.imagekit.freshness import Freshness
from purging.imagekit.private_key import PrivateKey
from purging.ledger.store import Ledger
from purging.settings import Settings


def checker(settings: Settings, clients: Clients, clock: Callable[[], float]) -> Checker:
    """Return what checks purges. `clock` gives unix seconds."""
    return Checker(
        ImageKit(settings.api_url, PrivateKey(settings.secret_arn, clients("secretsmanager"))),
        Ledger(settings.ledger_table, clients("dynamodb")),
        Freshness(clock) if settings.verify_freshness else None,
        clock=clock,
    )


def alerts(settings: Settings, clients: Clients, clock: Callable[[], float]) -> Alerts:
    """Return what alerts people. `clock` gives unix seconds."""
    ledger = Ledger(settings.ledger_table, clients("dynamodb"))
    return Alerts(settings.alerts_topic_arn, clients("sns"), ledger, clock)
