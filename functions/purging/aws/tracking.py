"""Hands accepted purges to the state machine TrackPurges, which follows them until they are Completed."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from purging.purges import AcceptedPurge

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# Step Functions holds 256 KiB at most between two states (developer guide, "Quotas"). A purge stands twice
# in what CheckPurges answers at worst, with a reason each.
_MAX_INPUT_BYTES = 100_000
_MAX_PURGES = 100


class Tracker:
    """Starts executions of TrackPurges."""

    def __init__(self, state_machine_arn: str, client: "SFNClient") -> None:
        self._arn = state_machine_arn
        self._client = client

    def start(self, purges: Sequence[AcceptedPurge]) -> None:
        """Follow these purges. An execution's name stands for all that it follows: asking twice starts it
        once, and a name that exists says that every one of them is followed.

        Raises one of AWS_ERRORS if an execution cannot be started.
        """
        # In an order of their own, so that the same purges make the same parts however they are given.
        ordered = sorted(purges, key=lambda purge: purge.request_id)
        for part in _parts([_entry(purge) for purge in ordered]):
            try:
                self._client.start_execution(
                    stateMachineArn=self._arn,
                    name=_name(part),
                    input=json.dumps({"purges": part}),
                )
            except self._client.exceptions.ExecutionAlreadyExists:
                continue


def _entry(purge: AcceptedPurge) -> dict[str, Any]:
    return {
        "request_id": purge.request_id,
        "url": purge.url,
        "submitted_at": purge.submitted_at,
        "sample": purge.sample,
    }


def _name(part: Sequence[dict[str, Any]]) -> str:
    """70 characters; an execution's name has 80 at most (API reference, "StartExecution")."""
    ids = json.dumps([entry["request_id"] for entry in part])
    return f"purge-{hashlib.sha256(ids.encode()).hexdigest()}"


def _parts(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for entry in entries:
        length = len(json.dumps(entry))
        if part and (len(part) == _MAX_PURGES or size + length > _MAX_INPUT_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part
