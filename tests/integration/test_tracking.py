"""Executions of TrackPurges: what an execution's name says of the purges that it follows."""

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


def submitted(number: int, *, path: str = "a/") -> AcceptedPurge:
    return AcceptedPurge(f"{number:024x}", f"{ENDPOINT}/{path}{number}.jpg*", START)


def start(harness: Harness, purges: list[AcceptedPurge]) -> None:
    Tracker(harness.settings.track_purges_arn, boto3.client("stepfunctions")).start(purges)


def followed(harness: Harness) -> list[str]:
    return [purge["request_id"] for execution in harness.executions() for purge in execution["purges"]]


def test_purges_of_another_set_are_followed_though_the_first_is_the_same(harness: Harness) -> None:
    """An execution that exists stands for all that it follows, and for nothing more."""
    one, two, three = submitted(1), submitted(2), submitted(3)
    start(harness, [one, two])
    start(harness, [one, two, three])
    assert set(followed(harness)) == {each.request_id for each in (one, two, three)}
    start(harness, [one])
    start(harness, [one, two, three])
    assert len(harness.executions()) == 3, "what is followed already starts nothing"


def test_the_same_purges_start_the_same_executions_in_any_order(harness: Harness) -> None:
    """A start whose answer was lost is repeated: nothing is followed twice, in however many parts."""
    purges = [submitted(number, path="p" * 900) for number in range(250)]
    start(harness, purges)
    before = followed(harness)
    assert sorted(before) == sorted(each.request_id for each in purges)
    start(harness, random.Random(7).sample(purges, len(purges)))
    assert followed(harness) == before


def test_a_name_fits_step_functions(harness: Harness) -> None:
    """80 characters of letters, digits and a dash, and another one for each set."""
    for purges in ([submitted(1)], [submitted(2)], [submitted(1), submitted(2)]):
        start(harness, purges)
    sfn = boto3.client("stepfunctions")
    found = sfn.list_executions(stateMachineArn=harness.settings.track_purges_arn)["executions"]
    names = sorted(each["name"] for each in found)
    assert len(names) == 3
    assert all(one != other for one, other in pairwise(names))
    assert all(len(name) <= 80 and name.replace("-", "").isalnum() for name in names)
