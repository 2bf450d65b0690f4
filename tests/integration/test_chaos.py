"""Whatever fails: no change is lost, the quota holds, every purge is followed, and no secret gets out."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from purging import items
from tests.chaos import faults, parsing
from tests.chaos.__main__ import main
from tests.chaos.aws import SmallAws
from tests.chaos.bucket import Bucket, Version
from tests.chaos.run import run
from tests.chaos.schedule import generate


@pytest.mark.parametrize("seed", range(1, 7))
def test_every_invariant_holds_with_every_fault(seed: int) -> None:
    """A short form of `python -m tests.chaos --seeds 1-200`, with the emulator on a socket."""
    assert run(generate(seed, 100, faults.ALL)).broken == []


def test_every_invariant_holds_on_moto_too() -> None:
    """The table, the secret, the executions and the alerts of moto, instead of the simulation's own."""
    result = run(generate(3, 40, faults.ALL), moto=True)
    assert result.broken == []
    assert result.counts["purges"] > 0


def test_the_same_seed_is_the_same_story() -> None:
    """Schedule and ImageKit's log are identical, with and without a socket, to the last request id."""
    one, other = generate(5, 80, faults.ALL), generate(5, 80, faults.ALL)
    assert one == other
    first, second = run(one), run(other, socket=False)
    assert first.log == second.log
    assert first.counts == second.counts
    assert first.log != run(generate(6, 80, faults.ALL), socket=False).log


def test_the_command_tells_by_its_status_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    """0 where everything holds; 1, with seed, schedule and how to see it again, where something broke."""
    few = ["--changes", "10", "--faults", "none", "--jobs", "1", "--transport", "memory"]
    assert main([*few, "--seeds", "1-2"]) == 0
    assert "2 seeds x 10 changes" in capsys.readouterr().out
    assert main([*few, "--mutant", "never-track"]) == 1
    shown = capsys.readouterr().out
    assert "seed 1 broke:" in shown
    assert "set-up: " in shown
    assert "again: python -m tests.chaos --seed 1" in shown


def test_the_short_cuts_through_the_parsers_change_nothing() -> None:
    """What the functions get of S3 and DynamoDB is what botocore's own parsers would have made of it."""
    bucket = Bucket(versioned=True)
    for number, kind in enumerate(("created", "created", "removed", "created")):
        for key in ("a b/ü+%.jpg", "plain.jpg")[: number % 2 + 1]:
            bucket.change(key, Version(kind, 1e9 + number, 1e9 + number))
    aws = SmallAws(bucket, "")

    def client(service: str, **parsers: Callable[..., None]) -> Any:
        made = boto3.client(service, config=Config(signature_version=UNSIGNED))
        made.meta.events.register(
            f"before-send.{service}",
            lambda request, event_name, **_: aws.respond(service, event_name.rpartition(".")[2], request),
        )
        for operation, parser in parsers.items():
            made.meta.events.register(f"before-parse.{service}.{operation}", parser)
        return made

    def answers(s3: Any, dynamodb: Any) -> list[dict[str, Any]]:
        found = [
            s3.list_object_versions(Bucket="origin", MaxKeys=3),
            dynamodb.query(
                TableName="ledger",
                KeyConditionExpression="pk = :pk AND sk >= :first",
                ExpressionAttributeValues={":pk": {"S": "pending"}, ":first": {"S": " "}},
            ),
        ]
        return [{name: value for name, value in each.items() if name != "ResponseMetadata"} for each in found]

    client("dynamodb").put_item(TableName="ledger", Item=items.change_set("1", b"\x00packed", manual=False))
    short = answers(
        client("s3", ListObjectVersions=parsing.versions), client("dynamodb", Query=parsing.query)
    )
    assert short == answers(client("s3"), client("dynamodb"))
    assert short[0]["IsTruncated"]
    assert {entry["Key"] for entry in short[0]["Versions"]} == {"a b/ü+%.jpg"}
    assert short[1]["Items"][0]["blob"]["B"] == b"\x00packed"
