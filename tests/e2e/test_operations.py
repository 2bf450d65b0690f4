"""Every command of docs/operations.md, run exactly as it is written there."""

import json
import re
import shlex
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local import environment
from local.observer import LEASE
from local.session import redeploy
from local.stack import Stack
from local.workspace import PROJECT
from tests.e2e import aws_cli
from tests.e2e.polling import until
from tests.e2e.stack_control import invoke_submit_purge, purged_urls, tick, while_idle, without_ticks

DOCS = (PROJECT / "docs" / "operations.md").read_text()
CUSTOMER_KEY = "arn:aws:kms:us-east-1:000000000000:key/01234567-89ab-cdef-0123-456789abcdef"
_PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+[A-Z]\b")


def _commands() -> dict[str, list[str]]:
    """Returns the commands of each section, by its heading. The introduction has none."""
    found: dict[str, list[str]] = {}
    for section in DOCS.split("\n## "):
        blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
        lines = [line.strip() for _, block in blocks for line in block.splitlines()]
        if lines:
            found[section.partition("\n")[0]] = lines
    return found


COMMANDS = _commands()
ran: set[str] = set()


@dataclass
class Operator:
    """A person who follows the document, with a stack of their own."""

    stack: Stack
    values: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, **values: str) -> Any:
        """Runs one command of the document. Returns its answer or its output."""
        assert any(command in commands for commands in COMMANDS.values()), command
        ran.add(command)
        given = self.values | values
        text = _PLACEHOLDER.sub(lambda word: given.get(word[0], word[0]), command)
        program, *words = shlex.split(text)
        if program == "aws":
            return aws_cli.run(self.stack, words)
        if program == "sam":
            return redeploy(self.stack, dict(word.split("=", 1) for word in words[2:]))
        assert program == ".venv/bin/python"
        env = environment.bare(self.stack.workspace.scratch)
        env |= environment.aws(self.stack.endpoint, self.stack.certificate)
        done = subprocess.run(  # noqa: S603 - the document's own words
            [sys.executable, *words], env=env, cwd=PROJECT, capture_output=True, text=True, check=True
        )
        return done.stdout

    def follow(self, heading: str, **values: str) -> list[Any]:
        """Runs every command of a section in order."""
        return [self.run(command, **values) for command in COMMANDS[heading]]

    def tick(self) -> dict[str, Any]:
        """Runs a tick now, and returns the answer of its drain."""
        return tick(self.stack)

    def put(self, key: str) -> str:
        """Overwrites an object. Returns the URL that must be purged."""
        for body in (b"1", b"2"):
            self.stack.s3.put_object(Bucket=self.stack.bucket, Key=key, Body=body)
        return f"{self.stack.url(key)}*"

    def purged(self) -> list[str]:
        """Returns the URLs of all purges that ImageKit has accepted."""
        return purged_urls(self.stack)

    def wait_for(self, *urls: str) -> None:
        """Runs ticks until these URLs are purged."""
        until(
            lambda: (self.tick(), self.purged()),
            f"purges of {', '.join(urls)}",
            lambda seen: set(urls) <= set(seen[1]),
        )


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Operator:
    """An operator with a separate stack: these tests delete its table and use up its quota.

    Its private key is not set yet. It is deployed with a customer-managed KMS key, so all these tests show
    that everything works with one.
    """
    parameters = {
        "UrlMap": f"*={stack.url_endpoint}",
        "ImageKitApiUrl": stack.imagekit,
        "VerifyFreshness": "false",  # the emulated CDN shows the other bucket
        "KmsKeyArn": CUSTOMER_KEY,
    }
    beside = redeploy(stack, parameters, name="operations")
    outputs = beside.outputs
    return Operator(
        beside,
        {
            "STACK": beside.name,
            "TABLE": outputs["LedgerTable"],
            "QUEUE_URL": outputs["ChangeQueueUrl"],
            "DEAD_LETTERS_URL": outputs["ChangeDeadLettersUrl"],
            "BUCKET": beside.bucket,
            "SECRET_ARN": outputs["ImageKitSecretArn"],
            "FUNCTION": outputs["SubmitPurgeFunction"],
            "MONTH": f"{datetime.now(UTC):%Y-%m}",
        },
    )


def test_the_outputs_name_what_the_commands_need(operator: Operator) -> None:
    """The first command of the document prints the outputs of the stack."""
    [command] = COMMANDS["# Operations"]
    found = {output["OutputKey"]: output["OutputValue"] for output in operator.run(command)}
    assert found == operator.stack.outputs


def test_the_stack_accepts_a_customer_managed_key(operator: Operator) -> None:
    """The queues use the key. The other tests here show that everything works with it.

    MiniStack records the key for queues only. test_template_security.py checks the rest.
    """
    for name in ("QUEUE_URL", "DEAD_LETTERS_URL"):
        queue = operator.stack.sqs.get_queue_attributes(
            QueueUrl=operator.values[name], AttributeNames=["KmsMasterKeyId", "SqsManagedSseEnabled"]
        )
        assert queue["Attributes"]["KmsMasterKeyId"] == CUSTOMER_KEY
        assert queue["Attributes"].get("SqsManagedSseEnabled", "false") == "false"


