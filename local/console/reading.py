"""Reads what the page sends, and refuses what it cannot be. Every function raises BadInput."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from local.console.month import MOST_BYTES
from local.errors import BadInput

_MOST_FILES = 200
_MOST_FIELDS = 1_000_000  # bytes of a body of JSON

Files = dict[str, tuple[bytes, str]]
"""Content and content type by file name."""


async def fields_of(request: Request) -> dict[str, Any]:
    """Return the JSON object of a body."""
    _check_size(request, _MOST_FIELDS)
    try:
        fields = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The request is no JSON: {error}") from error
    if not isinstance(fields, dict):
        raise BadInput("The request is no JSON object.")
    return fields


async def files_of(request: Request) -> tuple[dict[str, str], Files]:
    """Return (the text fields, the files) of a form."""
    _check_size(request, MOST_BYTES)
    fields: dict[str, str] = {}
    files: Files = {}
    async with request.form(max_files=_MOST_FILES) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, UploadFile):
                # A browser sends an input without a file as a part without a name: that is no file.
                if not value.filename:
                    continue
                file_name = value.filename.replace("\\", "/").rpartition("/")[2]
                files[file_name] = await value.read(), value.content_type or "application/octet-stream"
            else:
                fields[name] = value
    return fields, files


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadInput(f"{name} is {value!r}: give a text.")
    return value


def texts(fields: Mapping[str, Any], name: str, most: int) -> list[str]:
    """Return a list of texts, at most so many."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > most:
        raise BadInput(f"{name} is no list of at most {most} texts.")
    return value


def flag(fields: Mapping[str, Any], name: str) -> bool:
    """Return true or false."""
    value = fields.get(name)
    if not isinstance(value, bool):
        raise BadInput(f"{name} is {value!r}: give true or false.")
    return value


def number(fields: Mapping[str, Any], name: str) -> int:
    """Return a whole number, which a form sends as a text."""
    value = fields.get(name)
    try:
        return int(str(value))
    except ValueError:
        raise BadInput(f"{name} is {value!r}: give a whole number.") from None


def _check_size(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise BadInput("The request does not say how long it is.")
    if int(length) > most:
        raise BadInput(f"It has {int(length):,} bytes: give at most {most:,} together.")
