"""The JSON that the state machine TrackPurges gets, and the JSON between it and the function CheckPurges.

The field names are a contract: `statemachine/track_purges.asl.json` reads them, and an execution that started
before a deployment still holds the fields of the earlier version.
"""

from typing import Literal, NotRequired, TypedDict

Cause = Literal[
    "pending", "stale", "throttled", "unknown id", "unavailable", "key refused", "key not read", "not asked"
]
"""Why a tracked purge is unfinished, in words that all purges with the same problem share."""


class TrackedPurge(TypedDict):
    """An accepted purge that TrackPurges follows.

    SubmitPurge gives the first four fields. CheckPurges adds the others to each purge that it finds
    unfinished, and receives them again with the next check.
    """

    request_id: str
    url: str
    """Exact, or ending in `*`."""
    submitted_at: float
    """Unix seconds, UTC."""
    sample: str | None
    """An exact URL under `url`, to check at the CDN; None if no URL is worth a check."""
    completed: NotRequired[bool]
    """True if ImageKit has said Completed, and only the freshness is missing; else the field is absent."""
    cause: NotRequired[Cause]
    reason: NotRequired[str]
    """The cause in words, for people."""


class TrackRequest(TypedDict):
    """The input of an execution of TrackPurges."""

    purges: list[TrackedPurge]
    first_wait_seconds: NotRequired[int]
    """How long to wait before the first check, in whole seconds; 5 if the field is absent."""


class GiveUp(TypedDict, total=False):
    """Why TrackPurges gives up: either `minutes`, or `error` and `details`."""

    execution: str
    """The ARN of the execution."""
    minutes: str
    """The deadline that has passed, in minutes."""
    error: str
    """The name of the error with which CheckPurges failed."""
    details: str
    """The cause that Step Functions gives for this error."""


class CheckRequest(TypedDict):
    """The input of CheckPurges. With `give_up` it alerts people, and checks nothing."""

    purges: list[TrackedPurge]
    give_up: NotRequired[GiveUp]


class CheckAnswer(TypedDict):
    """The answer of CheckPurges to a check."""

    purges: list[TrackedPurge]
    """The unfinished purges, each with its cause and reason."""
    completed: int
    """How many purges of the request are finished."""
    wait_seconds: int
    """The shortest time to wait before the next check, in whole seconds."""
