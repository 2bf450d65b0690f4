"""Every file of events/ through the real handler: it purges exactly the expected URLs."""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.harness import ENDPOINT, ROOT, Functions, running_functions, running_harness

EVENTS = ROOT / "events"
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"

TARGETS: dict[str, list[str]] = {
    "s3/put.json": ["products/shoes/red-sneaker.jpg*"],
    "s3/put-special-key.json": [
        "cat%C3%A1logo/%C3%A9t%C3%A9%20100%25+1%20&%20more/%E7%85%A7%E7%89%87%20%231%3F%2A~.jpg*"
    ],
    "s3/copy.json": ["products/shoes/blue-sneaker.jpg*"],
    "s3/multipart.json": ["videos/spring-campaign.mp4*"],
    "s3/delete.json": ["products/shoes/green-sneaker.jpg*"],
    "s3/delete-version.json": ["products/shoes/grey-sneaker.jpg*"],
    "s3/delete-marker-created.json": ["products/hats/straw-hat.png*"],
    "s3/lifecycle-expiration.json": ["campaigns/2025-christmas/banner.webp*"],
    "s3/lifecycle-expiration-delete-marker.json": ["campaigns/2025-christmas/logo.webp*"],
    "s3/lifecycle-expiration-old-version.json": [],
    "s3/several-records.json": [
        "products/bags/backpack.jpg*",
        "products/bags/clutch.jpg*",
        "products/bags/tote.jpg*",
    ],
    "s3/test-event.json": [],
    "sqs/s3.json": ["products/watches/diver%20watch.jpg*"],
    "sqs/eventbridge.json": ["press/2026/annual%20report+cover.png*"],
    "sqs/sns.json": ["team/jos%C3%A9%20portrait.jpg*"],
    "sqs/batch-with-poison.json": [f"gallery/spring/look-{n:02}.jpg*" for n in (1, 2, 3, 4, 5, 6, 8, 9, 10)],
    "sqs/test-event.json": [],
    "sns/s3.json": ["blog/2026/05/hello%20world.webp*"],
    "eventbridge/object-created.json": ["products/lamps/desk%20lamp%20+%20bulb%2050%25.jpg*"],
    "eventbridge/object-deleted.json": ["products/lamps/old-lamp.jpg*"],
    "eventbridge/object-deleted-by-lifecycle.json": ["campaigns/2025-summer/hero.avif*"],
    "eventbridge/old-version-deleted-by-lifecycle.json": [],
    "eventbridge/tick.json": [],
    "manual/urls.json": [
        "campaigns/spring-2026/*",
        "products/shoes/red-sneaker.jpg",
        "products/shoes/red-sneaker.jpg?tr=w-600",
        "tr:w-300,h-300/products/shoes/red-sneaker.jpg",
    ],
    "manual/keys.json": ["products/shoes/red-sneaker.jpg*", "team/jos%C3%A9%20portrait+1.jpg*"],
    "manual/with-token.json": ["products/shoes/red-sneaker.jpg"],
}

QUESTIONS = {"manual/status.json", "manual/explain.json"}
"""They purge nothing. test_answers.py tests their answers."""


