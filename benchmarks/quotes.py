"""Blocks of RESULTS.md, and their quotes in other documents. Pure.

A block is text between two comments, which have lines of their own:

    <!-- results: NAME -->

    a table or a paragraph

    <!-- /results -->

A quote is a block of the same name in another document. It must have the same text.
"""

import re
from collections import Counter
from collections.abc import Mapping

_BLOCK = re.compile(
    r"^<!-- results: (?P<name>[a-z0-9-]+) -->\n(?P<body>.*?)^<!-- /results -->$", re.DOTALL | re.MULTILINE
)
_MARK = re.compile(r"<!--\s*/?\s*results\b")


class UnusableBlocks(Exception):
    """A text has a mark without its other half, or two blocks of the same name where there may be one."""


def block(name: str, body: str) -> str:
    """The text of a block. Blank lines keep the comments out of the table that they enclose."""
    return f"<!-- results: {name} -->\n\n{body.strip()}\n\n<!-- /results -->"


def blocks(text: str) -> dict[str, str]:
    """The text of each block of RESULTS.md by its name.

    Raises UnusableBlocks if a mark is misspelt or lacks its other half, or if a name comes twice.
    """
    found = _found(text)
    twice = [name for name, number in Counter(name for name, _ in found).items() if number > 1]
    if twice:
        raise UnusableBlocks(f"These blocks are there twice: {', '.join(twice)}.")
    return dict(found)


def problems(document: str, results: Mapping[str, str]) -> list[str]:
    """What is wrong with the quotes of a document. `results` are the blocks of RESULTS.md."""
    try:
        quotes = _found(document)
    except UnusableBlocks as error:
        return [str(error)]
    lacking = [f"RESULTS.md has no block {name!r}." for name, _ in quotes if name not in results]
    return lacking + [
        f"The block {name!r} differs from RESULTS.md. Run `python -m benchmarks --quote`."
        for name, body in quotes
        if name in results and body != results[name]
    ]


def requoted(document: str, results: Mapping[str, str]) -> str:
    """The document with RESULTS.md's text in each quote. A quote that RESULTS.md lacks stays as it is.

    Raises UnusableBlocks if a mark is misspelt or lacks its other half.
    """
    _found(document)
    return _BLOCK.sub(lambda quote: block(quote["name"], results.get(quote["name"], quote["body"])), document)


def _found(text: str) -> list[tuple[str, str]]:
    """(name, text) of each block, in their order."""
    found = list(_BLOCK.finditer(text))
    # A block that lacks its end would include the next one.
    marks = len(_MARK.findall(text))
    if marks != 2 * len(found) or any(_MARK.search(each["body"]) for each in found):
        raise UnusableBlocks(
            f"{marks} marks make {len(found)} blocks. Each block begins with a line `<!-- results: NAME -->` "
            "and ends with a line `<!-- /results -->`."
        )
    return [(each["name"], each["body"].strip()) for each in found]
