"""What botocore's parsers make of two long answers, at a tenth of their time, which was most of a run's.

Handlers of its `before-parse` events. `test_chaos.py` compares both with the parsers.
"""

import base64
import json
from collections import defaultdict
from functools import cache
from typing import Any
from xml.etree import ElementTree

from botocore.utils import parse_timestamp

_OK = 200
_timestamp = cache(parse_timestamp)
_LISTS = {"Version": "Versions", "DeleteMarker": "DeleteMarkers"}
_VALUES = {"IsLatest": lambda text: text == "true", "LastModified": _timestamp}


def query(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """DynamoDB's Query."""
    if response_dict["status_code"] != _OK:
        return
    body = json.loads(response_dict["body"])
    for item in body["Items"]:
        for value in item.values():
            if "B" in value:
                value["B"] = base64.b64decode(value["B"])
    customized_response_dict |= body
    response_dict["body"] = b"{}"


def versions(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """S3's ListObjectVersions."""
    if response_dict["status_code"] != _OK:
        return
    found: dict[str, Any] = defaultdict(list)
    for element in ElementTree.fromstring(response_dict["body"]):  # noqa: S314 - the simulation wrote it
        name = _bare(element.tag)
        if name in _LISTS:
            found[_LISTS[name]].append(dict(map(_field, element)))
        elif name == "IsTruncated":
            found[name] = element.text == "true"
        else:
            found[name] = element.text or ""
    customized_response_dict |= found
    response_dict["body"] = b"<ListVersionsResult/>"


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _field(element: ElementTree.Element) -> tuple[str, Any]:
    name, text = _bare(element.tag), element.text or ""
    return name, _VALUES[name](text) if name in _VALUES else text
