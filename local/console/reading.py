"""Reads what the page sends, and refuses what it cannot be. Every function raises BadInput."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from local.console.bucket import check_key
from local.console.histories import MOST_BYTES
from local.errors import BadInput

MOST_FILES = 1000
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
    """Return (the text fields, the files) of a form.

    A browser changes names of files: a quotation mark becomes `%22`. So the page sends them in a field as
    well: `names`, a list in JSON. https://html.spec.whatwg.org/multipage/form-control-infrastructure.html
    """
    _check_size(request, MOST_BYTES)
    fields: dict[str, str] = {}
    parts: list[tuple[str, tuple[bytes, str]]] = []
    try:
        async with request.form(max_files=MOST_FILES) as sent:
            for name, value in sent.multi_items():
                if not isinstance(value, UploadFile):
                    fields[name] = value
                # A browser sends an input without a file as a part without a name: that is no file.
                elif value.filename:
                    content_type = value.content_type or "application/octet-stream"
                    parts.append((value.filename, (await value.read(), content_type)))
    except HTTPException as error:
        raise BadInput(f"The form cannot be read: {error.detail} Give at most {MOST_FILES} files.") from error
    names = [name for name, _ in parts]
    if "names" in fields:
        names = _names(fields.pop("names"), len(parts))
    return fields, _by_name(names, [content for _, content in parts])


def _names(sent: str, count: int) -> list[str]:
    try:
        names = texts({"names": json.loads(sent)}, "names", MOST_FILES)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"names is no JSON: {error}") from error
    if len(names) != count:
        raise BadInput(f"names has {len(names)} names for {count} files.")
    return names


def _by_name(names: Sequence[str], contents: Sequence[tuple[bytes, str]]) -> Files:
    files: Files = {}
    for name, content in zip(names, contents, strict=True):
        if name in files:
            raise BadInput(f"Two files have the name {name!r}: give one after the other, or rename one.")
        files[name] = content
    return files


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a text."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadInput(f"{name} is {value!r}: give a text.")
    _check_text(value, name)
    return value


def key_of(fields: Mapping[str, Any]) -> str:
    """Return the key of an object."""
    key = text(fields, "key")
    check_key(key)
    return key


def texts(fields: Mapping[str, Any], name: str, most: int) -> list[str]:
    """Return a list of texts, at most so many."""
    value = fields.get(name)
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > most:
        raise BadInput(f"{name} is no list of at most {most} texts.")
    for each in value:
        _check_text(each, name)
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


def _check_text(value: str, name: str) -> None:
    """Half a surrogate pair can stand in JSON and in names of files, but in no key and no URL."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise BadInput(
            f"{name} is {value!r}: it holds half a character, U+{ord(value[error.start]):04X}. Leave it out."
        ) from error


def _check_size(request: Request, most: int) -> None:
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise BadInput("The request does not say how long it is.")
    if int(length) > most:
        raise BadInput(f"It has {int(length):,} bytes: give at most {most:,} together.")