@pytest.fixture(scope="module")
def deployed() -> Iterator[Functions]:
    """One deployment for all events of this module: few of them change the same object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with running_harness() as harness, running_functions(harness) as running:
            yield running


@pytest.fixture
def functions(deployed: Functions) -> Functions:
    """The deployment with an empty ledger and a reset emulator."""
    dynamodb, table = deployed.harness.dynamodb, deployed.harness.settings.ledger_table
    for item in dynamodb.scan(TableName=table)["Items"]:
        dynamodb.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})
    deployed.harness.emulator.reset()
    deployed.log.truncate(0)
    deployed.log.seek(0)
    return deployed


def event(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


def test_every_event_file_is_tested_and_in_the_readme() -> None:
    """A new file without expected URLs or without a row in the README fails this test."""
    names = {str(path.relative_to(EVENTS)) for path in EVENTS.rglob("*.json")}
    assert names == set(TARGETS) | QUESTIONS
    readme = (EVENTS / "README.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in readme] == []


@pytest.mark.parametrize("name", TARGETS)
def test_replay(functions: Functions, name: str) -> None:
    """The event purges exactly the URLs of its objects, each once. Nothing stays pending."""
    answer = functions.submit(event(name))
    assert sorted(functions.harness.purged) == [f"{ENDPOINT}/{target}" for target in TARGETS[name]]
    assert functions.harness.ledger.pending() == []
    if name.startswith("sqs/"):
        assert set(answer) == {"batchItemFailures"}
    else:
        assert sorted(purge["url"] for purge in answer["purges"]) == sorted(functions.harness.purged)
        assert (answer["held"], answer["reason"], answer["busy"]) == (0, "", False)
    followed = [purge["url"] for each in functions.harness.executions() for purge in each["purges"]]
    assert set(functions.harness.purged) <= set(followed)


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_question_is_answered_and_changes_nothing(functions: Functions, name: str) -> None:
    """The ledger stays as it is, with no lease and no pending change, and nothing is purged."""
    answer = functions.submit(event(name))
    assert answer["at"].startswith("2030-05-15T12:")
    assert answer["held"] == []
    table = functions.harness.settings.ledger_table
    assert functions.harness.dynamodb.scan(TableName=table)["Items"] == []
    assert functions.harness.purged == []


def test_a_second_replay_purges_nothing(functions: Functions) -> None:
    """The first purge covers the redelivered change."""
    functions.submit(event("s3/put.json"))
    assert functions.submit(event("s3/put.json"))["purges"] == []
    assert len(functions.harness.purged) == 1


def test_one_malformed_message_fails_alone(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine are purged. One is reported as failed, and the log says which one and why."""
    batch = event("sqs/batch-with-poison.json")
    malformed_id = batch["Records"][6]["messageId"]
    assert functions.submit(batch) == {"batchItemFailures": [{"itemIdentifier": malformed_id}]}
    assert len(functions.harness.purged) == 9
    (line,) = functions.logged("malformed message")
    assert line["level"] == "ERROR"
    assert line["message_id"] == malformed_id
    (reason,) = line["reasons"]
    assert reason.startswith("a message body is not JSON")
    assert '"bucket":{"name":"my-origin' in reason
    counts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (counts["MalformedMessages"], counts["ChangesReceived"]) == ([1.0], [9.0])


def test_log_lines_are_json_with_the_request_id(functions: Functions) -> None:
    """Each line can be found and filtered. No line has the whole event."""
    functions.submit(event("s3/several-records.json"))
    lines = [json.loads(line) for line in functions.log.getvalue().splitlines()]
    assert {line["function_request_id"] for line in lines} == {lines[0]["function_request_id"]}
    assert {line["service"] for line in lines} == {"imagekit-s3-purge"}
    assert len(functions.logged("purge accepted")) == 3
    assert "sourceIPAddress" not in functions.log.getvalue()


@pytest.mark.parametrize(
    ("kind", "key", "target"),
    [
        ("put", "my photo+1.jpg", "my%20photo+1.jpg*"),
        ("delete", "a/old picture.png", "a/old%20picture.png*"),
    ],
)
def test_events_generated_by_the_sam_cli_are_purged(
    functions: Functions, kind: str, key: str, target: str
) -> None:
    """The events of `sam local generate-event s3 put|delete`. It encodes the key itself."""
    assert SAM.exists(), f"{SAM} is missing: run make setup"
    arguments = ["local", "generate-event", "s3", kind, "--bucket", "my-origin-bucket", "--key", key]
    generated = subprocess.run(  # noqa: S603 - the tool of this project, with arguments from above
        [SAM, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,  # the SAM CLI takes long to start on a busy machine
        env=dict(os.environ) | {"SAM_CLI_TELEMETRY": "0"},
    )
    functions.submit(json.loads(generated.stdout))
    assert functions.harness.purged == [f"{ENDPOINT}/{target}"]


def test_the_event_files_have_no_real_account_and_no_secret() -> None:
    """They have only the account number, addresses and ids of examples."""
    for path in EVENTS.rglob("*.json"):
        text = path.read_text()
        assert "private_" not in text
        assert "AKIA" not in text
        assert "ASIA" not in text
        if ":sqs:" in text or '"account"' in text or ":sns:" in text:
            assert "123456789012" in text
