"""Finds URLs in texts: pages in HTML, style sheets, JSON, lists of URLs, and access logs."""

import gzip
import html
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from local.errors import BadInput

_URL = re.compile(r"""(?:https?:)?//[A-Za-z0-9\[][^\s"'`<>\\^{|}]+""")
# A request in the common log format: "GET /path HTTP/1.1"
_REQUEST = re.compile(r'"(?:GET|HEAD) (/\S*) HTTP/[0-9.]+"')


class Found(NamedTuple):
    """The `urls` of files, with repeats, and how many `paths` of access logs are left out, as they have no
    host."""

    urls: tuple[str, ...]
    paths: int


def urls_of(files: Iterable[str], log_host: str) -> Found:
    """Find all URLs of these files. `-` is the standard input; a name that ends in .gz is unpacked.

    The paths of an access log are on `log_host`, such as `https://images.example.com`; if it is empty, they
    are left out. Raises BadInput if a file cannot be read.
    """
    urls: list[str] = []
    paths = 0
    for name in files:
        for line in _lines(name):
            urls += urls_in(line, log_host)
            paths += not log_host and _REQUEST.search(line) is not None
    return Found(tuple(urls), paths)


def urls_in(line: str, log_host: str = "") -> Iterator[str]:
    """The URLs of a line, in their order."""
    text = html.unescape(line.replace("\\/", "/"))
    if request := _REQUEST.search(text):
        # The other URLs of such a line are the page that the image is on, and the like.
        if log_host:
            yield f"{log_host.rstrip('/')}{request[1]}"
        return
    for found in _URL.findall(text):
        url = found.rstrip(".,;:!?")
        while url.endswith(")") and url.count(")") > url.count("("):
            url = url[:-1]
        yield f"https:{url}" if url.startswith("//") else url


def _lines(name: str) -> Iterator[str]:
    if name == "-":
        yield from sys.stdin
        return
    try:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(Path(name), "rt", encoding="utf-8", errors="replace") as file:
            yield from file
    except (OSError, EOFError) as error:
        raise BadInput(
            f"--pages {name}: {error.strerror if isinstance(error, OSError) else error}"
        ) from error
