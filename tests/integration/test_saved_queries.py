"""The saved queries find what they are for: their messages and fields are in what the functions log."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.harness import ENDPOINT, START, Functions, running_functions, running_harness
from tests.unit.cloudformation import load

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

QUERIES = {
    resource["Properties"]["Name"]["Fn::Sub"].partition("/")[2]: resource["Properties"]
    for resource in load()["Resources"].values()
    if resource["Type"] == "AWS::Logs::QueryDefinition"
}


def test_the_query_on_a_dry_run_finds_what_it_would_purge() -> None:
    """Each URL has its changes and evictions."""
    with running_harness() as harness, running_functions(harness, DRY_RUN="true") as dry:
        _put(dry, "a/photo.jpg")
        [line] = dry.logged(_message("What a dry run would purge"))
    assert _fields("What a dry run would purge") <= line.keys()


@pytest.fixture
def functions() -> Iterator[Functions]:
    with running_harness() as harness, running_functions(harness) as running:
        yield running


def _fields(name: str) -> set[str]:
    """The fields that a query shows, without those of CloudWatch itself."""
    [line] = re.findall(r"^fields (.+)$", QUERIES[name]["QueryString"], re.MULTILINE)
    return {field for field in line.split(", ") if not field.startswith("@")}


def _message(name: str) -> str:
    [message] = re.findall(r'message = "([^"]+)"', QUERIES[name]["QueryString"])
    return str(message)


def _put(functions: Functions, key: str) -> None:
    functions.submit(
        {
            "detail-type": "Object Created",
            "source": "aws.s3",
            "time": datetime.fromtimestamp(START - 30, UTC).isoformat().replace("+00:00", "Z"),
            "detail": {"bucket": {"name": "my-origin-bucket"}, "object": {"key": key, "sequencer": "0A"}},
        }
    )


def test_there_are_six_queries_for_the_logs_of_both_functions() -> None:
    """Each one is in the folder of its stack, so that two stacks do not mix."""
    assert QUERIES.keys() == {
        "Purges of a URL",
        "Why changes are held",
        "Failures",
        "Slowest purges",
        "Needless evictions",
        "What a dry run would purge",
    }
    for query in QUERIES.values():
        assert query["Name"]["Fn::Sub"].startswith("${AWS::StackName}/")
        assert query["LogGroupNames"] == [{"Ref": "SubmitPurgeLogs"}, {"Ref": "CheckPurgesLogs"}]


def test_the_queries_on_purges_find_their_lines(functions: Functions) -> None:
    """An accepted purge has its evictions, and a completed one its seconds. Both have the URL and the id."""
    _put(functions, "a/photo.jpg")
    [accepted] = functions.logged(_message("Needless evictions"))
    assert _fields("Needless evictions") <= accepted.keys()
    [tracked] = functions.harness.executions()
    functions.harness.clock.sleep(600)
    functions.check([{**purge, "sample": None} for purge in tracked["purges"]])
    [completed] = functions.logged(_message("Slowest purges"))
    assert _fields("Slowest purges") <= completed.keys()
    assert _fields("Purges of a URL") - {"reason"} <= accepted.keys() | completed.keys()
    assert 'like "photo.jpg"' in QUERIES["Purges of a URL"]["QueryString"]
    assert "photo.jpg" in accepted["url"]


def test_the_query_on_held_changes_finds_the_reason(functions: Functions) -> None:
    """ImageKit refuses the key, so the change is held."""
    functions.harness.inject("403", times=100)
    _put(functions, "a/photo.jpg")
    [drained] = functions.logged(_message("Why changes are held"))
    assert _fields("Why changes are held") <= drained.keys()
    assert (drained["held"], drained["reason"]) == (1, "key refused")


def test_the_query_on_failures_finds_warnings_and_exceptions(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed purge has its URL and reason. An exception has its name."""
    functions.harness.inject("5xx", times=1)
    _put(functions, "a/photo.jpg")
    [failed] = functions.logged("purge failed")

    def broken(*_arguments: Any, **_options: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("purging.draining.drain.Drain.run", broken)
    functions.submit({"Records": [_s3_message()]})
    [error] = functions.logged("drain failed")
    assert _fields("Failures") <= failed.keys() | error.keys()
    levels = re.findall(r"level in \[(.+)\]", QUERIES["Failures"]["QueryString"])[0]
    assert all(f'"{line["level"]}"' in levels for line in (failed, error))
    assert failed["url"].startswith(ENDPOINT)


def _s3_message() -> dict[str, Any]:
    return {
        "messageId": "message",
        "receiptHandle": "handle",
        "body": '{"Event": "s3:TestEvent"}',
        "eventSource": "aws:sqs",
    }
