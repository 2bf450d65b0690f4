"""Hands accepted purges to the state machine TrackPurges, which follows them until they are Completed."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from purging.purges import AcceptedPurge
from purging.tracked import TrackedPurge, TrackRequest

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Step Functions passes at most 256 KiB from one state to the next:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
# The answer of CheckPurges is larger than its input: it adds a reason to each purge, perhaps with its URL.
_MAX_INPUT_BYTES = 100_000
_MAX_PURGES = 100


class Tracker:
    """Starts executions of TrackPurges."""

    def __init__(self, state_machine_arn: str, client: "SFNClient") -> None:
        self._arn = state_machine_arn
        self._client = client

    def start(self, purges: Sequence[AcceptedPurge], first_wait_seconds: int) -> None:
        """Track these purges, in as few executions as the limits allow. Each makes its first check after so
        many seconds.

        The name of an execution is derived from the ids of all its purges. So a repeated call with the same
        purges starts nothing twice, whatever its wait, and a name that exists proves that all its purges are
        tracked. Raises one of AWS_ERRORS if an execution cannot be started.
        """
        # Sorted: in any order, the same purges make the same parts.
        ordered = sorted(purges, key=lambda purge: purge.request_id)
        for part in _parts([_tracked(purge) for purge in ordered]):
            given: TrackRequest = {"purges": part, "first_wait_seconds": first_wait_seconds}
            try:
                self._client.start_execution(
                    stateMachineArn=self._arn,
                    name=_name(part),
                    input=json.dumps(given),
                )
            except self._client.exceptions.ExecutionAlreadyExists:
                continue


def _tracked(purge: AcceptedPurge) -> TrackedPurge:
    return {
        "request_id": purge.request_id,
        "url": purge.url,
        "submitted_at": purge.submitted_at,
        "sample": purge.sample,
    }


def _name(part: Sequence[TrackedPurge]) -> str:
    """A name of 70 characters. Step Functions allows 80:
    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    ids = json.dumps([purge["request_id"] for purge in part])
    return f"purge-{hashlib.sha256(ids.encode()).hexdigest()}"


def _parts(purges: Sequence[TrackedPurge]) -> Iterator[list[TrackedPurge]]:
    """The purges in their order, in as few parts as the limits allow."""
    part: list[TrackedPurge] = []
    size = 0
    for purge in purges:
        length = len(json.dumps(purge))
        if part and (len(part) == _MAX_PURGES or size + length > _MAX_INPUT_BYTES):
            yield part
            part, size = [], 0
        part.append(purge)
        size += length
    if part:
        yield part
