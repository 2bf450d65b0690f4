"""DynamoDB in memory: one table with the keys `pk` and `sk`, and as much of the API as the ledger uses.

moto would be the obvious choice. But a call to moto takes 3 to 5 ms: moto parses every expression anew, and
it copies the whole table for a transaction. The fault simulation makes over a hundred thousand calls, and the
benchmarks measure the functions, not AWS. For an expression or operation that it does not know, this fake
raises ValueError or KeyError.

Limits: DynamoDB developer guide, "Quotas" and "Item sizes".
"""

import json
import re
from base64 import b64decode
from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from operator import eq, ge, gt, le, lt
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]
"""An item as the low-level API shows it: each value stands under its type, and binary values are bytes."""

Request = Mapping[str, Any]
"""The parameters of an operation, as boto3 takes them."""

Answer = dict[str, Any]

PAGE_BYTES = 1_000_000
"""The most bytes of items on one page of a query, unless a single item has more."""

_MAX_ITEM_BYTES = 400 * 1024
_MAX_ACTIONS = 100

_Holds = Callable[[Request, Item], bool]
"""Whether a term of a condition holds for an item."""

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}
_WRITES = {"PutItem": "Put", "DeleteItem": "Delete", "UpdateItem": "Update"}


class Refused(Exception):
    """An error in DynamoDB's answer: its `code`, and further `fields` of the answer."""

    def __init__(self, code: str, message: str = "", fields: Mapping[str, Any] | None = None) -> None:
        # All arguments are passed on, so that the error can be sent to another process.
        super().__init__(code, message, fields)
        self.code = code
        self.message = message or code
        self.fields = dict(fields or {})

    def __str__(self) -> str:
        return self.message


