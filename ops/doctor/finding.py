"""What the doctor found: one thing each, with its remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is. The order is that of the report."""

    MEND = "mend"
    """Something is not purged, or does not work."""
    UNSEEN = "unseen"
    """The doctor could not look, so it does not know."""
    ADVICE = "advice"
    """It works, but it costs more than it needs, or allows more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about `what` is so, and one about the `remedy`."""

    severity: Severity
    what: str
    remedy: str


def mend(what: str, remedy: str) -> Finding:
    """Returns a finding about something that does not work."""
    return Finding(Severity.MEND, what, remedy)


def unseen(what: str, remedy: str) -> Finding:
    """Returns a finding about something that the doctor could not see."""
    return Finding(Severity.UNSEEN, what, remedy)


def advice(what: str, remedy: str) -> Finding:
    """Returns a finding about something that works."""
    return Finding(Severity.ADVICE, what, remedy)
