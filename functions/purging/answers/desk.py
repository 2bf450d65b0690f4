"""Answers a question: reads what it takes, and makes the answer of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from purging.answers.explanation import as_answer, findings, wanted
from purging.answers.reading import read_object, read_stack
from purging.answers.status import status
from purging.answers.why import why
from purging.events.questions import asked
from purging.ledger.quota import month_of
from purging.ledger.store import Ledger
from purging.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """What an answer is made with. `clock` gives unix seconds."""

    settings: Settings
    ledger: Ledger
    clock: Callable[[], float]

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer a question within about 30 seconds. It changes nothing, and takes no lease.

        Raises InvalidRequest or MalformedEvent if the question is malformed, and one of AWS_ERRORS if
        DynamoDB fails.
        """
        named = asked(question)
        month = month_of(self.clock(), dry_run=self.settings.dry_run)
        if named is None:
            return status(read_stack(self.ledger, month, self.clock), self.settings)
        facts = read_object(self.ledger, month, named, wanted(named, self.settings), self.clock)
        found = findings(named, facts, self.settings)
        return as_answer(found, why(found))
