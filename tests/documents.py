"""Finds the commands in the documents."""

import re
import shlex
from dataclasses import dataclass

from local.workspace import PROJECT

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "events/README.md",
    "SECURITY.md",
    "benchmarks/RESULTS.md",
    "examples/terraform/README.md",
    *sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / "docs").rglob("*.md")),
)
_PROGRAMS = ("sam", "make", "aws", "python", ".venv/bin/python", ".venv/bin/pytest")
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Command:
    """A command of a document. `words` has neither the variables before it nor the comment behind it."""

    document: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document}: {shlex.join(self.words)}"

    def option(self, name: str) -> str:
        """Returns the word after an option; empty without the option."""
        return self.words[self.words.index(name) + 1] if name in self.words else ""


def commands(*starts: str) -> list[Command]:
    """Returns all commands, in blocks and in the text, whose first words are `starts`."""
    found = []
    for document in DOCUMENTS:
        text = (PROJECT / document).read_text()
        blocks = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
        for line in [*blocks, *_INLINE.findall(_BLOCK.sub("", text))]:
            for part in line.split("&&"):
                command = Command(document, _words(part))
                if command.words[:1] and command.words[0] in _PROGRAMS:
                    found.append(command)
    return [command for command in found if command.words[: len(starts)] == starts]


def _words(line: str) -> tuple[str, ...]:
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return ()  # prose, with an apostrophe
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return tuple(words)
