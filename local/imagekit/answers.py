"""HTTP requests and answers without sockets, so that a test can use the emulator without a socket."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    ``target`` is the raw request target (``/demo/a%20b.jpg?v=1``), not decoded or normalised. ``host`` is the
    ``Host`` header, and ``authorization`` the header of that name, or None.
    """

    method: str
    target: str
    host: str = ""
    authorization: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, or a broken connection.

    ``outcome`` is the name under which it is counted. ``delay`` is how long to wait before it is sent, in
    seconds. ``reset`` means that nothing is sent and the TCP connection is reset.
    """

    status: int
    outcome: str
    body: bytes = b""
    content_type: str = "application/json"
    headers: Sequence[Header] = ()
    delay: float = 0.0
    reset: bool = False


def as_json(status: int, outcome: str, value: object, headers: Sequence[Header] = ()) -> Answer:
    """Returns an answer whose body is ``value`` as JSON."""
    return Answer(status, outcome, json.dumps(value).encode(), headers=headers)


def as_text(status: int, outcome: str, text: str, headers: Sequence[Header] = ()) -> Answer:
    """Returns an answer whose body is ``text`` and a line feed. The edge uses it for messages to a person."""
    return Answer(status, outcome, f"{text}\n".encode(), "text/plain; charset=utf-8", headers)
