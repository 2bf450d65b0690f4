"""What comes in and what goes out, free of sockets, so that a test can drive the emulator without one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    ``target`` is the raw request target (``/demo/a%20b.jpg?v=1``), never decoded or normalised;
    ``host`` the ``Host`` header; ``authorization`` the header of that name, or None.
    """

    method: str
    target: str
    host: str = ""
    authorization: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, or a broken connection.

    ``outcome`` is the name it is counted under; ``hold`` the seconds to wait before it is sent;
    ``reset`` means that nothing is sent and the TCP connection is reset.
    """

    status: int
    outcome: str
    body: bytes = b""
    content_type: str = "application/json"
    headers: Sequence[Header] = ()
    hold: float = 0.0
    reset: bool = False


def as_json(status: int, outcome: str, value: object, headers: Sequence[Header] = ()) -> Answer:
    """An answer whose body is ``value`` as JSON."""
    return Answer(status, outcome, json.dumps(value).encode(), headers=headers)


def as_text(status: int, outcome: str, text: str, headers: Sequence[Header] = ()) -> Answer:
    """An answer whose body is ``text`` and a line feed, for what a person reads on the edge."""
    return Answer(status, outcome, f"{text}\n".encode(), "text/plain; charset=utf-8", headers)
