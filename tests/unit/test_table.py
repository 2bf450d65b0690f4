"""Writes in as few transactions as DynamoDB takes."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from purging.ledger.table import size_of, transactions


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
