"""Puts together what answers questions."""

from collections.abc import Callable

from purging.answers.desk import Desk
from purging.aws.clients import Clients
from purging.ledger.store import Ledger
from purging.settings import Settings


def desk(settings: Settings, clients: Clients, clock: Callable[[], float]) -> Desk:
    """Return what answers questions. `clock` gives unix seconds."""
    return Desk(settings, Ledger(settings.ledger_table, clients("dynamodb")), clock)
