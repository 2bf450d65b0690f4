"""What botocore's parsers make of two long answers, at a tenth of their time, which was most of a run's.

Handlers of its `before-parse` events. `test_chaos.py` compares both with the parsers.
"""

import base64
import json
import re
from functools import cache
from typing import Any

from botocore.utils import parse_timestamp

_OK = 200
_LISTS = {"Version": "Versions", "DeleteMarker": "DeleteMarkers"}
# Of the XML that the simulation writes, no more.
_ENTRY = re.compile(r"<(Version|DeleteMarker)>(.*?)</\1>")
_FIELD = re.compile(r"<(\w+)>([^<]*)</\1>")


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
    text = response_dict["body"].decode()
    found: dict[str, Any] = dict(_FIELD.findall(_ENTRY.sub("", text)))
    found["IsTruncated"] = found["IsTruncated"] == "true"
    for tag, entry in _ENTRY.findall(text):
        found.setdefault(_LISTS[tag], []).append(dict(_entry(entry)))
    customized_response_dict |= found
    response_dict["body"] = b"<ListVersionsResult/>"


@cache
def _entry(text: str) -> dict[str, Any]:
    """A version, which stands in one page after the other."""
    entry: dict[str, Any] = dict(_FIELD.findall(text))
    entry["IsLatest"] = entry["IsLatest"] == "true"
    entry["LastModified"] = parse_timestamp(entry["LastModified"])
    return entry
