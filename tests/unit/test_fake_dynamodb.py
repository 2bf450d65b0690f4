"""The fake DynamoDB keeps DynamoDB's limits, and refuses what it does not know.

tests/integration/test_chaos_aws.py compares its answers with moto's.
"""

import pickle
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.fakes.dynamodb import Client, Refused, Table, decoded

BETWEEN = "pk = :pk AND sk BETWEEN :first AND :last"


def item(sk: str, **attributes: Any) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": sk}, **attributes}


def query(client: Client, **options: Any) -> list[list[str]]:
    """The sort keys of each page."""
    values = {":pk": {"S": "p"}, ":first": {"S": " "}, ":last": {"S": "~"}}
    pages = client.get_paginator("query").paginate(
        TableName="t", KeyConditionExpression=BETWEEN, ExpressionAttributeValues=values, **options
    )
    return [[each["sk"]["S"] for each in page["Items"]] for page in pages]


def test_a_page_of_a_query_holds_a_megabyte() -> None:
    """Whatever the order of the writes, items come in order; the last page is not empty."""
    client = Client(Table().handle)
    assert query(client) == [[]]
    for sk in "cabed":
        client.put_item(Item=item(sk, blob={"B": bytes(400_000)}))
    assert query(client) == [["a", "b"], ["c", "d"], ["e"]]
    client.delete_item(Key=item("b"))
    assert query(client) == [["a", "c"], ["d", "e"]]


def test_a_query_goes_backwards_or_only_counts() -> None:
    """Each page goes on where the one before it ended, in either direction; a count shows no items."""
    client = Client(Table().handle)
    for sk in "abcde":
        client.put_item(Item=item(sk, blob={"B": bytes(400_000)}))
    assert query(client, ScanIndexForward=False) == [["e", "d"], ["c", "b"], ["a"]]
    values = {":pk": {"S": "p"}, ":first": {"S": " "}, ":last": {"S": "~"}}
    pages = client.get_paginator("query").paginate(
        TableName="t", KeyConditionExpression=BETWEEN, ExpressionAttributeValues=values, Select="COUNT"
    )
    assert [(page["Count"], "Items" in page) for page in pages] == [(2, False), (2, False), (1, False)]


def test_an_item_that_is_too_large_is_refused() -> None:
    """And with it a whole transaction: nothing of it is written."""
    table = Table()
    client = Client(table.handle)
    large = item("a", blob={"B": bytes(410_000)})
    with pytest.raises(ClientError, match="ValidationException"):
        client.put_item(Item=large)
    with pytest.raises(ClientError, match="ValidationException"):
        client.transact_write_items(TransactItems=[{"Put": {"Item": item("b")}}, {"Put": {"Item": large}}])
    assert (table.items(), table.items_written) == ([], 0)


def test_a_transaction_writes_all_or_nothing_and_once() -> None:
    """A condition that fails cancels it, with a reason for each action; a known token writes nothing."""
    table = Table()
    client = Client(table.handle)
    add = {"UpdateExpression": "ADD used :n", "ExpressionAttributeValues": {":n": {"N": "2"}}}
    update = {"Update": {"Key": item("count"), **add}}
    absent = {"Put": {"Item": item("x"), "ConditionExpression": "attribute_exists(pk)"}}
    with pytest.raises(client.exceptions.TransactionCanceledException) as cancelled:
        client.transact_write_items(TransactItems=[update, absent])
    reasons = cancelled.value.response["CancellationReasons"]
    assert [reason["Code"] for reason in reasons] == ["None", "ConditionalCheckFailed"]
    assert table.items() == []
    for _ in range(2):
        client.transact_write_items(TransactItems=[update], ClientRequestToken="once")
    assert table.item("p", "count") == item("count", used={"N": "2"})
    with pytest.raises(ClientError, match="ValidationException"):
        client.transact_write_items(TransactItems=[update, update])


def test_what_it_does_not_know_is_an_error() -> None:
    """Never an answer that DynamoDB would not give."""
    client = Client(Table().handle)
    for request in (
        {"ConditionExpression": "contains(pk, :x)"},
        {"ConditionExpression": "NOT attribute_exists(pk)"},
    ):
        with pytest.raises((ValueError, KeyError)):
            client.put_item(Item=item("a"), **request)
    with pytest.raises(ValueError, match="REMOVE"):
        client.update_item(Key=item("a"), UpdateExpression="REMOVE used")
    with pytest.raises(ValueError, match="pk = :pk"):
        client.query(KeyConditionExpression="pk = :pk")


def test_a_refusal_can_be_sent_to_another_process() -> None:
    """The benchmark of a backlog has the table in one."""
    refused = pickle.loads(pickle.dumps(Refused("Code", "text", {"Item": item("a")})))  # noqa: S301 - our own
    assert (refused.code, str(refused), refused.fields) == ("Code", "text", {"Item": item("a")})


def test_binary_values_are_base64_on_the_wire() -> None:
    """At any depth."""
    assert decoded('{"Item": {"l": {"L": [{"B": "YQ=="}]}}}') == {"Item": {"l": {"L": [{"B": b"a"}]}}}
