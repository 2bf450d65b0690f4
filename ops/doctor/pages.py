"""Finds URLs in texts: pages in HTML, style sheets, JSON, lists of URLs, and access logs."""

import gzip
import html
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from local.errors import BadInput

_URL = re.compile(r"""(?:https?:)?//[A-Za-z0-9\[][^\s"'`<>\\^{|}]+""")
# A request in the common log format: "GET /path HTTP/1.1"
_REQUEST = re.compile(r'"(?:GET|HEAD) (/\S*) HTTP/[0-9.]+"')


def urls_of(files: Iterable[str], log_host: str) -> tuple[str, ...]:
    """All URLs of these files, with repeats. `-` is the standard input; a name that ends in .gz is unpacked.

    The paths of an access log are on `log_host`, such as `https://images.example.com`; if it is empty, they
    are left out. Raises BadInput if a file cannot be read.
    """
    return tuple(url for name in files for line in _lines(name) for url in urls_in(line, log_host))


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
