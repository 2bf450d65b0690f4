"""The executions of TrackPurges: an execution name identifies the purges that it tracks."""

import random
from collections.abc import Iterator
from itertools import pairwise

import boto3
import pytest

from purging.aws.tracking import Tracker
from purging.purges import AcceptedPurge
from tests.integration.harness import ENDPOINT, START, Harness, running_harness


@pytest.fixture
def harness() -> Iterator[Harness]:
    with running_harness() as harness:
        yield harness


def accepted_purge(number: int, *, path: str = "a/") -> AcceptedPurge:
    return AcceptedPurge(f"{number:024x}", f"{ENDPOINT}/{path}{number}.jpg*", START)


def start(harness: Harness, purges: list[AcceptedPurge]) -> None:
    Tracker(harness.settings.track_purges_arn, boto3.client("stepfunctions")).start(purges, 5)


def tracked_ids(harness: Harness) -> list[str]:
    return [purge["request_id"] for execution in harness.executions() for purge in execution["purges"]]


def test_another_set_with_the_same_first_purge_is_tracked(harness: Harness) -> None:
    """An existing execution stands for exactly the purges that it tracks."""
    one, two, three = accepted_purge(1), accepted_purge(2), accepted_purge(3)
    start(harness, [one, two])
    start(harness, [one, two, three])
    assert set(tracked_ids(harness)) == {each.request_id for each in (one, two, three)}
    start(harness, [one])
    start(harness, [one, two, three])
    assert len(harness.executions()) == 3, "tracked purges start no new execution"


def test_the_same_purges_start_the_same_executions_in_any_order(harness: Harness) -> None:
    """If the answer to a start was lost, it is repeated: no purge is tracked twice."""
    purges = [accepted_purge(number, path="p" * 900) for number in range(250)]
    start(harness, purges)
    before = tracked_ids(harness)
    assert sorted(before) == sorted(each.request_id for each in purges)
    start(harness, random.Random(7).sample(purges, len(purges)))
    assert tracked_ids(harness) == before


def test_the_wait_before_the_first_check_is_in_the_input(harness: Harness) -> None:
    """Each part of a batch has it. The same purges with another wait start nothing."""
    tracker = Tracker(harness.settings.track_purges_arn, boto3.client("stepfunctions"))
    purges = [accepted_purge(number) for number in range(150)]
    tracker.start(purges, 90)
    tracker.start(purges, 40)
    assert [each["first_wait_seconds"] for each in harness.executions()] == [90, 90]


def test_a_name_fits_step_functions(harness: Harness) -> None:
    """A name has at most 80 letters, digits and dashes, and each set has a name of its own:

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    for purges in ([accepted_purge(1)], [accepted_purge(2)], [accepted_purge(1), accepted_purge(2)]):
        start(harness, purges)
    sfn = boto3.client("stepfunctions")
    found = sfn.list_executions(stateMachineArn=harness.settings.track_purges_arn)["executions"]
    names = sorted(each["name"] for each in found)
    assert len(names) == 3
    assert all(one != other for one, other in pairwise(names))
    assert all(len(name) <= 80 and name.replace("-", "").isalnum() for name in names)
