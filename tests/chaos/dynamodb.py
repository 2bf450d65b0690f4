"""As much of DynamoDB as the ledger asks for, one table, in memory.

Why not moto's: measured here, each of its calls takes 3 to 5 ms, nine tenths of it in parsing expressions
anew and copying; 200 seeds make over a hundred thousand. `--aws moto` runs the simulation without this,
and `test_chaos.py` does so with a seed. Whatever it does not know, it refuses loudly.
"""

import json
import re
from base64 import b64decode
from decimal import Decimal
from typing import Any

Item = dict[str, Any]
_LARGEST_ITEM = 400 * 1024
_OPERATORS = {
    "=": lambda one, other: one == other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


class Refused(Exception):
    """An error answer: `code` as DynamoDB has it, and further `fields` of the answer."""

    def __init__(self, code: str, message: str = "", **fields: Any) -> None:
        super().__init__(message or code)
        self.code = code
        self.fields = fields


class Table:
    """Items by (pk, sk), each attribute wrapped in its type. `handle` answers one call."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self._tokens: set[str] = set()

    def handle(self, operation: str, order: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused; KeyError or ValueError for what it does not know."""
        calls = {
            "GetItem": self._get,
            "PutItem": self._put,
            "DeleteItem": self._delete,
            "UpdateItem": self._update,
            "Query": self._query,
            "TransactWriteItems": self._transact,
        }
        return calls[operation](order)

    def _get(self, order: dict[str, Any]) -> dict[str, Any]:
        item = self.items.get(_key(order["Key"]))
        return {"Item": item} if item else {}

    def _put(self, order: dict[str, Any]) -> dict[str, Any]:
        self._check(order, order["Item"])
        if _size(order["Item"]) > _LARGEST_ITEM:
            raise Refused("ValidationException", "Item size has exceeded the maximum allowed size")
        self.items[_key(order["Item"])] = {name: _parsed(value) for name, value in order["Item"].items()}
        return {}

    def _delete(self, order: dict[str, Any]) -> dict[str, Any]:
        self._check(order, order["Key"])
        self.items.pop(_key(order["Key"]), None)
        return {}

    def _update(self, order: dict[str, Any]) -> dict[str, Any]:
        self._check(order, order["Key"])
        item = dict(self.items.get(_key(order["Key"]), order["Key"]))
        for clause, text in _clauses(order["UpdateExpression"]):
            for part in text.split(","):
                words = part.replace("=", " ").split()
                name, value = _name(order, words[0]), order["ExpressionAttributeValues"][words[1]]
                if len(words) != 2:
                    raise ValueError(f"update {part!r}")
                if clause == "ADD":
                    before = Decimal(item.get(name, {"N": "0"})["N"])
                    item[name] = {"N": str(before + Decimal(value["N"]))}
                else:
                    item[name] = value
        self.items[_key(order["Key"])] = item
        return {}

    def _query(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["KeyConditionExpression"] != "pk = :pk AND sk BETWEEN :first AND :last":
            raise ValueError(order["KeyConditionExpression"])
        values = order["ExpressionAttributeValues"]
        pk, first, last = (values[name]["S"] for name in (":pk", ":first", ":last"))
        names = order.get("ProjectionExpression")
        found = [
            {name: value for name, value in self.items[key].items() if not names or name in names.split(",")}
            for key in sorted(key for key in self.items if key[0] == pk and first <= key[1] <= last)
        ]
        return {"Items": found, "Count": len(found), "ScannedCount": len(found)}

    def _transact(self, order: dict[str, Any]) -> dict[str, Any]:
        token = order.get("ClientRequestToken")
        if token in self._tokens:
            return {}  # the SDK asks again for what was done
        actions = order["TransactItems"]
        keys = [_key(act.get("Item") or act["Key"]) for action in actions for act in action.values()]
        if len(actions) > 100 or len(set(keys)) < len(keys):
            raise Refused("ValidationException", "too many actions, or several on one item")
        before = dict(self.items)
        reasons: list[dict[str, Any]] = []
        for action in actions:
            ((kind, act),) = action.items()
            try:
                self.handle({"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem"}[kind], act)
                reasons.append({"Code": "None"})
            except Refused as refused:
                if refused.code == "ValidationException":
                    self.items = before
                    raise
                reasons.append({"Code": refused.code.removesuffix("Exception"), **refused.fields})
        if any(reason["Code"] != "None" for reason in reasons):
            self.items = before
            raise Refused("TransactionCanceledException", CancellationReasons=reasons)
        self._tokens.add(str(token))
        return {}

    def _check(self, order: dict[str, Any], key: Item) -> None:
        condition = order.get("ConditionExpression")
        item = self.items.get(_key(key))
        if condition and not any(_holds(order, item or {}, term) for term in condition.split(" OR ")):
            shown = order.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and item
            raise Refused("ConditionalCheckFailedException", **({"Item": item} if shown else {}))


def _holds(order: dict[str, Any], item: Item, term: str) -> bool:
    if call := re.fullmatch(r"attribute_(not_)?exists\((\S+)\)", term.strip()):
        return (_name(order, call[2]) in item) != bool(call[1])
    left, operator, right = term.split()
    other = order["ExpressionAttributeValues"][right]
    if size := re.fullmatch(r"size\((\S+)\)", left):
        found = item.get(size[1])
        return found is not None and bool(_OPERATORS[operator](len(found["L"]), _plain(other)))
    value = item.get(_name(order, left))
    return value is not None and bool(_OPERATORS[operator](_plain(value), _plain(other)))


def _clauses(expression: str) -> list[tuple[str, str]]:
    parts = re.split(r"\b(SET|ADD)\b", expression)
    if parts[0].strip():
        raise ValueError(f"update {expression!r}")
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _name(order: dict[str, Any], name: str) -> str:
    return str(order["ExpressionAttributeNames"][name]) if name.startswith("#") else name


def _plain(value: dict[str, Any]) -> Any:
    ((kind, text),) = value.items()
    return Decimal(text) if kind == "N" else text


def _parsed(value: dict[str, Any]) -> dict[str, Any]:
    """A value as botocore gives it back: bytes are base64 only on the way."""
    return {"B": b64decode(value["B"])} if "B" in value else value


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _size(item: Item) -> int:
    """About what DynamoDB counts: names and values, binary ones as bytes and not as base64."""
    return sum(
        len(name) + (len(value["B"]) * 3 // 4 if "B" in value else len(json.dumps(value)))
        for name, value in item.items()
    )