def test_changes_are_held_without_a_valid_key_and_purged_with_one(
    operator: Operator, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a rotation, no change is lost while the secret has no key that ImageKit accepts."""
    url = operator.put("key/a.jpg")
    until(operator.tick, "a drain without a key", lambda found: found["reason"] == "key refused")
    key = stack.secrets.get_secret_value(SecretId=stack.outputs["ImageKitSecretArn"])["SecretString"]
    (tmp_path / "key.json").write_text(key)
    monkeypatch.chdir(tmp_path)
    operator.follow("The private key is rotated")
    operator.wait_for(url)


def test_the_ledger_can_be_read(operator: Operator) -> None:
    """The commands show the month's count, the pending changes and the accepted purges."""
    url = operator.put("ledger/a.jpg")

    def read() -> tuple[list[str], list[str], int]:
        """Returns the counts of the month, the accepted URLs and the number of pending change sets."""
        state, pending, submitted = operator.follow("Look into the ledger")
        used = [item["used"]["N"] for item in state["Items"] if item["sk"]["S"].startswith("quota#")]
        return used, [item["url"]["S"] for item in submitted["Items"]], pending["Count"]

    def tallies(found: tuple[list[str], list[str], int]) -> bool:
        # Another drain may run between two of the commands while events of these puts arrive.
        used, urls, pending_sets = found
        return url in urls and used == [str(len(urls))] and pending_sets == 0

    until(read, "a count of the month that equals the accepted purges", tallies)


def test_the_stack_answers_questions(operator: Operator) -> None:
    """The status counts the purges of the month, and the explanation names the URL and its purge."""
    key = f"ask/{uuid.uuid4()}.jpg"
    url = operator.put(key)
    operator.wait_for(url)
    status, explained = operator.follow("Ask the stack", KEY=key)
    assert f" of 1000 purges used in {datetime.now(UTC):%Y-%m};" in status
    assert explained.startswith(f"s3://{operator.stack.bucket}/{key} at ")
    assert "Browsers keep an image" in explained


def test_dead_letters_go_back_to_the_queue(operator: Operator) -> None:
    """A valid message is purged after the redrive. A malformed message can be deleted."""
    dead, key = operator.values["DEAD_LETTERS_URL"], f"dead/{uuid.uuid4()}.jpg"
    event = json.loads((PROJECT / "events" / "s3" / "put.json").read_text())
    event["Records"][0]["s3"]["bucket"]["name"] = operator.stack.bucket
    event["Records"][0]["s3"]["object"] = {"key": key}
    operator.stack.sqs.send_message(QueueUrl=dead, MessageBody=json.dumps(event))
    redrive, drop = COMMANDS["Dead letters back to the queue"]
    assert operator.run(redrive) == "1 messages moved.\n"
    operator.wait_for(f"{operator.stack.url(key)}*")
    operator.stack.sqs.send_message(QueueUrl=dead, MessageBody="no event")
    operator.run(drop)
    # Purging an SQS queue takes up to a minute.
    until(lambda: _visible_messages(operator, dead), "an empty queue", lambda count: count == 0)


def test_a_stuck_lease_can_be_deleted(operator: Operator) -> None:
    """While another owner has the lease, no drain runs. Without the lease, drains go on."""
    look, remove = COMMANDS["A stuck lease"]
    with while_idle(operator.stack):
        until_when = {"N": str(int(time.time()) + 86_400)}
        operator.stack.ledger.put_item(
            TableName=operator.values["TABLE"], Item={**LEASE, "owner": {"S": "gone"}, "until": until_when}
        )
        asked = {"urls": [operator.stack.url(f"{uuid.uuid4()}/a.jpg")]}
        assert invoke_submit_purge(operator.stack, asked)["busy"]
        assert operator.run(look)["Item"]["owner"] == {"S": "gone"}
        operator.run(remove)
        assert not operator.tick()["busy"]


def test_a_deleted_table_is_created_again_and_its_changes_are_purged(operator: Operator) -> None:
    """Objects that were overwritten or deleted meanwhile are purged. Older changes are not purged again."""
    old, overwritten, deleted = (f"gone/{name}-{uuid.uuid4()}.jpg" for name in "abc")
    urls = {key: operator.put(key) for key in (old, overwritten, deleted)}
    operator.wait_for(*urls.values())
    with while_idle(operator.stack):  # a late event would count as one after the deletion
        count = len(operator.purged())
        time.sleep(1.1)  # a listing shows times in whole seconds
        since = datetime.now(UTC)
        operator.stack.ledger.delete_table(TableName=operator.values["TABLE"])
    operator.put(overwritten)
    operator.stack.s3.delete_object(Bucket=operator.stack.bucket, Key=deleted)
    anew = COMMANDS["The table is gone"]
    dry, backfill = COMMANDS["Events that were lost"]
    given = {"USED": "17", "SINCE": (since - timedelta(seconds=1)).isoformat()}
    for command in anew:
        operator.run(command, **given)
    assert operator.run(dry, **given).startswith("2 objects changed")
    assert "sent in 1 messages" in operator.run(backfill, **given)

    until(
        lambda: operator.purged()[count:],
        "the purges of what changed meanwhile",
        {urls[overwritten], urls[deleted]}.issubset,
    )
    assert urls[old] not in operator.purged()[count:]


def test_a_restored_table_keeps_its_count_its_expiry_and_its_backups(operator: Operator) -> None:
    """DynamoDB restores the items, but neither the time to live nor the point-in-time recovery:

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_restores.html
    """
    table, ledger = operator.values["TABLE"], operator.stack.ledger
    mark = {"pk": {"S": "state"}, "sk": {"S": f"mark-{uuid.uuid4()}"}}
    ledger.put_item(TableName=table, Item=mark)
    with while_idle(operator.stack):  # a drain would find no table
        # AWS creates this backup when a table is deleted. The embedded DynamoDB does not.
        ledger.create_backup(TableName=table, BackupName=f"{table}$DeletedTableBackup")
        ledger.delete_table(TableName=table)
        find, restore, status, *settings = COMMANDS["Restore the table"]
        operator.run(restore, BACKUP=operator.run(find))
        until(lambda: operator.run(status) == "ACTIVE", "the restored table")
    assert ledger.get_item(TableName=table, Key=mark)["Item"] == mark
    expiry = {"AttributeName": "expires_at", "TimeToLiveStatus": "ENABLED"}
    assert ledger.describe_time_to_live(TableName=table)["TimeToLiveDescription"] != expiry
    for command in settings:
        operator.run(command)
    assert ledger.describe_time_to_live(TableName=table)["TimeToLiveDescription"] == expiry
    backups = ledger.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    ledger.delete_item(TableName=table, Key=mark)


def test_held_changes_are_purged_after_the_quota_is_raised(operator: Operator) -> None:
    """The ledger's count has used up the quota, so changes are held. After the raise, a tick purges them."""
    deploy, correct = COMMANDS["The quota was raised, or the count is off"]
    operator.run(correct, USED="900")
    url = operator.put("quota/a.jpg")
    until(operator.tick, "a drain without quota", lambda found: found["reason"] == "quota")
    with without_ticks(operator.stack):
        operator.run(deploy, QUOTA="5000")
    operator.wait_for(url)


def test_everything_can_be_paused_and_resumed(operator: Operator) -> None:
    """While paused, no event is received or purged, and none is lost."""
    pause, resume = COMMANDS["Pause everything"][:3], COMMANDS["Pause everything"][3:]
    mapping = operator.run(pause[0])
    for command in pause[1:]:
        operator.run(command, MAPPING=mapping)
    url = operator.put("pause/a.jpg")
    until(
        lambda: _visible_messages(operator, operator.values["QUEUE_URL"]),
        "both events in the queue",
        lambda count: count >= 2,  # events that failed while there was no table are received again later
    )
    with pytest.raises(operator.stack.functions.exceptions.TooManyRequestsException):
        operator.tick()
    assert url not in operator.purged()
    for command in resume:
        operator.run(command, MAPPING=mapping)
    until(operator.purged, "the purge", lambda urls: url in urls)


def test_alerts_can_reach_a_channel_of_slack(operator: Operator) -> None:
    """The command adds the channel. MiniStack only notes it (local/aws/app.py), so no alert gets there."""
    operator.follow("Alerts in Slack")
    resources = operator.stack.cloudformation.describe_stack_resources(StackName=operator.stack.name)
    found = {resource["LogicalResourceId"] for resource in resources["StackResources"]}
    assert {"AlertsInSlack", "AlertsInSlackRole"} <= found


def test_the_stacks_own_bucket_can_be_named_as_an_existing_one(operator: Operator) -> None:
    """Its name ends in the last part of the stack's id. As an existing one, it works as before."""
    describe, connect, deploy = COMMANDS["Another origin bucket"]
    guid = operator.run(describe).rpartition("/")[2]
    assert operator.stack.bucket == f"imagekit-origin-{guid}"
    operator.run(connect, GUID=guid)
    operator.run(deploy, GUID=guid)
    operator.wait_for(operator.put("back/a.jpg"))


def test_every_command_of_the_document_was_run(request: pytest.FixtureRequest) -> None:
    """These tests ran every command of the document."""
    here = [item for item in request.session.items if item.path == request.path]
    if len(here) < sum(name.startswith("test_") for name in globals()):
        pytest.skip("only some of these tests were selected")
    assert ran == {command for commands in COMMANDS.values() for command in commands}


def _visible_messages(operator: Operator, queue: str) -> int:
    """Returns the number of visible messages of a queue."""
    answer = operator.stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