class Table:
    """The items, and how often each operation was called. `items_written` counts deleted items, too."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.items_written = 0
        self._items: dict[tuple[str, str], Item] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self._sort_keys: defaultdict[str, list[str]] = defaultdict(list)
        self._tokens: set[str] = set()

    def handle(self, operation: str, request: Request) -> Answer:
        """Answer one call. Raises Refused for what DynamoDB would refuse."""
        self.calls[operation] += 1
        if operation in _WRITES:
            self._check(request)
            self._write(_WRITES[operation], request)
            return {}
        operations = {"Query": self._query, "TransactWriteItems": self._transact}
        return operations[operation](request)

    # --- the table's items, without a call ---

    def items(self) -> list[Item]:
        """All items."""
        return list(self._items.values())

    def item(self, pk: str, sk: str) -> Item | None:
        """One item."""
        return self._items.get((pk, sk))

    def count(self, pk: str) -> int:
        """How many items a partition holds."""
        return len(self._sort_keys[pk])

    def store(self, item: Item) -> None:
        """Put an item, without a check of limits and conditions."""
        key = _key(item)
        if key not in self._items:
            insort(self._sort_keys[key[0]], key[1])
        self._items[key] = item
        self._sizes[key] = _size(item)

    # --- operations ---

    def _query(self, request: Request) -> Answer:
        if request["KeyConditionExpression"] != "pk = :pk AND sk BETWEEN :first AND :last":
            raise ValueError(request["KeyConditionExpression"])
        values = request["ExpressionAttributeValues"]
        pk, first, last = (values[name]["S"] for name in (":pk", ":first", ":last"))
        sort_keys = self._sort_keys[pk]
        start, end = bisect_left(sort_keys, first), bisect_right(sort_keys, last)
        forward = request.get("ScanIndexForward", True)
        if "ExclusiveStartKey" in request:
            after = _key(request["ExclusiveStartKey"])[1]
            if forward:
                start = max(start, bisect_right(sort_keys, after))
            else:
                end = min(end, bisect_left(sort_keys, after))
        keys = [(pk, sk) for sk in sort_keys[start:end]][:: 1 if forward else -1]
        page = self._page(keys[: request.get("Limit")])
        items = [self._items[key] for key in page]
        if names := request.get("ProjectionExpression"):
            wanted = names.split(",")
            items = [{name: item[name] for name in wanted if name in item} for item in items]
        answer: Answer = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        if request.get("Select") == "COUNT":
            del answer["Items"]
        if len(page) < len(keys):
            pk, sk = page[-1]
            answer["LastEvaluatedKey"] = {"pk": {"S": pk}, "sk": {"S": sk}}
        return answer

    def _page(self, keys: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        """As many of the keys as one page has room for, and at least one."""
        total = 0
        for number, key in enumerate(keys):
            total += self._sizes[key]
            if number and total > PAGE_BYTES:
                return keys[:number]
        return keys

    def _transact(self, request: Request) -> Answer:
        token = request.get("ClientRequestToken")
        if token is not None and token in self._tokens:
            return {}  # the SDK repeats a call whose answer was lost
        actions = [next(iter(action.items())) for action in request["TransactItems"]]
        if len(actions) > _MAX_ACTIONS or len({_key_of(action) for _, action in actions}) < len(actions):
            raise Refused("ValidationException", "too many actions, or several on one item")
        # No two actions concern the same item, so all conditions can be checked before the first write.
        reasons = [self._cancellation(action) for _, action in actions]
        if any(reason["Code"] != "None" for reason in reasons):
            raise Refused("TransactionCanceledException", fields={"CancellationReasons": reasons})
        for kind, action in actions:
            self._write(kind, action)
        if token is not None:
            self._tokens.add(token)
        return {}

    def _cancellation(self, action: Request) -> Item:
        """Why an action cancels its transaction; the code `None` if it does not."""
        try:
            self._check(action)
        except Refused as refused:
            if refused.code == "ValidationException":
                raise
            return {"Code": refused.code.removesuffix("Exception"), **refused.fields}
        return {"Code": "None"}

    def _check(self, action: Request) -> None:
        """Raise Refused if the item is too large, or if the condition of a write does not hold."""
        if "Item" in action and _size(action["Item"]) > _MAX_ITEM_BYTES:
            raise Refused("ValidationException", "Item size has exceeded the maximum allowed size")
        condition = action.get("ConditionExpression")
        if condition is None:
            return
        item = self._items.get(_key_of(action))
        if not any(holds(action, item or {}) for holds in _terms(condition)):
            shown = item if action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" else None
            raise Refused("ConditionalCheckFailedException", fields={"Item": shown} if shown else {})

    def _write(self, kind: str, action: Request) -> None:
        """Write one item. Its condition holds."""
        self.items_written += 1
        if kind == "Put":
            self.store(action["Item"])
        elif kind == "Update":
            key: Item = action["Key"]
            self.store(_updated(self._items.get(_key(key), key), action))
        elif kind == "Delete":
            self._remove(_key(action["Key"]))
        else:
            raise ValueError(f"the action {kind!r} is unknown")

    def _remove(self, key: tuple[str, str]) -> None:
        if key in self._items:
            del self._items[key], self._sizes[key]
            sort_keys = self._sort_keys[key[0]]
            del sort_keys[bisect_left(sort_keys, key[1])]


class _ConditionalCheckFailed(ClientError):
    """The condition of a write does not hold."""


class _TransactionCanceled(ClientError):
    """The condition of an action does not hold."""


_ERRORS: dict[str, type[ClientError]] = {
    "ConditionalCheckFailedException": _ConditionalCheckFailed,
    "TransactionCanceledException": _TransactionCanceled,
}


class Client:
    """boto3's client of a table. `handle` is the method of a table in this or another process.

    It skips the slow parts of boto3: the checks of parameters, JSON, signatures and HTTP.
    """

    exceptions = SimpleNamespace(**_ERRORS)

    def __init__(self, handle: Callable[[str, Request], Answer]) -> None:
        self._handle = handle

    def put_item(self, **request: Any) -> Answer:
        """Call PutItem."""
        return self._call("PutItem", request)

    def delete_item(self, **request: Any) -> Answer:
        """Call DeleteItem."""
        return self._call("DeleteItem", request)

    def update_item(self, **request: Any) -> Answer:
        """Call UpdateItem."""
        return self._call("UpdateItem", request)

    def transact_write_items(self, **request: Any) -> Answer:
        """Call TransactWriteItems."""
        return self._call("TransactWriteItems", request)

    def query(self, **request: Any) -> Answer:
        """Call Query."""
        return self._call("Query", request)

    def get_paginator(self, operation: str) -> SimpleNamespace:
        """The paginator of `query`. There is no other one."""
        if operation != "query":
            raise ValueError(f"a paginator of {operation!r} is unknown")
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, **request: Any) -> Iterator[Answer]:
        page = self.query(**request)
        yield page
        while "LastEvaluatedKey" in page:
            page = self.query(**request, ExclusiveStartKey=page["LastEvaluatedKey"])
            yield page

    def _call(self, operation: str, request: Request) -> Answer:
        try:
            return self._handle(operation, request)
        except Refused as refused:
            answer: Any = {"Error": {"Code": refused.code, "Message": str(refused)}, **refused.fields}
            raise _ERRORS.get(refused.code, ClientError)(answer, operation) from refused


def decoded(body: str | bytes) -> Request:
    """The parameters in the JSON that botocore sends. Its binary values are base64."""
    request: Request = json.loads(body, object_hook=_without_base64)
    return request


def _without_base64(value: Item) -> Item:
    return {"B": b64decode(value["B"])} if value.keys() == {"B"} else value


# --- expressions: each is parsed once ---


@cache
def _terms(condition: str) -> tuple[_Holds, ...]:
    """The terms of a condition. One of them must hold."""
    return tuple(_all(*map(_term, text.split(" AND "))) for text in condition.split(" OR "))


def _all(*terms: _Holds) -> _Holds:
    return lambda request, item: all(holds(request, item) for holds in terms)


def _term(text: str) -> _Holds:
    text = text.strip()
    if call := re.fullmatch(r"attribute_(not_)?exists\((\S+)\)", text):
        name, wanted = call[2], call[1] is None
        return lambda request, item: (_name(request, name) in item) == wanted
    left, operator, right = text.split()
    compare = _COMPARE[operator]
    if size := re.fullmatch(r"size\((\S+)\)", left):
        name = size[1]
        return lambda request, item: (
            name in item
            and compare(len(item[name]["L"]), _plain(request["ExpressionAttributeValues"][right]))
        )

    def holds(request: Request, item: Item) -> bool:
        value = item.get(_name(request, left))
        return value is not None and compare(
            _plain(value), _plain(request["ExpressionAttributeValues"][right])
        )

    return holds


def _updated(item: Item, action: Request) -> Item:
    """The item after an update."""
    changed = dict(item)
    expression, *removed = action["UpdateExpression"].split(" REMOVE ")
    for name in removed:
        changed.pop(_name(action, name), None)
    for clause, name, value_name in _assignments(expression):
        attribute, value = _name(action, name), action["ExpressionAttributeValues"][value_name]
        if clause == "ADD":
            before = Decimal(changed.get(attribute, {"N": "0"})["N"])
            value = {"N": str(before + Decimal(value["N"]))}
        changed[attribute] = value
    return changed


@cache
def _assignments(expression: str) -> tuple[tuple[str, str, str], ...]:
    """(SET or ADD, name of the attribute, name of the value) for each part of an update."""
    start, *parts = re.split(r"\b(SET|ADD)\b", expression)
    if start.strip():
        raise ValueError(f"the update {expression!r} is unknown")
    found = []
    for clause, text in zip(parts[::2], parts[1::2], strict=True):
        for part in text.split(","):
            name, value_name = part.replace("=", " ").split()
            found.append((clause, name, value_name))
    return tuple(found)


def _name(request: Request, name: str) -> str:
    """The name of an attribute, which may be given by a placeholder."""
    return str(request["ExpressionAttributeNames"][name]) if name.startswith("#") else name


def _plain(value: Item) -> Any:
    """A value that can be compared."""
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content


def _key_of(action: Request) -> tuple[str, str]:
    return _key(action["Item"] if "Item" in action else action["Key"])


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _size(item: Item) -> int:
    """About how many bytes DynamoDB counts for an item."""
    return sum(len(name) + _size_of_value(value) for name, value in item.items())


def _size_of_value(value: Item) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "L":
            return 3 + sum(1 + _size_of_value(each) for each in content)
        case "M":
            return 3 + _size(content)
        case "BOOL":
            return 1
        case _:
            return len(content)
