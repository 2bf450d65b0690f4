"""Writes in as few transactions as DynamoDB takes."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from local.fakes import dynamodb
from purging.ledger.quota import Quota
from purging.ledger.table import Table, size_of, transactions


@given(st.lists(st.integers(1, 400_000) | st.just(100), max_size=400))
def test_transactions_keep_the_order_within_the_limits(sizes: list[int]) -> None:
    """At most 100 actions and 450,000 bytes, deletes included; as few transactions as that allows."""
    actions: list[Any] = [({"Delete": {"Key": number}}, size) for number, size in enumerate(sizes)]
    parts = list(transactions(actions))
    assert [action for part in parts for action in part] == [action for action, _size in actions]
    assert all(parts)
    of = [[sizes[action["Delete"]["Key"]] for action in part] for part in parts]
    assert all(len(part) <= 100 and sum(part) <= 450_000 for part in of)
    for part, following in pairwise(of):
        assert len(part) == 100 or sum(part) + following[0] > 450_000


def test_the_size_of_an_item_counts_names_and_values() -> None:
    """Text in UTF-8, binary as it is, lists and maps with what is in them."""
    item = {"pk": {"S": "ü"}, "b": {"B": b"1234"}, "l": {"L": [{"M": {"x": {"N": "10"}}}, {"BOOL": True}]}}
    assert size_of(item) >= (2 + 2) + (1 + 4) + (1 + 3 + (1 + 3 + 1 + 2) + (1 + 1))


def test_an_update_whose_answer_was_lost_is_made_once() -> None:
    """The first call did its work, and its answer was lost. The SDK's repetition then met a conflict, so the
    table repeats the update. A second one would give back a purge that was used."""
    fake = dynamodb.Table()
    reasons = [{"Code": "TransactionConflict"}]
    conflict: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    answers = [ClientError(conflict, "TransactWriteItems"), None]

    def handle(operation: str, request: Mapping[str, Any]) -> Any:
        answer = fake.handle(operation, request)
        if (error := answers.pop(0)) is not None:
            raise error
        return answer

    client: Any = dynamodb.Client(handle)
    quota = Quota(Table("ledger", client, sleep=lambda _seconds: None))
    quota.give_back("2026-11", 1)
    item = fake.item("state", "quota#2026-11")
    assert item
    assert item["used"] == {"N": "-1"}
