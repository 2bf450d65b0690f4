"""The simulation's small DynamoDB answers the ledger as moto's does."""

from datetime import UTC, datetime
from random import Random
from typing import Any

import boto3
import pytest

from purging.changes import ObjectChange
from purging.items import Failing, Submitted
from purging.ledger import Ledger
from tests.chaos.aws import SmallAws
from tests.chaos.bucket import Bucket
from tests.integration.world import World

NOW = 1_900_000_000.0
MONTH = "2030-03"


@pytest.mark.parametrize("seed", range(3))
def test_the_same_calls_get_the_same_answers(w: World, seed: int) -> None:
    """80 calls at random, refused conditions and transactions among them; then the same items are there."""
    aws = SmallAws(Bucket(versioned=False), "")
    # An address of its own: moto, which botocore asks as well, lets that pass.
    client = boto3.session.Session().client("dynamodb", endpoint_url="http://127.0.0.1:1")
    client.meta.events.register_first(
        "before-send.dynamodb",
        lambda request, event_name, **_: aws.respond("dynamodb", event_name.rpartition(".")[2], request),
    )
    small = Ledger("ledger", client)
    random, other = Random(seed), Random(seed)
    for step in range(80):
        assert _call(w.ledger, random, NOW + step) == _call(small, other, NOW + step)
    assert _everything(small) == _everything(w.ledger)
    moto = w.dynamodb.scan(TableName="ledger")["Items"]
    assert {_key(item) for item in aws.items()} == {_key(item) for item in moto}


def _call(ledger: Ledger, random: Random, now: float) -> Any:
    """One call that a drain, a handler or CheckPurges makes; few names, so that calls meet."""
    name, number = random.choice("abc"), random.randrange(1, 30)
    change = ObjectChange("origin", name, "created", datetime.fromtimestamp(NOW + number, UTC))
    purge = Submitted(name * 24, f"https://x/{name}", NOW + number, frozenset({change.identity}), None)
    calls = {
        "add": lambda: ledger.add([change], manual=number % 2 == 0),
        "commit": lambda: ledger.commit([purge], consumed=ledger.pending()[:2], held={False: [change]}),
        "complete": lambda: ledger.complete(purge.request_id, purge.submitted_at, now),
        "acquire": lambda: ledger.acquire(name, now, number),
        "release": lambda: ledger.release(name),
        "reserve": lambda: ledger.reserve(MONTH, number, 60),
        "give back": lambda: ledger.give_back(MONTH, min(number, ledger.state(MONTH).used)),
        "pause": lambda: ledger.pause(now + number, failures=number, exhausted=number % 2 == 0),
        "resume": ledger.resume,
        "refused": lambda: ledger.remember_refused(f"https://x/{name}*", now),
        "failing": lambda: ledger.remember_failing(f"https://x/{name}", Failing(number, now)),
        "forget failing": lambda: ledger.forget_failing(f"https://x/{name}"),
        "untracked": lambda: ledger.remember_untracked([purge]),
        "forget untracked": lambda: ledger.forget_untracked([purge]),
        "alert": lambda: ledger.first_alert(name, now, number),
    }
    chosen = random.choice(list(calls))
    return chosen, calls[chosen]()


def _everything(ledger: Ledger) -> Any:
    return ledger.pending(), ledger.submitted_since(0), ledger.state(MONTH), ledger.pending_ids()


def _key(item: Any) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]
